import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { blockIndexOperations, pruneBlockIndexOperations } from "./blockIndex.ts";
import { bucketRange } from "./buckets.ts";
import { scanBlocks, scanTxPositions, scanTxs } from "./indexScan.ts";
import { createMemoryStore } from "./memoryStore.ts";
import type { Store } from "./store.ts";
import { indexOperations } from "./txIndex.ts";
import { MAX_ATTRIBUTE_VALUE_BYTES } from "./txIndexKeys.ts";

const LONG = "x".repeat(MAX_ATTRIBUTE_VALUE_BYTES + 1);
const ALL = { from: 0, to: 1000 };
const event = (type: string, key: string, value: string, index = true) => ({
  type,
  attributes: [{ key, value, index }],
});

/** Heights 1 to 12 with two transactions each; blocks of even height have an event of their own. */
async function makeStore(): Promise<Store> {
  const store = createMemoryStore();
  for (let height = 1; height <= 12; height++) {
    const txs = [0, 1].map((index) => ({
      txId: sha256(Buffer.from(`${height}/${index}`)),
      events: [event("seal", "end", String(height * 10 + index)), event("seal", "meter", index === 0 ? "m" : LONG)],
    }));
    const events = height % 2 === 0 ? [event("exclusion", "validator", `v${height % 4}`)] : [];
    await store.batch([...indexOperations(height, txs), ...blockIndexOperations(height, events)], { sync: false });
  }
  return store;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("transactions of an attribute's one value come in the order of the chain, within the heights asked for", async () => {
  const store = await makeStore();
  const found = await all(scanTxs(store, { name: "seal.meter", value: "m" }, { from: 3, to: 5 }));
  expect(found).toEqual([3, 4, 5].map((height) => ({ height, index: 0, value: "m" })));
  expect(await all(scanTxs(store, { name: "seal.meter", value: "n" }, ALL))).toEqual([]);
  expect(await all(scanTxs(store, { name: "seal.met", value: "" }, ALL))).toEqual([]);
});

test("all values of an attribute's name are scanned, and no other name's", async () => {
  const store = await makeStore();
  const ends = await all(scanTxs(store, { name: "seal.end" }, { from: 9, to: 11 }));
  expect(ends.map(({ value }) => value).sort()).toEqual(["100", "101", "110", "111", "90", "91"]);
  expect(ends.every(({ height, index, value }) => value === String(height * 10 + index))).toBe(true);
  expect(await all(scanTxs(store, { name: "seal" }, ALL))).toEqual([]);
  expect(await all(scanTxs(store, { name: "n".repeat(300) }, ALL))).toEqual([]);
});

test("a value too long for a key is found by its hash, and scanned without its text", async () => {
  const store = await makeStore();
  const exact = await all(scanTxs(store, { name: "seal.meter", value: LONG }, { from: 2, to: 2 }));
  expect(exact).toEqual([{ height: 2, index: 1, value: undefined }]);
  const scanned = await all(scanTxs(store, { name: "seal.meter" }, { from: 2, to: 2 }));
  expect(scanned.map(({ value }) => value)).toEqual(["m", undefined]);
});

test("every transaction of some heights is scanned without an attribute", async () => {
  const positions = await all(scanTxPositions(await makeStore(), { from: 11, to: 12 }));
  expect(positions).toEqual([11, 12].flatMap((height) => [0, 1].map((index) => ({ height, index }))));
});

test("blocks are found by their own events, until they are pruned", async () => {
  const store = await makeStore();
  const of = (attribute: { name: string; value?: string }) => all(scanBlocks(store, attribute, ALL));
  expect((await of({ name: "exclusion.validator", value: "v0" })).map(({ height }) => height)).toEqual([4, 8, 12]);
  expect((await of({ name: "exclusion.validator" })).map(({ value }) => value)).toEqual([
    "v0",
    "v0",
    "v0",
    "v2",
    "v2",
    "v2",
  ]);
  expect(await of({ name: "seal.end" })).toEqual([]);
  await store.batch(await pruneBlockIndexOperations(store, 8, 2), { sync: false });
  expect((await of({ name: "exclusion.validator" })).map(({ height }) => height).sort((a, b) => a - b)).toEqual([
    6, 8, 10, 12,
  ]);
  await store.batch(await pruneBlockIndexOperations(store, 13, 100), { sync: false });
  for (const bucket of ["blockByAttribute", "blockAttributes"] as const)
    expect(await all(store.iterate(bucketRange(bucket)))).toEqual([]);
});
