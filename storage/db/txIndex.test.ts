import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { bucketRange } from "./buckets.ts";
import { createMemoryStore } from "./memoryStore.ts";
import type { Store } from "./store.ts";
import {
  findTx,
  findTxsByAttribute,
  findTxsByHeight,
  indexOperations,
  MAX_INDEX_PAGE,
  pruneIndexOperations,
  type TxPage,
  type TxPageRequest,
} from "./txIndex.ts";
import { MAX_ATTRIBUTE_VALUE_BYTES } from "./txIndexKeys.ts";

const idOf = (height: number, index: number) => sha256(Buffer.from(`${height}/${index}`));
const event = (key: string, value: string, index = true) => ({ type: "seal", attributes: [{ key, value, index }] });

/** Heights 1 to 20, 5 transactions each; the one at index i is of meter i % 3. */
async function makeIndex(): Promise<Store> {
  const store = createMemoryStore();
  for (let height = 1; height <= 20; height++) {
    const txs = Array.from({ length: 5 }, (_, index) => ({
      txId: idOf(height, index),
      events: [event("meter", `m${index % 3}`), event("meter", `m${index % 3}`), event("secret", "s", false)],
    }));
    await store.batch(indexOperations(height, txs), { sync: false });
  }
  return store;
}

async function allPages(ask: (request: TxPageRequest) => Promise<TxPage>, request: TxPageRequest): Promise<string[]> {
  const seen: string[] = [];
  let page: TxPage | undefined;
  do {
    page = await ask(page?.cursor === undefined ? request : { ...request, cursor: page.cursor });
    expect(page.txs.length).toBeLessThanOrEqual(request.limit);
    seen.push(...page.txs.map(({ height, index }) => `${height}/${index}`));
  } while (page.cursor !== undefined);
  return seen;
}

const ofMeter0 = Array.from({ length: 20 }, (_, height) => [`${height + 1}/0`, `${height + 1}/3`]).flat();

test("an attribute's transactions come page by page, none twice and none left out, in both directions", async () => {
  const store = await makeIndex();
  const ask = (request: TxPageRequest) => findTxsByAttribute(store, { name: "seal.meter", value: "m0" }, request);
  for (const limit of [1, 2, 3, 7, 40, 100]) {
    expect(await allPages(ask, { limit })).toEqual(ofMeter0);
    expect(await allPages(ask, { limit, reverse: true })).toEqual(ofMeter0.toReversed());
  }
  const within = ofMeter0.filter((place) => Number.parseInt(place, 10) >= 4 && Number.parseInt(place, 10) <= 6);
  expect(await allPages(ask, { limit: 4, fromHeight: 4, toHeight: 6 })).toEqual(within);
  expect(await allPages(ask, { limit: 4, fromHeight: 4, toHeight: 6, reverse: true })).toEqual(within.toReversed());
  const [first] = (await ask({ limit: 1 })).txs;
  expect(first?.txId).toEqual(idOf(1, 0));
});

test("heights are listed in the order of the chain", async () => {
  const store = await makeIndex();
  const ask = (request: TxPageRequest) => findTxsByHeight(store, request);
  expect(await allPages(ask, { limit: 3, fromHeight: 2, toHeight: 3 })).toEqual(
    [2, 3].flatMap((height) => [0, 1, 2, 3, 4].map((index) => `${height}/${index}`)),
  );
});

test("only attributes marked for the index are found, and only by their whole value", async () => {
  const store = await makeIndex();
  const count = async (name: string, value: string) =>
    (await findTxsByAttribute(store, { name, value }, { limit: 100 })).txs.length;
  expect(await count("seal.meter", "m1")).toBe(40);
  expect(await count("seal.meter", "m")).toBe(0);
  expect(await count("seal.mete", "rm1")).toBe(0);
  expect(await count("seal.meter", "m1\0")).toBe(0);
  expect(await count("seal.secret", "s")).toBe(0);
  expect(await count("x".repeat(256), "s")).toBe(0);
});

test("long values are found too, and differ from each other", async () => {
  const store = createMemoryStore();
  const values = [MAX_ATTRIBUTE_VALUE_BYTES, MAX_ATTRIBUTE_VALUE_BYTES + 1, 5000].map((length) => "v".repeat(length));
  const txs = values.map((value, index) => ({ txId: idOf(1, index), events: [event("meter", value)] }));
  await store.batch(indexOperations(1, txs), { sync: false });
  for (const [index, value] of values.entries())
    expect(
      (await findTxsByAttribute(store, { name: "seal.meter", value }, { limit: 9 })).txs.map((tx) => tx.index),
    ).toEqual([index]);
});

test("a page larger than the limit and a foreign cursor are refused", async () => {
  const store = await makeIndex();
  for (const limit of [0, MAX_INDEX_PAGE + 1, 1.5])
    await expect(findTxsByHeight(store, { limit })).rejects.toMatchObject({ code: "INDEX_PAGE_TOO_LARGE" });
  expect((await findTxsByHeight(store, { limit: MAX_INDEX_PAGE })).txs.length).toBe(100);
  await expect(findTxsByHeight(store, { limit: 1, cursor: new Uint8Array(11) })).rejects.toMatchObject({
    code: "INDEX_CURSOR_INVALID",
  });
  // A cursor from elsewhere cannot reach beyond the heights asked for.
  const page = await findTxsByHeight(store, { limit: 1, cursor: new Uint8Array(12), fromHeight: 5, toHeight: 6 });
  expect(page.txs[0]?.height).toBe(5);
});

test("pruning removes every trace of the heights below, and a transaction that came again stays found", async () => {
  const store = await makeIndex();
  const again = { txId: idOf(2, 0), events: [event("meter", "m0")] };
  await store.batch(indexOperations(21, [again]), { sync: false });
  let removed = 0;
  for (;;) {
    const operations = await pruneIndexOperations(store, 21, 30);
    if (operations.length === 0) break;
    await store.batch(operations, { sync: false });
    removed++;
  }
  expect(removed).toBe(4);
  expect(await findTx(store, idOf(20, 4))).toBeUndefined();
  expect(await findTx(store, again.txId)).toEqual({ height: 21, index: 0 });
  for (const bucket of ["txById", "txByPosition", "txByAttribute"] as const) {
    let left = 0;
    for await (const _entry of store.iterate(bucketRange(bucket))) left++;
    expect(`${bucket} ${left}`).toBe(`${bucket} 1`);
  }
});
