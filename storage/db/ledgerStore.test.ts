import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { txId } from "../types/block.ts";
import { loadAppState } from "./appState.ts";
import { loadBlockResults } from "./blockResults.ts";
import { bucketKey, heightKey } from "./buckets.ts";
import { loadChainState, loadConsensusParams } from "./chainState.ts";
import { loadCommittedEvidence } from "./committedEvidence.ts";
import { type LedgerStore, openLedgerStore } from "./ledgerStore.ts";
import { openLevelStore } from "./levelStore.ts";
import { createMemoryStore } from "./memoryStore.ts";
import type { Store } from "./store.ts";
import { diskFull } from "./storeError.ts";
import { testChain, testGenesis } from "./testChain.ts";
import { findTx } from "./txIndex.ts";
import { loadValidators } from "./validatorHistory.ts";

const HEIGHTS = 25;
const CHAIN = testChain(HEIGHTS);
const KEEP_ALL = { blocksFrom: 0, indexFrom: 0, resultsFrom: 0, keepHeaders: true };
/** Bytes as hex, so that a Buffer equals a Uint8Array of the same bytes. */
function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)]));
}
const at = (height: number) => CHAIN[height - 1] as (typeof CHAIN)[number];

async function saveChain(store: Store, count = HEIGHTS): Promise<LedgerStore> {
  const ledger = await openLedgerStore(store);
  await ledger.saveGenesis(testGenesis(), [{ key: Buffer.from("genesis"), value: Uint8Array.of(1) }]);
  for (const saved of CHAIN.slice(0, count)) await ledger.saveHeight(saved);
  return ledger;
}

async function appStateOf(store: Store): Promise<string[]> {
  const entries: string[] = [];
  for await (const [key, value] of loadAppState(store)) entries.push(`${Buffer.from(key)}=${value[0]}`);
  return entries;
}

async function everything(store: Store): Promise<string[]> {
  const entries: string[] = [];
  for await (const [key, value] of store.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }))
    entries.push(`${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("hex")}`);
  return entries;
}

test("a reader that asked for the range before a height was saved, and is answered afterwards, does not take it back", async () => {
  const store = createMemoryStore();
  const rangeKey = Buffer.from(bucketKey("blockRange")).toString("hex");
  let held: PromiseWithResolvers<void> | undefined;
  const slow: Store = {
    ...store,
    async get(key) {
      const gate = Buffer.from(key).toString("hex") === rangeKey ? held : undefined;
      const value = await store.get(key);
      await gate?.promise;
      return value;
    },
  };
  const ledger = await saveChain(slow, 2);
  held = Promise.withResolvers();
  const reading = ledger.blocks.loadBlock(3);
  const { resolve } = held;
  held = undefined;
  await ledger.saveHeight(at(3));
  resolve();
  await reading;
  expect(ledger.blocks.height()).toBe(3);
  await ledger.saveHeight(at(4));
  expect(ledger.blocks.height()).toBe(4);
});

test("each height that was saved is loaded as it was, from disk and after opening again", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ledger-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const first = await openLevelStore(directory);
  await saveChain(first);
  await first.close();
  const store = await openLevelStore(directory);
  const { blocks } = await openLedgerStore(store);
  expect([blocks.headerBase(), blocks.base(), blocks.height()]).toEqual([1, 1, HEIGHTS]);
  for (const saved of CHAIN) {
    const { height } = saved.block.header;
    expect(shown(await blocks.loadBlockBytes(height))).toEqual(shown(saved.blockBytes));
    expect(shown((await blocks.loadBlock(height))?.header)).toEqual(shown(saved.block.header));
    expect((await blocks.loadBlockByHash(saved.blockId.hash))?.header.height).toBe(height);
    const meta = { blockId: saved.blockId, header: saved.block.header, blockBytes: saved.blockBytes.length, txs: 3 };
    expect(shown(await blocks.loadMeta(height))).toEqual(shown(meta));
    expect(shown(await blocks.loadBlockHash(height))).toEqual(shown(saved.blockId.hash));
    expect(shown(await blocks.loadCommit(height))).toEqual(shown(height < HEIGHTS ? saved.seenCommit : undefined));
    expect(shown(await blocks.loadSeenCommit(height))).toEqual(
      shown(height === HEIGHTS ? saved.seenCommit : undefined),
    );
    expect(shown(await blocks.loadProvingCommit(height))).toEqual(shown(saved.seenCommit));
    expect(shown(await loadBlockResults(store, height))).toEqual(shown(saved.response));
    expect(await findTx(store, txId(saved.block.txs[1] as Uint8Array))).toEqual({ height, index: 1 });
  }
  expect(shown(await loadChainState(store))).toEqual(shown(at(HEIGHTS).stateAfter));
  expect(await appStateOf(store)).toEqual(["entry/23=23", "entry/24=24", "entry/25=25", "genesis=1"]);
  expect((await loadCommittedEvidence(store)).map(({ height }) => height).sort((a, b) => a - b)).toEqual([
    3, 7, 11, 15, 19, 23,
  ]);
  for (const outside of [0, HEIGHTS + 1]) {
    expect(await blocks.loadBlock(outside)).toBeUndefined();
    expect(await blocks.loadHeader(outside)).toBeUndefined();
    expect(await blocks.loadProvingCommit(outside)).toBeUndefined();
  }
  await store.close();
});

