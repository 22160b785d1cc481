import { expect, test } from "vitest";
import { loadAssetCursor } from "#storage/assets/assetIndex.ts";
import { tokenPrefix } from "#storage/assets/assetIndexKeys.ts";
import { createAssetQueries } from "#storage/assets/assetQueries.ts";
import { idOf, indexedTx, listOf } from "#storage/assets/testAssets.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { bucketKey } from "#storage/db/buckets.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { type CarriedBlock, type ChainPort, startAssetIndexer } from "./assetIndexer.ts";
import type { BigchainDecision } from "./ports.ts";

interface TestChain extends ChainPort {
  readonly blocks: CarriedBlock[];
  first: number;
}

/** A chain of blocks with a transaction each; names seed hashes, so that chains can differ. */
function testChain(count: number, name = "a"): TestChain {
  const blocks = Array.from({ length: count }, (_, i) => carriedBlock(i + 1, name));
  const at = (height: number) => blocks.find((block) => block.height === height);
  return {
    blocks,
    first: 1,
    height: () => blocks.length,
    base() {
      return this.first;
    },
    async load(height) {
      return height < this.first ? undefined : at(height);
    },
    blockHash: async (height) => at(height)?.blockHash,
  };
}

function carriedBlock(height: number, name = "a"): CarriedBlock {
  const carry = (seed: string, accepted: boolean) => {
    const tx = indexedTx({ seed });
    return { ...tx, assetId: tx.id, accepted, log: accepted ? "" : "DoubleSpend" };
  };
  const transactions = [carry(`${name}${height}`, true), carry(`${name}${height} loser`, false)];
  return {
    height,
    blockHash: new Uint8Array(sha256(Buffer.from(`${name}${height}`))),
    timeMs: height * 1000,
    transactions,
  };
}

const refuse = {
  onFault: (error: unknown) => {
    throw error;
  },
  onGap: () => {
    throw new Error("a gap");
  },
};

test("the index has every block of the chain when it starts, and follows it", async () => {
  const store = createMemoryStore();
  const chain = testChain(3);
  await using indexer = await startAssetIndexer(store, chain, refuse);
  expect(indexer.height).toBe(3);
  const seen: BigchainDecision[] = [];
  const done = Promise.withResolvers<void>();
  const queries = createAssetQueries(store);
  indexer.subscribe((decision) => {
    seen.push(decision);
    if (seen.length === 4) done.resolve();
  });
  chain.blocks.push(carriedBlock(4));
  indexer.onBlock();
  chain.blocks.push(carriedBlock(5));
  indexer.onBlock();
  await done.promise;
  expect(seen.map(({ height, accepted, log }) => [height, accepted, log])).toEqual([
    [4, true, ""],
    [4, false, "DoubleSpend"],
    [5, true, ""],
    [5, false, "DoubleSpend"],
  ]);
  expect(await queries.transaction(idOf("a5"))).toMatchObject({ height: 5, index: 0 });
  expect(await queries.transaction(idOf("a5 loser"))).toBeUndefined();
});

test("what a crash took of the index comes from the blocks again, and nothing twice", async () => {
  const store = createMemoryStore();
  const chain = testChain(2);
  await (await startAssetIndexer(store, chain, refuse))[Symbol.asyncDispose]();
  chain.blocks.push(carriedBlock(3));
  await using indexer = await startAssetIndexer(store, chain, refuse);
  expect(indexer.height).toBe(3);
  expect(await loadAssetCursor(store)).toMatchObject({ height: 3, firstHeight: 1 });
  const found = await listOf(createAssetQueries(store).transactionsBetween({}));
  expect(found.map(({ height }) => height)).toEqual([1, 2, 3]);
});

test("an index of another chain, or of blocks that are gone, is made anew", async () => {
  const store = createMemoryStore();
  for (const chain of [testChain(4), testChain(2, "other"), testChain(1, "other")]) {
    await using indexer = await startAssetIndexer(store, chain, refuse);
    expect(indexer.height).toBe(chain.blocks.length);
    const found = await listOf(createAssetQueries(store).transactionsBetween({}));
    expect(found.map(({ id }) => id)).toEqual(chain.blocks.map((block) => block.transactions[0]?.id));
  }
});

test("an index of another version of this program is made anew", async () => {
  const store = createMemoryStore();
  const chain = testChain(2);
  await (await startAssetIndexer(store, chain, refuse))[Symbol.asyncDispose]();
  const key = bucketKey("assetCursor");
  const older = (await store.get(key))?.with(-1, 1);
  const stale = bucketKey("assetToken", tokenPrefix("asset", "stale"), new Uint8Array(12));
  await store.batch(
    [
      { type: "put", key, value: older as Uint8Array },
      { type: "put", key: stale, value: new Uint8Array(4) },
    ],
    { sync: false },
  );
  await using indexer = await startAssetIndexer(store, chain, refuse);
  expect(indexer.height).toBe(2);
  expect(await loadAssetCursor(store)).toMatchObject({ height: 2, firstHeight: 1 });
  expect(await store.get(stale)).toBeUndefined();
});

test("blocks that are pruned before they are indexed are said to be a gap", async () => {
  const store = createMemoryStore();
  const chain = testChain(2);
  await (await startAssetIndexer(store, chain, refuse))[Symbol.asyncDispose]();
  for (const height of [3, 4, 5, 6]) chain.blocks.push(carriedBlock(height));
  chain.first = 5;
  const gaps: (readonly [number, number])[] = [];
  await using indexer = await startAssetIndexer(store, chain, {
    ...refuse,
    onGap: (from, to) => gaps.push([from, to]),
  });
  expect(gaps).toEqual([[3, 4]]);
  expect(indexer.height).toBe(6);
});

test("an index made of a pruned chain says where it begins", async () => {
  const chain = testChain(4);
  chain.first = 3;
  await using indexer = await startAssetIndexer(createMemoryStore(), chain, refuse);
  expect([indexer.firstHeight, indexer.height]).toEqual([3, 4]);
});

test("a fault while following is told once, and the index stays where it is", async () => {
  const store = createMemoryStore();
  const chain = testChain(1);
  const told = Promise.withResolvers<unknown>();
  await using indexer = await startAssetIndexer(store, chain, { ...refuse, onFault: told.resolve });
  await store.close();
  chain.blocks.push(carriedBlock(2));
  indexer.onBlock();
  expect(await told.promise).toMatchObject({ code: "STORE_CLOSED" });
  expect(indexer.height).toBe(1);
});
