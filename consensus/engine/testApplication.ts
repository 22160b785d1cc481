import { sha256 } from "#storage/crypto/hash.ts";
import type { Application, ExecTxResult, ValidatorUpdate } from "../abci.ts";

/**
 * A trivial application for the tests of the engine: it keeps the list of the transactions it executed, so that one lost or applied
 * twice shows. "val HEX POWER" changes a validator; a block with "refuse" is refused by processProposal.
 */
export interface TestApplication extends Application {
  /** Texts of all committed transactions. */
  readonly committed: readonly string[];
}

/** `stored` is what `commit` last returned to be written. */
export function createTestApplication(stored?: { height: number; txs: readonly string[] }): TestApplication {
  let height = stored?.height ?? 0;
  let committed = [...(stored?.txs ?? [])];
  let working: { height: number; txs: string[] } | undefined;

  return {
    get committed() {
      return committed;
    },
    info: () => ({
      data: "test",
      version: "1",
      appVersion: 0,
      lastBlockHeight: height,
      lastBlockAppHash: hashOf(committed),
    }),
    initChain: () => ({ appHash: hashOf([]), validators: [] }),
    checkTx: () => ({ code: 0, codespace: "", log: "", gasWanted: 0n }),
    prepareProposal: ({ txs }) => ({ txs: txs.filter((tx) => !committed.includes(textOf(tx))) }),
    processProposal: ({ txs }) => ({ accepted: !txs.some((tx) => textOf(tx) === "refuse"), reason: "refuse" }),
    finalizeBlock(request) {
      const texts = request.txs.map(textOf);
      working = { height: request.height, txs: [...committed, ...texts] };
      const validatorUpdates = texts.flatMap((text): ValidatorUpdate[] => {
        const [word, hex, power] = text.split(" ");
        if (word !== "val" || hex === undefined || power === undefined) return [];
        return [{ publicKey: { type: "ed25519", bytes: Buffer.from(hex, "hex") }, power: BigInt(power) }];
      });
      return { txResults: texts.map(() => RESULT), events: [], validatorUpdates, appHash: hashOf(working.txs) };
    },
    commit() {
      if (working === undefined) throw new TypeError("commit without finalizeBlock");
      committed = working.txs;
      height = working.height;
      working = undefined;
      return { retainHeight: 0, writes: [{ key: Buffer.from("txs"), value: Buffer.from(JSON.stringify(committed)) }] };
    },
    query: () => ({ code: 0, codespace: "", log: "", key: EMPTY, value: EMPTY, proof: EMPTY, height }),
  };
}

const EMPTY = new Uint8Array(0);

const RESULT: ExecTxResult = {
  code: 0,
  codespace: "",
  data: EMPTY,
  log: "",
  gasWanted: 0n,
  gasUsed: 0n,
  events: [],
};

/** Constant over empty blocks. */
function hashOf(txs: readonly string[]): Uint8Array {
  return sha256(Buffer.from(`${txs.length} ${txs.at(-1) ?? ""}`));
}

function textOf(tx: Uint8Array): string {
  return Buffer.from(tx).toString();
}
