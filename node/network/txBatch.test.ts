import { expect, test } from "vitest";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { encodeFrame } from "./framing.ts";
import { TX_BATCH_MAX_TXS } from "./limits.ts";
import { createManualClock } from "./manualClock.ts";
import { decodeTxBatch, encodeTxBatch } from "./txBatch.ts";
import { createTxBatcher } from "./txBatcher.ts";

const malformed = expect.objectContaining({ code: "TX_BATCH_MALFORMED" });

test("a batch comes out as it went in", () => {
  const txs = [1, 200, 20_000].map((length) => new Uint8Array(length).fill(length));
  expect(decodeTxBatch(encodeTxBatch(txs))).toEqual(txs);
});

test("the largest transaction travels, one byte more does not, and neither does a batch of too many", () => {
  expect(decodeTxBatch(encodeTxBatch([new Uint8Array(MAX_TX_BYTES)]))).toHaveLength(1);
  expect(() => decodeTxBatch(encodeTxBatch([new Uint8Array(MAX_TX_BYTES + 1)]))).toThrow(malformed);
  const many = (count: number) => encodeTxBatch(Array.from({ length: count }, () => Uint8Array.of(1)));
  expect(decodeTxBatch(many(TX_BATCH_MAX_TXS))).toHaveLength(TX_BATCH_MAX_TXS);
  expect(() => decodeTxBatch(many(TX_BATCH_MAX_TXS + 1))).toThrow(malformed);
});

test.each([
  { name: "nothing", bytes: new Uint8Array() },
  { name: "an empty transaction", bytes: encodeFrame(new Uint8Array()) },
  { name: "a cut transaction", bytes: encodeFrame(new Uint8Array(10)).subarray(0, 9) },
  { name: "a length without end", bytes: new Uint8Array(20).fill(0xff) },
])("$name is TX_BATCH_MALFORMED", ({ bytes }) => {
  expect(() => decodeTxBatch(bytes)).toThrow(malformed);
});

function batcher() {
  const clock = createManualClock();
  const sent: number[][] = [];
  return { clock, sent, batcher: createTxBatcher(clock, (txs) => sent.push(txs.map((tx) => tx.length))) };
}

test("a batch leaves at 16 KiB, or 5 ms after its first transaction", () => {
  const { clock, sent, batcher: batches } = batcher();
  batches.add(new Uint8Array(16_383));
  expect(sent).toEqual([]);
  batches.add(new Uint8Array(1));
  expect(sent).toEqual([[16_383, 1]]);
  batches.add(new Uint8Array(100));
  clock.advance(3);
  batches.add(new Uint8Array(200));
  clock.advance(1.9);
  expect(sent).toHaveLength(1);
  clock.advance(0.1);
  expect(sent[1]).toEqual([100, 200]);
  clock.advance(100);
  expect(sent).toHaveLength(2);
  expect(clock.scheduled).toBe(0);
});

test("a large transaction goes alone, after those that came before it", () => {
  const { sent, batcher: batches } = batcher();
  batches.add(new Uint8Array(10));
  batches.add(new Uint8Array(65_536));
  expect(sent).toEqual([[10], [65_536]]);
});
