import { expect, test } from "vitest";
import { txId } from "#storage/types/block.ts";
import type { TxVerdict } from "../../mempoolTypes.ts";
import { createDispatcher } from "../jsonRpc.ts";
import { MAX_SUBSCRIPTION_CLIENTS } from "../limits.ts";
import { createTestMethods } from "../testPorts.ts";
import { createTxWaiters } from "../txWaiters.ts";
import { broadcastMethods } from "./broadcast.ts";

const TX = Buffer.from("tx 1 0");
const HASH = Buffer.from(txId(TX)).toString("hex").toUpperCase();
const tx = TX.toString("base64");
const REFUSED: TxVerdict = {
  added: false,
  code: "TX_REJECTED",
  response: { code: 102, codespace: "edream", log: "ROLE_FORBIDDEN: no", gasWanted: 0n },
};
const WAYS = ["broadcast_tx_sync", "broadcast_tx_async", "broadcast_tx_commit"] as const;
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );
const verdicts = (verdict: TxVerdict) => ({ mempool: { add: async () => verdict } });

test("what the application refuses is an answer; asynchronously it is not waited for", async () => {
  const { call } = await createTestMethods(0, verdicts(REFUSED));
  const { code, codespace, log } =
    REFUSED.added === false && REFUSED.code === "TX_REJECTED" ? REFUSED.response : { code: 0 };
  expect(await call("broadcast_tx_sync", { tx })).toEqual({ code, data: "", log, codespace, hash: HASH });
  expect(await call("broadcast_tx_async", { tx })).toEqual({ code: 0, data: "", log: "", codespace: "", hash: HASH });
  expect(await call("broadcast_tx_commit", { tx })).toMatchObject({
    check_tx: { code, log, codespace },
    tx_result: { code: 0 },
    hash: HASH,
    height: "0",
  });
});

test("what the mempool refuses is an error in CometBFT's words, whichever way it was sent", async () => {
  const cases: [TxVerdict, string][] = [
    [{ added: false, code: "TX_KNOWN" }, "tx already exists in cache"],
    [{ added: false, code: "TX_TOO_LARGE", bytes: 9, maxBytes: 8 }, "Tx too large. Max size is 8, but got 9"],
    [
      { added: false, code: "MEMPOOL_FULL", txs: 10, bytes: 20 },
      "mempool is full: number of txs 10 (max: 10), total txs bytes 20 (max: 1000)",
    ],
    [
      { added: false, code: "SENDER_FULL", sender: "edream1", txs: 3 },
      "mempool is full: 3 txs of edream1 wait already",
    ],
  ];
  for (const [verdict, reason] of cases) {
    const { call } = await createTestMethods(0, verdicts(verdict));
    for (const way of WAYS)
      expect(await refusal(call(way, { tx }))).toBe(
        way === "broadcast_tx_commit" ? `error on broadcastTxCommit: ${reason}` : reason,
      );
  }
});

test("asynchronously a transaction whose check takes its time is answered at once", async () => {
  const { call } = await createTestMethods(0, { mempool: { add: () => new Promise<TxVerdict>(() => undefined) } });
  expect(await call("broadcast_tx_async", { tx })).toMatchObject({ code: 0, hash: HASH });
});

test("commit answers with what became of the transaction in its block", async () => {
  const added = Promise.withResolvers<TxVerdict>();
  const { call, happenings, chain } = await createTestMethods(1, { mempool: { add: () => added.promise } });
  const answer = call("broadcast_tx_commit", { tx });
  added.resolve({ added: true });
  const [saved] = chain;
  if (saved === undefined) throw new Error("no block");
  const { block, blockId, response } = saved;
  expect(block.txs[0]).toEqual(TX);
  // A block without it first.
  happenings.tell({ type: "block", committed: { block: { ...block, txs: [] }, blockId, response } });
  happenings.tell({ type: "block", committed: { block, blockId, response } });
  expect(await answer).toMatchObject({
    check_tx: { code: 0 },
    tx_result: { code: 0, data: TX.subarray(0, 2).toString("base64") },
    hash: HASH,
    height: "1",
  });
});

test("commit is answered too when the block comes before the mempool's verdict", async () => {
  const added = Promise.withResolvers<TxVerdict>();
  const { call, happenings, chain } = await createTestMethods(1, { mempool: { add: () => added.promise } });
  const answer = call("broadcast_tx_commit", { tx });
  const [saved] = chain;
  if (saved === undefined) throw new Error("no block");
  // The request is read in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  happenings.tell({ type: "block", committed: saved });
  added.resolve({ added: true });
  expect(await answer).toMatchObject({ height: "1" });
});

/** The broadcast methods with a waiting time of their own. */
function withTimeout(timeoutMs: number, add: () => Promise<TxVerdict>) {
  const waiters = createTxWaiters();
  const port = { add, first: () => [], stats: () => ({ txs: 0, bytes: 0 }), limits: { maxTxs: 1, maxBytes: 1 } };
  const methods = broadcastMethods(port, waiters, timeoutMs);
  const dispatcher = createDispatcher(methods, (_method, error) => expect.unreachable(String(error)));
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "broadcast_tx_commit", params: { tx } });
  return {
    waiters,
    send: async (signal = new AbortController().signal) =>
      (await dispatcher.answerBody(body, { remote: "test", signal, connection: undefined })).text,
  };
}

test("commit gives up when no block comes in time, or the client is gone, and forgets whom it waited for", async () => {
  const { waiters, send } = withTimeout(5, async () => ({ added: true }));
  expect(await send()).toContain("timed out waiting for tx to be included in a block");
  const patient = withTimeout(1_000_000, async () => ({ added: true }));
  const client = new AbortController();
  const answer = patient.send(client.signal);
  await expect.poll(() => patient.waiters.waiting).toBe(1);
  client.abort();
  await answer;
  expect([waiters.waiting, patient.waiters.waiting]).toEqual([0, 0]);
});

test(`${MAX_SUBSCRIPTION_CLIENTS} clients wait for a block, one more is refused`, async () => {
  const { waiters, send } = withTimeout(1_000_000, async () => ({ added: true }));
  const clients = Array.from({ length: MAX_SUBSCRIPTION_CLIENTS }, () => new AbortController());
  const answers = clients.map(({ signal }) => send(signal));
  await expect.poll(() => waiters.waiting).toBe(MAX_SUBSCRIPTION_CLIENTS);
  expect(await send()).toContain(`max_subscription_clients ${MAX_SUBSCRIPTION_CLIENTS} reached`);
  for (const client of clients) client.abort();
  await Promise.all(answers);
});
