import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createLedgerApplication, type LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import { CHAIN_ID, createTestLedger, sealMessage, type TestLedger } from "#consensus/application/testLedger.ts";
import { appStateOperations, loadAppState } from "#storage/db/appState.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { commitHeight } from "#storage/db/store.ts";
import { changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { decodeSnapshotChunk, encodeSnapshotChunks, type StateEntry } from "./snapshotChunks.ts";
import { ApplyResult, createSnapshots, OfferResult, type Snapshot, type Snapshots } from "./snapshots.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "snapshots-"));
  folders.push(folder);
  return folder;
}

/** A node with some blocks behind it that keeps snapshots. */
async function createSource(blocks = 5) {
  const ledger = createTestLedger();
  for (let i = 0; i < blocks; i++) ledger.send(sealMessage(i), "device");
  const store = createMemoryStore();
  const entries = [...ledger.disk].map(([key, value]) => ({ key: Buffer.from(key, "latin1"), value }));
  await commitHeight(store, appStateOperations(entries));
  const directory = newFolder();
  const snapshots = createSnapshots({ directory, store, app: ledger.app, onRestored: () => undefined });
  return { ledger, store, directory, snapshots };
}

/** A node without a chain. */
function createTarget() {
  const app = createLedgerApplication({ chainId: CHAIN_ID });
  const store = createMemoryStore();
  const restored: number[] = [];
  const onRestored = (height: number) => restored.push(height);
  const snapshots = createSnapshots({ directory: newFolder(), store, app, onRestored });
  return { app, store, restored, snapshots };
}

const placeOf = (app: LedgerApplication) => {
  const { lastBlockHeight, lastBlockAppHash } = app.info();
  return { lastBlockHeight, appHash: hex(lastBlockAppHash) };
};
const appHashOf = (ledger: TestLedger) => ledger.app.info().lastBlockAppHash;

function chunksOf(source: Snapshots, { height, format, chunks }: Snapshot): Uint8Array[] {
  return Array.from({ length: chunks }, (_, index) => source.load(height, format, index));
}

test("a node that takes over a snapshot holds the same state and executes the next block to the same hash", async () => {
  const { ledger, snapshots } = await createSource();
  await snapshots.take(5);
  const [snapshot] = snapshots.list();
  if (snapshot === undefined) throw new Error("no snapshot");
  const target = createTarget();
  expect(target.snapshots.offer(snapshot, appHashOf(ledger))).toBe(OfferResult.ACCEPT);
  for (const [index, chunk] of chunksOf(snapshots, snapshot).entries())
    expect((await target.snapshots.apply(index, chunk)).result).toBe(ApplyResult.ACCEPT);
  expect(target.restored).toStrictEqual([5]);
  expect(placeOf(target.app)).toStrictEqual(placeOf(ledger.app));
  const tx = ledger.sign([sealMessage(5)], ["device"]);
  const request = ledger.request([tx]);
  const [ours, theirs] = [target.app.finalizeBlock(request), ledger.app.finalizeBlock(request)];
  expect(hex(ours.appHash)).toBe(hex(theirs.appHash));
  expect(ours.txResults).toStrictEqual(theirs.txResults);
  // What it took over is on its disk: it starts again from there.
  const entries: StateEntry[] = [];
  for await (const entry of loadAppState(target.store)) entries.push(entry);
  expect(placeOf(createLedgerApplication({ chainId: CHAIN_ID, entries }))).toStrictEqual(placeOf(ledger.app));
});

test("a snapshot of another state than the one that was verified is refused, and the node can begin anew", async () => {
  const { ledger, snapshots } = await createSource();
  await snapshots.take(5);
  const [snapshot] = snapshots.list();
  if (snapshot === undefined) throw new Error("no snapshot");
  const target = createTarget();
  target.snapshots.offer(snapshot, new Uint8Array(32).fill(9));
  let last: ApplyResult | undefined;
  for (const [index, chunk] of chunksOf(snapshots, snapshot).entries())
    last = (await target.snapshots.apply(index, chunk)).result;
  expect(last).toBe(ApplyResult.REJECT_SNAPSHOT);
  expect(target.restored).toStrictEqual([]);
  expect(target.app.info().lastBlockHeight).toBe(0);
  expect(target.snapshots.offer(snapshot, appHashOf(ledger))).toBe(OfferResult.ACCEPT);
});

