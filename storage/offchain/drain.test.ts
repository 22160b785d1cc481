import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMemoryStore } from "../db/memoryStore.ts";
import type { Reading } from "../types/reading.ts";
import { createDrain } from "./drain.ts";
import { type EmbeddedQueue, openEmbeddedQueue } from "./embeddedQueue.ts";
import { createLevelReadingStore } from "./levelReadingStore.ts";
import { numbers, timesOf } from "./readingQueueSuite.ts";
import { type ReadingStore, ReadingStoreError, seriesOf } from "./readingStore.ts";
import { collect, testReading, testReadings } from "./testReadings.ts";

let directory = "";
let queue: EmbeddedQueue;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "drain-"));
  queue = await openEmbeddedQueue(directory);
});
afterEach(async () => {
  await queue.close();
  rmSync(directory, { recursive: true, force: true });
});

function memoryStore(): ReadingStore {
  return createLevelReadingStore({ ...createMemoryStore(), torn: [], compact: () => Promise.resolve() });
}

/** A store whose next puts fail as told. */
function failingStore(fail: (readings: readonly Reading[]) => Error | undefined): ReadingStore {
  const store = memoryStore();
  return Object.assign(Object.create(store) as ReadingStore, {
    put: async (readings: readonly Reading[]) => {
      const error = fail(readings);
      if (error !== undefined) throw error;
      return store.put(readings);
    },
    read: store.read.bind(store),
  });
}

const wait = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Runs until the condition holds. */
async function drainUntil(drain: ReturnType<typeof createDrain>, condition: () => boolean): Promise<void> {
  const stop = new AbortController();
  const running = drain.run(stop.signal);
  const failed = running.then(
    () => true,
    () => true,
  );
  while (!condition() && !(await Promise.race([failed, wait()])));
  stop.abort();
  await running;
}

async function storedTimes(store: ReadingStore): Promise<number[]> {
  const stored = await collect(store.read(seriesOf(testReading(1))));
  return stored.map((each) => (each.type === "reading" ? each.reading.timestampMs : -1));
}

test("what is published is stored and leaves the queue", async () => {
  const store = memoryStore();
  const drain = createDrain({ queue, store, wait });
  for (let i = 0; i < 30; i++) await queue.publish(testReadings(1 + i * 10, 10));
  await queue.publish([testReading(300), testReading(5, { value: 1 })]);
  await drainUntil(drain, () => drain.counts().stored === 300 && drain.counts().conflicts === 1);
  expect(drain.counts()).toStrictEqual({
    stored: 300,
    duplicates: 1,
    conflicts: 1,
    erased: 0,
    refused: 0,
    attempts: 0,
  });
  expect(await storedTimes(store)).toStrictEqual(numbers(1, 300));
  expect(await queue.backlog()).toBe(0);
});

test("while the store is away nothing is acknowledged, and then everything is stored once", async () => {
  const told: (string | undefined)[] = [];
  let away = 5;
  const error = new ReadingStoreError({ code: "READING_STORE_UNREACHABLE", reason: "gone" });
  const store = failingStore(() => (away-- > 0 ? error : undefined));
  const onStoreDown = (reason: Error | undefined) => {
    told.push(reason?.message);
    expect(queue.counts().acknowledged).toBe(0);
  };
  const drain = createDrain({ queue, store, wait, onStoreDown });
  await queue.publish(testReadings(1, 10));
  await drainUntil(drain, () => queue.counts().acknowledged === 10);
  expect(drain.counts()).toMatchObject({ stored: 10, duplicates: 0, attempts: 5 });
  expect(told).toHaveLength(6);
  expect(told.at(-1)).toBeUndefined();
});

test("a store that is down for an hour is asked again at most every ten seconds, and what came meanwhile is stored once, in order", async () => {
  let nowMs = 0;
  const pauses: number[] = [];
  const error = new ReadingStoreError({ code: "READING_STORE_UNREACHABLE", reason: "gone" });
  const store = failingStore(() => (nowMs < 3_600_000 ? error : undefined));
  // A meter goes on, and publishes every tenth pause; each is a sync of the disk.
  let published = 0;
  const publish = () => {
    published += 1;
    return queue.publish([testReading(published)]);
  };
  await publish();
  const waitOnClock = async (ms: number): Promise<void> => {
    pauses.push(ms);
    nowMs += ms;
    expect(queue.counts().acknowledged).toBe(0);
    if (pauses.length % 10 === 0) await publish();
    await wait();
  };
  const drain = createDrain({ queue, store, wait: waitOnClock });
  await drainUntil(drain, () => nowMs >= 3_600_000 && queue.counts().acknowledged === published);
  expect(pauses.slice(0, 8)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000]);
  expect(Math.max(...pauses)).toBe(10_000);
  expect([pauses.length > 360, published > 36]).toEqual([true, true]);
  expect(drain.counts()).toMatchObject({ stored: published, duplicates: 0, refused: 0, attempts: pauses.length });
  expect(await storedTimes(store)).toStrictEqual(numbers(1, published));
  expect(await queue.backlog()).toBe(0);
});

test("stopped while the store is away, the deliveries come again", async () => {
  const error = new ReadingStoreError({ code: "READING_STORE_UNREACHABLE", reason: "gone" });
  const drain = createDrain({ queue, store: failingStore(() => error), wait });
  await queue.publish(testReadings(1, 10));
  await drainUntil(drain, () => drain.counts().attempts >= 3);
  const store = memoryStore();
  const next = createDrain({ queue, store, wait });
  await drainUntil(next, () => queue.counts().acknowledged === 10);
  expect(await storedTimes(store)).toStrictEqual(numbers(1, 10));
  expect(queue.counts().redelivered).toBe(10);
});

test("a reading that the store refuses for good is a dead letter, and its neighbours are stored", async () => {
  const refusal = new ReadingStoreError({ code: "READING_STORE_REFUSED", reason: "no room for it" });
  const store = failingStore((readings) => (timesOf(readings).some((time) => time % 7 === 0) ? refusal : undefined));
  const drain = createDrain({ queue, store, wait });
  for (const first of [1, 11]) await queue.publish(testReadings(first, 10));
  await drainUntil(drain, () => queue.counts().acknowledged === 20);
  expect(drain.counts()).toMatchObject({ stored: 18, refused: 2 });
  const letters = await collect(queue.deadLetters());
  expect(letters.map(({ reading, reason }) => `${reading?.timestampMs} ${reason}`)).toStrictEqual([
    '7 READING_STORE_REFUSED reason="no room for it"',
    '14 READING_STORE_REFUSED reason="no room for it"',
  ]);
  expect(await storedTimes(store)).toStrictEqual(numbers(1, 20).filter((time) => time % 7 !== 0));
});

test("a failure that trying again does not cure ends the drain, and loses nothing", async () => {
  const store = failingStore(() => new Error("disk gone"));
  await queue.publish(testReadings(1, 10));
  await expect(createDrain({ queue, store, wait }).run(new AbortController().signal)).rejects.toThrow("disk gone");
  expect(await queue.backlog()).toBe(1);
});
