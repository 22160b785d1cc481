import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { formatGenesis, type Genesis, parseGenesis } from "#storage/types/genesis.ts";
import { COMETBFT_CONSENSUS_PARAMS } from "#storage/types/params.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { ledgerIdOf } from "./ledgerId.ts";

test("the ledger's id is one for every spelling of its genesis, and another for another genesis", () => {
  const genesis: Genesis = {
    genesisTime: timestampFromMs(1_700_000_000_000),
    chainId: "grid-1",
    initialHeight: 1,
    consensusParams: COMETBFT_CONSENSUS_PARAMS,
    validators: [],
    appHash: new Uint8Array(0),
    appState: { owner: "edream1" },
  };
  const text = formatGenesis(genesis);
  expect(ledgerIdOf(genesis)).toEqual(sha256(Buffer.from(text)));
  expect(ledgerIdOf(parseGenesis(JSON.stringify(JSON.parse(text))))).toEqual(ledgerIdOf(genesis));
  expect(ledgerIdOf({ ...genesis, chainId: "grid-2" })).not.toEqual(ledgerIdOf(genesis));
});