test("the validator set of every height comes back with its priorities and proposer, over changes of members", async () => {
  const store = createMemoryStore();
  await saveChain(store);
  let stored = 0;
  for (let height = 1; height <= HEIGHTS + 2; height++) {
    const expected =
      height === HEIGHTS + 2
        ? at(HEIGHTS).stateAfter.nextValidators
        : height === HEIGHTS + 1
          ? at(HEIGHTS).stateAfter.validators
          : at(height).stateBefore.validators;
    expect(shown(await loadValidators(store, height))).toEqual(shown(expected));
    stored += (await store.get(heightKey("validatorPriorities", height)))?.length ?? 0;
  }
  expect(stored / HEIGHTS).toBeLessThan(30);
  expect(await loadValidators(store, HEIGHTS + 3)).toBeUndefined();
  expect(await loadValidators(store, 0)).toBeUndefined();
});

test("consensus parameters are those in force at a height", async () => {
  const store = createMemoryStore();
  await saveChain(store);
  for (let height = 1; height <= HEIGHTS; height++)
    expect(shown(await loadConsensusParams(store, height))).toEqual(shown(at(height).stateBefore.consensusParams));
  expect(await loadConsensusParams(store, 0)).toBeUndefined();
});

test("a height that is not the next is refused and changes nothing", async () => {
  const store = createMemoryStore();
  const ledger = await saveChain(store, 3);
  const before = await everything(store);
  for (const wrong of [at(3), at(5)])
    await expect(ledger.saveHeight(wrong)).rejects.toMatchObject({ code: "BLOCK_NOT_NEXT", details: { expected: 4 } });
  expect(await everything(store)).toEqual(before);
  await ledger.saveHeight(at(4));
});

test("a height whose batch fails is not there, and is there after saving it again", async () => {
  const memory = createMemoryStore();
  let isFull = false;
  const store: Store = {
    ...memory,
    batch: (operations, options) => (isFull ? Promise.reject(diskFull("disk")) : memory.batch(operations, options)),
  };
  const ledger = await saveChain(store, 3);
  const before = await everything(store);
  isFull = true;
  await expect(ledger.saveHeight(at(4))).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
  expect(ledger.blocks.height()).toBe(3);
  expect(await everything(store)).toEqual(before);
  isFull = false;
  await ledger.saveHeight(at(4));
  expect(ledger.blocks.height()).toBe(4);
});

test("a chain may start at a later height", async () => {
  const store = createMemoryStore();
  const ledger = await openLedgerStore(store);
  await ledger.saveGenesis({ ...testGenesis(), initialHeight: 10 }, []);
  expect(shown(await loadValidators(store, 10))).toEqual(shown(testGenesis().validators));
  await ledger.saveHeight(at(10));
  expect([ledger.blocks.base(), ledger.blocks.height()]).toEqual([10, 10]);
  expect(await ledger.blocks.loadCommit(9)).toBeUndefined();
});

