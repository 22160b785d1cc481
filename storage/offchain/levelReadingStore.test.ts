import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLevelStore } from "../db/levelStore.ts";
import { createMemoryStore } from "../db/memoryStore.ts";
import { conflictKey, readingKey, seriesKey } from "./levelReadingKeys.ts";
import { createLevelReadingStore } from "./levelReadingStore.ts";
import { seriesOf } from "./readingStore.ts";
import { testReadingStore } from "./readingStoreSuite.ts";
import { encodeStoredReading } from "./storedReading.ts";
import { collect, testReading, testReadings, testSample } from "./testReadings.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reading-store-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function open() {
  const database = await openLevelStore(directory);
  const store = createLevelReadingStore(database);
  const close = async () => {
    await store.close();
    await database.close();
  };
  return { database, store, close };
}

testReadingStore("LevelDB", async () => {
  let opened = await open();
  return {
    store: opened.store,
    reopen: async () => {
      await opened.close();
      opened = await open();
      return opened.store;
    },
    dispose: () => opened.close(),
  };
});

test("hundreds of meters met for the first time in one put after a start are known from the disk", async () => {
  const first = Array.from({ length: 300 }, (_, i) => testSample(10, { meterId: `sim:${i}` }));
  const before = await open();
  await before.store.put(first);
  await before.close();
  const { store, close } = await open();
  const newer = first.map(({ meterId }) => testSample(20, { meterId }));
  expect(await store.put([...first, ...newer])).toMatchObject({ stored: 300, duplicates: 300, conflicts: 0 });
  await close();
});

const filesHave = (needle: Uint8Array): boolean =>
  readdirSync(directory)
    .filter((name) => /\.(ldb|log|sst)$/.test(name))
    .some((name) => readFileSync(join(directory, name)).includes(Buffer.from(needle)));

test("after an erasure no file has the value, the raw hash or the conflict any more", async () => {
  const { store, close } = await open();
  const conflict = testSample(50, { value: 1 });
  await store.put(Array.from({ length: 100 }, (_, i) => testSample(1 + i)));
  await store.put([conflict]);
  const [erased, kept] = [testSample(50), testSample(70)];
  expect([erased, kept, conflict].map(({ rawHash }) => filesHave(rawHash))).toStrictEqual([true, true, true]);
  await store.erase(seriesOf(erased), { afterMs: 40, untilMs: 60 }, () => undefined);
  expect([erased, kept, conflict].map(({ rawHash }) => filesHave(rawHash))).toStrictEqual([false, true, false]);
  await close();
});

test("every key of a meter sorts by series and time, and conflicts by value", () => {
  const keys = [
    readingKey(testReading(0), 1),
    readingKey(testReading(0), 2 ** 40),
    readingKey(testReading(0, { phase: 1 }), 0),
    readingKey(testReading(0, { meterId: "sim:B" }), 0),
    conflictKey(testReading(5, { value: -(2 ** 53 - 1) })),
    conflictKey(testReading(5, { value: -1 })),
    conflictKey(testReading(5, { value: 0 })),
    conflictKey(testReading(5, { value: 2 ** 53 - 1 })),
    conflictKey(testReading(6, { value: 0 })),
    seriesKey(testReading(0)),
  ];
  expect(keys.toSorted(Buffer.compare)).toStrictEqual(keys);
});

test("a record in another's place, one without its series and a conflict without its reading are found", async () => {
  const { database, store, close } = await open();
  await store.put(testReadings(1, 5));
  const stray = testReading(9, { meterId: "sim:Z" });
  await database.batch(
    [
      { type: "put", key: readingKey(testReading(3), 3), value: encodeStoredReading(testReading(4)) },
      { type: "put", key: readingKey(stray, 9), value: encodeStoredReading(stray) },
      { type: "put", key: conflictKey(testReading(77)), value: encodeStoredReading(testReading(77)).subarray(1) },
      { type: "put", key: readingKey(testReading(5), 5), value: Uint8Array.of(2, 1) },
    ],
    { sync: true },
  );
  const report = await store.verify();
  expect(report.faultCount).toBe(4);
  expect(report.faults).toMatchObject([
    { timestampMs: 3, reason: "the reading of sim:A activeEnergyImport at 4 stands here" },
    { timestampMs: 5, reason: "a tombstone of 2 bytes" },
    { series: { meterId: "sim:Z" }, timestampMs: 9, reason: "its series is not listed" },
    { timestampMs: 77, reason: "the reading it is in conflict with is not there" },
  ]);
  await expect(collect(store.read(seriesOf(testReading(1))))).rejects.toMatchObject({
    code: "READING_STORE_CORRUPT",
    details: { timestampMs: 3 },
  });
  await close();
});

test("values that fail their checksum are each found at their place", async () => {
  const memory = createMemoryStore();
  const damaged = new Set<string>();
  const { StoreError } = await import("../db/storeError.ts");
  const check = (key: Uint8Array): void => {
    const hex = Buffer.from(key).toString("hex");
    if (damaged.has(hex))
      throw new StoreError({
        code: "STORE_VALUE_CORRUPT",
        bucket: "storedReading",
        key: hex.slice(2),
        reason: "flipped",
      });
  };
  const store = createLevelReadingStore({
    ...memory,
    torn: [],
    compact: () => Promise.resolve(),
    get: async (key) => {
      check(key);
      return memory.get(key);
    },
    async *iterate(range) {
      for await (const [key, value] of memory.iterate(range)) {
        check(key);
        yield [key, value] as const;
      }
    },
  });
  await store.put(testReadings(1, 20));
  for (const time of [4, 5, 20]) damaged.add(readingKey(testReading(time), time).toString("hex"));
  const { faults, readings } = await store.verify();
  expect(faults.map(({ timestampMs, reason }) => `${timestampMs} ${reason}`)).toStrictEqual([
    "4 flipped",
    "5 flipped",
    "20 flipped",
  ]);
  expect(readings).toBe(17);
  const read = collect(store.read(seriesOf(testReading(1)), { afterMs: 4 }));
  await expect(read).rejects.toMatchObject({ code: "READING_STORE_CORRUPT", details: { timestampMs: 5 } });
  await expect(store.put([testReading(4)])).rejects.toMatchObject({ details: { timestampMs: 4 } });
});
