import { expect, test } from "vitest";
import { createMemoryStore } from "../db/memoryStore.ts";
import { clearAssetIndex, loadAssetCursor } from "./assetIndex.ts";
import { createAssetQueries } from "./assetQueries.ts";
import { MAX_INDEXED_TOKENS, parseWithDigits } from "./assetText.ts";
import { idOf, indexBlock, indexedTx, listOf } from "./testAssets.ts";

const ALICE = "Eezr1swmCLzrDpDUuCX8m4BJJE7wG8SAg1GzG23tVkhp";
const BOB = "G1x85GUV9h7AeAuBVaJpYxhyLTZnELVPEFcSMiL7qqXC";

/** An asset that goes from Alice to Bob, and another of Alice's. */
async function chain() {
  const store = createMemoryStore();
  const meter = indexedTx({
    seed: "meter",
    owners: [ALICE, ALICE],
    data: { name: "Smart Meter", tags: ["smart", "terni"] },
  });
  const moved = indexedTx({
    seed: "moved",
    assetId: meter.id,
    spends: [[meter.id, 1]],
    owners: [BOB],
    metadata: { attrName: "P", attrValue: "-84.891" },
  });
  const other = indexedTx({
    seed: "other",
    owners: [ALICE],
    data: { name: "Smart plug" },
    metadata: { attrName: "P", size: 1.0 },
  });
  await indexBlock(store, 3, [meter]);
  await indexBlock(store, 4, []);
  await indexBlock(store, 7, [moved, other]);
  return { store, queries: createAssetQueries(store), meter, moved, other };
}

const ids = async (found: AsyncIterable<{ readonly id: string }>) => (await listOf(found)).map(({ id }) => id);

test("a transaction is found by its id, with its place, time and bytes", async () => {
  const { queries, moved } = await chain();
  expect(await queries.transaction(moved.id)).toEqual({ ...moved, height: 7, index: 0, timeMs: 7000 });
  expect(await queries.transaction(idOf("nobody"))).toBeUndefined();
  expect(await queries.transaction("short")).toBeUndefined();
});

test("outputs of a key are all, spent or unspent, in the order of the chain", async () => {
  const { queries, meter, moved, other } = await chain();
  const outputs = async (key: string, spent?: boolean) =>
    (await listOf(queries.outputsOf(key, { spent }))).map(({ transactionId, outputIndex }) => [
      transactionId,
      outputIndex,
    ]);
  expect(await outputs(ALICE)).toEqual([
    [meter.id, 0],
    [meter.id, 1],
    [other.id, 0],
  ]);
  expect(await outputs(ALICE, true)).toEqual([[meter.id, 1]]);
  expect(await outputs(ALICE, false)).toEqual([
    [meter.id, 0],
    [other.id, 0],
  ]);
  expect(await outputs(BOB, false)).toEqual([[moved.id, 0]]);
  expect(await outputs("nobody")).toEqual([]);
  expect(await queries.spenderOf({ transactionId: meter.id, outputIndex: 1 })).toBe(moved.id);
  expect(await queries.spenderOf({ transactionId: meter.id, outputIndex: 0 })).toBeUndefined();
  expect(await queries.spenderOf({ transactionId: meter.id, outputIndex: -1 })).toBeUndefined();
});

test("a key that is in the condition but in no public_keys owns nothing, and the other way round", async () => {
  const store = createMemoryStore();
  const tx = indexedTx({ seed: "odd", owners: [ALICE] });
  await indexBlock(store, 1, [
    { ...tx, json: tx.json.replace(`"public_keys":["${ALICE}"]`, `"public_keys":["${BOB}"]`) },
  ]);
  const queries = createAssetQueries(store);
  expect(await listOf(queries.outputsOf(ALICE))).toEqual([]);
  expect(await listOf(queries.outputsOf(BOB))).toEqual([]);
});

test("an asset's transactions come with the CREATE first, by operation, or the newest alone", async () => {
  const { queries, meter, moved } = await chain();
  expect(await ids(queries.transactionsOf(meter.id))).toEqual([meter.id, moved.id]);
  expect(await ids(queries.transactionsOf(meter.id.toUpperCase(), { operation: "TRANSFER" }))).toEqual([moved.id]);
  expect(await ids(queries.transactionsOf(meter.id, { operation: "CREATE" }))).toEqual([meter.id]);
  expect(await ids(queries.transactionsOf(meter.id, { last: true }))).toEqual([moved.id]);
  expect(await ids(queries.transactionsOf(idOf("nobody")))).toEqual([]);
});

test("what follows a cursor is exactly the rest", async () => {
  const { queries, meter } = await chain();
  const whole = await listOf(queries.outputsOf(ALICE));
  for (const [at, { cursor }] of whole.entries())
    expect(await listOf(queries.outputsOf(ALICE, { after: cursor }))).toEqual(whole.slice(at + 1));
  const history = await listOf(queries.transactionsOf(meter.id));
  expect(await listOf(queries.transactionsOf(meter.id, { after: history[0]?.cursor }))).toEqual(history.slice(1));
  const found = await listOf(queries.search("asset", "smart"));
  expect(found.length).toBe(2);
  expect(await listOf(queries.search("asset", "smart", found[0]?.cursor))).toEqual(found.slice(1));
  expect(await listOf(queries.outputsOf(ALICE, { after: "00" }))).toEqual([]);
});