test("a chunk that is not the snapshot's is fetched again, and offers that cannot be are refused", async () => {
  const { ledger, snapshots } = await createSource();
  await snapshots.take(5);
  const [snapshot] = snapshots.list();
  if (snapshot === undefined) throw new Error("no snapshot");
  const { snapshots: target } = createTarget();
  target.offer(snapshot, appHashOf(ledger));
  expect(await target.apply(0, Uint8Array.of(1))).toStrictEqual({ result: ApplyResult.RETRY, refetch: [0] });
  expect((await target.apply(1, Uint8Array.of(1))).result).toBe(ApplyResult.ABORT);
  const offers: readonly [Partial<Snapshot>, OfferResult][] = [
    [{ format: 2 }, OfferResult.REJECT_FORMAT],
    [{ chunks: 0 }, OfferResult.REJECT],
    [{ chunks: 5000 }, OfferResult.REJECT],
    [{ metadata: new Uint8Array(31) }, OfferResult.REJECT],
    [{ hash: new Uint8Array(32) }, OfferResult.REJECT],
  ];
  for (const [change, verdict] of offers)
    expect(target.offer({ ...snapshot, ...change }, appHashOf(ledger))).toBe(verdict);
  // A node that has a chain takes over nothing.
  expect(snapshots.offer(snapshot, appHashOf(ledger))).toBe(OfferResult.ABORT);
});

test("two snapshots are kept, newest first, over restarts, and half of one is none", async () => {
  const { snapshots, directory, store, ledger } = await createSource();
  for (const height of [5, 6, 7]) await snapshots.take(height);
  expect(snapshots.list().map(({ height }) => height)).toStrictEqual([7, 6]);
  expect(readdirSync(directory).sort()).toStrictEqual(["6", "6.sums.json", "7", "7.sums.json"]);
  const again = createSnapshots({ directory, store, app: ledger.app, onRestored: () => undefined });
  expect(again.list()).toStrictEqual(snapshots.list());
  expect(again.load(5, 1, 0)).toHaveLength(0);
  expect(again.load(7, 1, 99)).toHaveLength(0);
});

test("a snapshot that is not what was taken is not given to others after a restart", async () => {
  const { snapshots, directory, store, ledger } = await createSource();
  for (const height of [6, 7]) await snapshots.take(height);
  const chunk = join(directory, "7", "0");
  const bytes = readFileSync(chunk);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(chunk, bytes);
  const again = createSnapshots({ directory, store, app: ledger.app, onRestored: () => undefined });
  expect(again.list().map(({ height }) => height)).toStrictEqual([6]);
});

test("chunks hold every entry once, in order, whatever their sizes", async () => {
  const entries: StateEntry[] = Array.from({ length: 300 }, (_, i) => [
    Buffer.from(`key ${i}`),
    new Uint8Array((i * 7919) % 40_000).fill(i),
  ]);
  async function* all() {
    yield* entries;
  }
  const decoded: StateEntry[] = [];
  let chunks = 0;
  for await (const chunk of encodeSnapshotChunks(all())) {
    chunks += 1;
    decoded.push(...(decodeSnapshotChunk(chunk) ?? []));
  }
  expect(chunks).toBeGreaterThan(3);
  expect(decoded.map(([key, value]) => [hex(key), hex(value)])).toStrictEqual(
    entries.map(([key, value]) => [hex(key), hex(value)]),
  );
});

test("changed chunks are entries or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const samples: Uint8Array[] = [];
  async function* some(): AsyncGenerator<StateEntry> {
    yield [Buffer.from("a"), Buffer.from("b")];
    yield [Buffer.from("c"), new Uint8Array(200)];
  }
  for await (const chunk of encodeSnapshotChunks(some())) samples.push(chunk);
  fuzz("snapshot chunks", changedSample(samples), 300, (bytes) => {
    const decoded = decodeSnapshotChunk(bytes);
    const held = decoded?.reduce((sum, [key, value]) => sum + key.length + value.length, 0) ?? 0;
    expect(held).toBeLessThanOrEqual(bytes.length);
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