test("pruning keeps what is above, headers and commits when asked, else the hashes", async () => {
  const store = createMemoryStore();
  const ledger = await saveChain(store);
  const { blocks } = ledger;
  expect(await ledger.prune(KEEP_ALL)).toBe(0);
  await ledger.prune({ ...KEEP_ALL, blocksFrom: 10 });
  expect([blocks.headerBase(), blocks.base(), blocks.height()]).toEqual([1, 10, HEIGHTS]);
  expect(await blocks.loadBlock(9)).toBeUndefined();
  expect(shown(await blocks.loadHeader(9))).toEqual(shown(at(9).block.header));
  expect(shown(await blocks.loadProvingCommit(9))).toEqual(shown(at(9).seenCommit));
  expect(shown((await blocks.loadBlock(10))?.header)).toEqual(shown(at(10).block.header));
  expect(await findTx(store, txId(at(5).block.txs[0] as Uint8Array))).toEqual({ height: 5, index: 0 });

  await ledger.prune({ ...KEEP_ALL, blocksFrom: 15, keepHeaders: false });
  expect([blocks.headerBase(), blocks.base(), blocks.height()]).toEqual([15, 15, HEIGHTS]);
  expect(await blocks.loadHeader(14)).toBeUndefined();
  expect(await blocks.loadCommit(14)).toBeUndefined();
  expect(await blocks.loadHeightByHash(at(14).blockId.hash)).toBeUndefined();
  for (let height = 1; height <= HEIGHTS; height++)
    expect(shown(await blocks.loadBlockHash(height))).toEqual(shown(at(height).blockId.hash));

  await ledger.prune({ ...KEEP_ALL, indexFrom: 12, resultsFrom: 13 });
  expect(await findTx(store, txId(at(11).block.txs[0] as Uint8Array))).toBeUndefined();
  expect(await findTx(store, txId(at(12).block.txs[0] as Uint8Array))).toEqual({ height: 12, index: 0 });
  expect(await loadBlockResults(store, 12)).toBeUndefined();
  expect(await loadValidators(store, 11)).toBeUndefined();
  for (let height = 13; height <= HEIGHTS; height++) {
    expect(shown(await loadBlockResults(store, height))).toEqual(shown(at(height).response));
    expect(shown(await loadValidators(store, height))).toEqual(shown(at(height).stateBefore.validators));
  }
  // Nothing is asked for that was not there, and the last block never goes.
  await ledger.prune({ ...KEEP_ALL, blocksFrom: 1000, keepHeaders: false });
  expect([blocks.base(), blocks.height()]).toEqual([HEIGHTS, HEIGHTS]);
  expect(await ledger.prune({ ...KEEP_ALL, blocksFrom: 1000, keepHeaders: false })).toBe(0);
});

test("what is read between a batch and its writer's next look is of before or after it, and no gap", async () => {
  const store = createMemoryStore();
  const { blocks } = await saveChain(store, 9);
  await store.batch(blocks.blockOperations(at(10)), { sync: false });
  expect(shown(await blocks.loadProvingCommit(9))).toEqual(shown(at(10).block.lastCommit));

  const pruned = createMemoryStore();
  const { blocks: kept } = await saveChain(pruned, 9);
  await pruned.batch(await kept.pruneOperations({ retainHeight: 5, keepHeaders: true }), { sync: false });
  expect([await kept.loadBlock(4), await kept.loadBlockBytes(4)]).toEqual([undefined, undefined]);
  expect((await kept.loadHeader(4))?.height).toBe(4);
  await pruned.batch(await kept.pruneOperations({ retainHeight: 5, keepHeaders: false }), { sync: false });
  expect([await kept.loadHeader(4), await kept.loadCommit(4)]).toEqual([undefined, undefined]);
  expect((await kept.loadBlock(5))?.header.height).toBe(5);
});

test("a gap within the chain is reported with its bucket and height, not taken for an unknown height", async () => {
  const store = createMemoryStore();
  const { blocks } = await saveChain(store, 5);
  await store.batch([{ type: "del", key: heightKey("block", 3) }], { sync: true });
  await expect(blocks.loadBlock(3)).rejects.toMatchObject({
    code: "STORE_VALUE_MISSING",
    details: { bucket: "block", key: "0000000000000003" },
  });
});

test("a value that does not decode is reported with its bucket and key", async () => {
  const store = createMemoryStore();
  const { blocks } = await saveChain(store, 5);
  const damaged = [
    { key: heightKey("block", 2), load: () => blocks.loadBlock(2) },
    { key: heightKey("blockMeta", 2), load: () => blocks.loadMeta(2) },
    { key: heightKey("commit", 2), load: () => blocks.loadCommit(2) },
    { key: heightKey("seenCommit", 5), load: () => blocks.loadSeenCommit(5) },
    { key: heightKey("blockResults", 2), load: () => loadBlockResults(store, 2) },
    { key: heightKey("validatorSet", 1), load: () => loadValidators(store, 2) },
    { key: heightKey("validatorPriorities", 4), load: () => loadValidators(store, 4) },
    { key: heightKey("consensusParams", 1), load: () => loadConsensusParams(store, 2) },
    { key: bucketKey("chainState"), load: () => loadChainState(store) },
    { key: bucketKey("blockRange"), load: () => openLedgerStore(store) },
  ];
  for (const { key, load } of damaged) {
    const whole = (await store.get(key)) as Uint8Array;
    await load();
    for (const value of [whole.subarray(0, whole.length - 1), new Uint8Array(whole.length).fill(0xff)]) {
      await store.batch([{ type: "put", key, value }], { sync: true });
      await expect(load()).rejects.toMatchObject({ code: "STORE_VALUE_CORRUPT" });
    }
    await store.batch([{ type: "put", key, value: whole }], { sync: true });
    await load();
  }
});