test("text is found by any of its words in any case, most hits first; numbers are not text", async () => {
  const { queries, meter, moved, other } = await chain();
  expect(await ids(queries.search("asset", "SMART terni"))).toEqual([meter.id, other.id]);
  expect(await ids(queries.search("asset", "plug"))).toEqual([other.id]);
  expect(await ids(queries.search("asset", meter.id))).toEqual([meter.id]);
  expect(await ids(queries.search("metadata", '"-84.891"'))).toEqual([moved.id]);
  expect(await ids(queries.search("metadata", "p"))).toEqual([moved.id, other.id]);
  expect(await ids(queries.search("metadata", "1"))).toEqual([]);
  expect(await ids(queries.search("asset", "name"))).toEqual([]);
  expect(await ids(queries.search("metadata", meter.id))).toEqual([meter.id]);
});

test("metadata is found by field and value, numbers by their digits", async () => {
  const { queries, moved, other } = await chain();
  expect(await ids(queries.transactionsByField("attrName", "P"))).toEqual([moved.id, other.id]);
  expect(await ids(queries.transactionsByField("size", "1"))).toEqual([other.id]);
  expect(await ids(queries.transactionsByField("attrName", ""))).toEqual([]);
});

test("a stretch of time has the blocks in it, both ends included", async () => {
  const { queries, meter, moved, other } = await chain();
  expect(await ids(queries.transactionsBetween({ fromMs: 3000, toMs: 6999 }))).toEqual([meter.id]);
  expect(await ids(queries.transactionsBetween({ fromMs: 3001 }))).toEqual([moved.id, other.id]);
  expect(await ids(queries.transactionsBetween({ fromMs: 7001 }))).toEqual([]);
  expect(await ids(queries.transactionsOf(meter.id, { fromMs: 3001 }))).toEqual([moved.id]);
  expect(await ids(queries.transactionsOfBlock(7))).toEqual([moved.id, other.id]);
  expect(await ids(queries.transactionsOfBlock(4))).toEqual([]);
});

test("the cursor is the last block, and an index that is thrown away has neither it nor anything else", async () => {
  const { store, queries, meter } = await chain();
  expect(await loadAssetCursor(store)).toMatchObject({ height: 7, firstHeight: 3 });
  await clearAssetIndex(store);
  expect(await loadAssetCursor(store)).toBeUndefined();
  expect(await queries.transaction(meter.id)).toBeUndefined();
  expect(await listOf(store.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }))).toEqual([]);
});

test("a search with a phrase opens so many documents and no more, the highest scores first", async () => {
  const store = createMemoryStore();
  const txs = ["meter", "meter meter", "meter meter meter last"].map((words, n) =>
    indexedTx({ seed: `${n}`, data: { words } }),
  );
  await indexBlock(store, 1, txs);
  const found = async (text: string, maxMatchedDocuments: number) => {
    const all = await ids(createAssetQueries(store, { maxMatchedDocuments }).search("asset", text));
    return all.map((id) => txs.findIndex((tx) => tx.id === id));
  };
  expect(await found("meter", 1)).toEqual([2, 1, 0]);
  expect(await found('"meter"', 3)).toEqual([2, 1, 0]);
  expect(await found('"meter"', 2)).toEqual([2, 1]);
  expect(await found("meter -last", 3)).toEqual([1, 0]);
  expect(await found("meter -last", 2)).toEqual([1]);
});

test("a document with more words than are indexed is found by the first ones", async () => {
  const store = createMemoryStore();
  const words = Array.from({ length: 2 * MAX_INDEXED_TOKENS }, (_, i) => `w${i}`).join(" ");
  const tx = indexedTx({ seed: "long", data: { words } });
  await indexBlock(store, 1, [tx]);
  const queries = createAssetQueries(store);
  expect(await ids(queries.search("asset", "w0"))).toEqual([tx.id]);
  expect(await ids(queries.search("asset", `w${2 * MAX_INDEXED_TOKENS - 1}`))).toEqual([]);
});

test.each([
  '{"a":1.0,"b":12345678901234567890,"c":1e-7,"__proto__":0.10}',
  '{"a":1,"b":[7,-8,{"c":123456789012345}],"__proto__":0}',
  '{"a":9007199254740993}',
  "[-0]",
  "[1,-0]",
  '{"a":-1E5}',
  "1.50",
  '{"text":"a, 1.50","a":10}',
])("numbers keep their digits: %s", (text) => {
  expect(JSON.stringify(parseWithDigits(text))).toBe(text);
  expect(JSON.stringify(parseWithDigits(text.replaceAll(":", ":\n ").replaceAll("[", "[ ")))).toBe(
    JSON.stringify(parseWithDigits(text)),
  );
});
