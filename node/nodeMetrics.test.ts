import { expect, test } from "vitest";
import { generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { OPERATOR_KEY_NAME } from "./cli/keyNames.ts";
import { accountOf } from "./cli/keyStore.ts";
import { createTestNetwork, eventually } from "./testNetwork.ts";

/** Samples of the metrics page by name, labels added up. */
async function samples(url: string): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>();
  const text = await (await fetch(`${url}/metrics`)).text();
  for (const [, name = "", value] of text.matchAll(/^(ledger_\w+)(?:\{[^}]*\})? (\S+)$/gm))
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  return sums;
}

/** What a validator that made blocks with a transaction, and sent them to a peer, must have counted. */
const MOVING = [
  "ledger_consensus_height",
  "ledger_consensus_validators",
  "ledger_consensus_block_interval_seconds_count",
  "ledger_consensus_block_txs_total",
  "ledger_consensus_block_bytes_total",
  "ledger_consensus_apply_seconds_count",
  "ledger_mempool_added_txs_total",
  "ledger_mempool_refused_txs_total",
  "ledger_network_peers",
  "ledger_network_sent_bytes_total",
  "ledger_network_received_bytes_total",
  "ledger_verifier_checks_total",
  "ledger_verifier_batch_seconds_count",
  "ledger_store_block_bytes",
  "ledger_store_batch_seconds_count",
  "ledger_store_wal_sync_seconds_count",
  "ledger_api_request_seconds_count",
];

test("every figure of a running validator moves, and its peers are shown with their heights", {
  timeout: 30_000,
}, async () => {
  await using network = await createTestNetwork({ validators: 1, full: 1 });
  const url = (await network.start("validator0")).api?.url ?? "";
  await network.start("full0");
  const key = network.plan.nodes[0]?.keys[OPERATOR_KEY_NAME] as PrivateKey;
  const authority = accountOf(publicKeyOf(key)).account;
  const member = accountOf(publicKeyOf(generatePrivateKey("secp256k1"))).account;
  const state = (await (await fetch(`${url}/ledger/v1/accounts/${authority}`)).json()) as { accountNumber: string };
  const tx = signTransaction({
    chainId: network.chainId,
    messages: [ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" })],
    signers: [{ privateKey: key, accountNumber: BigInt(state.accountNumber), sequence: 0n }],
  });
  const post = (wait: string) =>
    fetch(`${url}/ledger/v1/transactions?wait=${wait}`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(tx),
    });
  expect((await post("commit")).status).toBe(200);
  // The same bytes again: refused as known.
  await post("sync");
  const resting = async () => {
    const seen = await samples(url);
    return MOVING.filter((name) => !((seen.get(name) ?? 0) > 0));
  };
  await expect.poll(resting, { timeout: 20_000 }).toEqual([]);
  const peers = await eventually(async () => {
    const body = (await (await fetch(`${url}/ledger/v1/peers`)).json()) as {
      peers: { role: string; height: number }[];
    };
    return body.peers.some(({ height }) => height > 1) ? body.peers : undefined;
  });
  expect(peers).toMatchObject([{ role: "full" }]);
});
