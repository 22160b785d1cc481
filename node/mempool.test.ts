import { hash } from "node:crypto";
import { expect, test } from "vitest";
import type { CheckTxResponse } from "#consensus/abci.ts";
import { blockDataBytes, createMempool } from "./mempool.ts";
import type { MempoolOptions, MempoolPorts, TxVerdict } from "./mempoolTypes.ts";

const LIMITS: MempoolOptions = { maxTxs: 100, maxBytes: 10_000, maxTxBytes: 100, cacheSize: 100 };

const text = (content: string) => new TextEncoder().encode(content);
const shown = (txs: readonly Uint8Array[]) => txs.map((tx) => new TextDecoder().decode(tx));
const codes = (verdicts: readonly TxVerdict[]) => verdicts.map((verdict) => (verdict.added ? "added" : verdict.code));
const response = (code: number): CheckTxResponse => ({ code, codespace: "test", log: "", gasWanted: 0n });

/** A pool whose application refuses what `refused` holds. */
function pool(options: Partial<MempoolOptions> = {}, ports: Partial<MempoolPorts> = {}) {
  const refused = new Set<string>();
  const checked: string[] = [];
  const announced: string[] = [];
  const mempool = createMempool(
    { ...LIMITS, ...options },
    {
      checkTx: ({ tx, type }) => {
        const [content = ""] = shown([tx]);
        checked.push(`${type} ${content}`);
        return response(refused.has(content) ? 7 : 0);
      },
      prepareVerification: async () => undefined,
      onAdded: (txs) => announced.push(...shown(txs)),
      ...ports,
    },
  );
  return { mempool, refused, checked, announced };
}

test("valid transactions are reaped in order of arrival, and only new ones are announced", async () => {
  const { mempool, announced } = pool();
  expect(codes(await mempool.addBatch([text("a"), text("b"), text("a")]))).toEqual(["added", "added", "TX_KNOWN"]);
  expect(codes(await mempool.addBatch([text("b"), text("c")]))).toEqual(["TX_KNOWN", "added"]);
  expect(shown(mempool.reap(1000))).toEqual(["a", "b", "c"]);
  expect(announced).toEqual(["a", "b", "c"]);
  expect(mempool.has(hash("sha256", text("c"), "hex"))).toBe(true);
});

test("a batch whose signatures take longer still enters before the one that arrived after it", async () => {
  const slow = Promise.withResolvers<void>();
  const prepared: string[] = [];
  const { mempool } = pool(
    {},
    {
      prepareVerification: async (txs) => {
        prepared.push(...shown(txs));
        if (shown(txs).includes("first")) await slow.promise;
      },
    },
  );
  const first = mempool.addBatch([text("first")]);
  const second = mempool.addBatch([text("second")]);
  expect(prepared).toEqual(["first", "second"]);
  slow.resolve();
  await Promise.all([first, second]);
  expect(shown(mempool.reap(1000))).toEqual(["first", "second"]);
});

test("a failing signature preparation leaves the verdict to CheckTx", async () => {
  const { mempool } = pool({}, { prepareVerification: () => Promise.reject(new Error("worker lost")) });
  expect(codes(await mempool.addBatch([text("a")]))).toEqual(["added"]);
});

test("a transaction at the size limit enters and one byte more is TX_TOO_LARGE", async () => {
  const { mempool } = pool();
  const verdicts = await mempool.addBatch([new Uint8Array(100), new Uint8Array(101)]);
  expect(verdicts).toEqual([{ added: true }, { added: false, code: "TX_TOO_LARGE", bytes: 101, maxBytes: 100 }]);
});

test("the pool is full at maxTxs and at maxBytes, counting what is still being verified", async () => {
  const gate = Promise.withResolvers<void>();
  const byCount = pool({ maxTxs: 2 }, { prepareVerification: () => gate.promise });
  const waiting = byCount.mempool.addBatch([text("a"), text("b")]);
  expect(await byCount.mempool.addBatch([text("c")])).toEqual([
    { added: false, code: "MEMPOOL_FULL", txs: 2, bytes: 2 },
  ]);
  gate.resolve();
  expect(codes(await waiting)).toEqual(["added", "added"]);

  const byBytes = pool({ maxBytes: 150 });
  expect(codes(await byBytes.mempool.addBatch([new Uint8Array(100), new Uint8Array(51).fill(1)]))).toEqual([
    "added",
    "MEMPOOL_FULL",
  ]);
  expect(codes(await byBytes.mempool.addBatch([new Uint8Array(50).fill(1)]))).toEqual(["added"]);
});

test("a sender beyond its share is refused and gets its share back when a block takes its transactions", async () => {
  const { mempool } = pool(
    { maxPerSender: 2 },
    { senderOf: (tx) => (tx.length > 1 ? shown([tx.subarray(0, 1)])[0] : undefined) },
  );
  const verdicts = await mempool.addBatch([text("x1"), text("x2"), text("x3"), text("y1"), text("z")]);
  expect(codes(verdicts)).toEqual(["added", "added", "SENDER_FULL", "added", "added"]);
  await mempool.update(1, [text("x1")]);
  expect(codes(await mempool.addBatch([text("x3"), text("x4")]))).toEqual(["added", "SENDER_FULL"]);
});

test("an invalid transaction is rejected with the application's answer and judged afresh the next time", async () => {
  const { mempool, refused } = pool();
  refused.add("a");
  expect(await mempool.addBatch([text("a")])).toEqual([{ added: false, code: "TX_REJECTED", response: response(7) }]);
  refused.delete("a");
  expect(codes(await mempool.addBatch([text("a")]))).toEqual(["added"]);
});

test("a block removes what it holds, rechecks the rest, and keeps committed ids out", async () => {
  const { mempool, refused, checked } = pool();
  await mempool.addBatch([text("a"), text("b"), text("c")]);
  refused.add("b");
  await mempool.update(5, [text("a"), text("elsewhere")]);
  expect(shown(mempool.reap(1000))).toEqual(["c"]);
  expect(checked.slice(3)).toEqual(["recheck b", "recheck c"]);
  expect(codes(await mempool.addBatch([text("a"), text("elsewhere")]))).toEqual(["TX_KNOWN", "TX_KNOWN"]);
  refused.delete("b");
  expect(codes(await mempool.addBatch([text("b")]))).toEqual(["added"]);
  expect(mempool.stats).toMatchObject({ txs: 2, bytes: 2, pending: 0, committed: 1, evicted: 1 });
});

test("while a commit holds the lock nothing is checked, and afterwards everything is", async () => {
  const { mempool, checked } = pool();
  mempool.lock();
  const adding = mempool.addBatch([text("a")]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(checked).toEqual([]);
  await mempool.update(1, []);
  expect(codes(await adding)).toEqual(["added"]);
  mempool.lock();
  const again = mempool.addBatch([text("b")]);
  mempool.unlock();
  expect(codes(await again)).toEqual(["added"]);
});

test("during a long recheck only what has been checked is offered to a proposal", async () => {
  const { mempool } = pool({ maxTxs: 1000 });
  const txs = Array.from({ length: 600 }, (_, index) => text(`tx ${index}`));
  await mempool.addBatch(txs);
  const updating = mempool.update(1, txs.slice(0, 1));
  expect(mempool.reap(1_000_000).length).toBe(256);
  await updating;
  expect(mempool.reap(1_000_000).length).toBe(599);
});

test("reap stops at the first transaction that does not fit, counted as a block's data counts it", async () => {
  const { mempool } = pool({ maxTxBytes: 1000 });
  await mempool.addBatch([new Uint8Array(127), new Uint8Array(128), text("small")]);
  expect(blockDataBytes(new Uint8Array(127))).toBe(129);
  expect(blockDataBytes(new Uint8Array(128))).toBe(131);
  expect(mempool.reap(259).length).toBe(1);
  expect(mempool.reap(260).length).toBe(2);
  expect(mempool.reap(10_000, 1).length).toBe(1);
});

test("waitForTxs resolves on the first transaction, at once if there is one, and rejects when aborted", async () => {
  const { mempool } = pool();
  const waiting = mempool.waitForTxs();
  await mempool.addBatch([text("a")]);
  await waiting;
  await mempool.waitForTxs();
  await mempool.update(1, [text("a")]);
  const controller = new AbortController();
  const aborted = mempool.waitForTxs(controller.signal);
  controller.abort(new Error("stopping"));
  await expect(aborted).rejects.toThrow("stopping");
});
