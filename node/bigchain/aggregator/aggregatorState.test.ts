import { expect, test } from "vitest";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import type { MeterRecord } from "./aggregatorRecords.ts";
import { createAggregatorState } from "./aggregatorState.ts";

const EVERY_MS = 900_000;
const KEEP_MS = 10 * EVERY_MS;
const START_MS = Date.parse("2026-11-21T10:00:00Z");

const recordOf = (meterId: string): MeterRecord => ({
  meterId,
  publicKey: "key",
  assetId: "asset",
  registered: false,
  head: "asset",
  next: 0,
});

function reading(atMs: number, value: number, fields: Partial<Reading> = {}): Reading {
  const timestampMs = START_MS + atMs;
  return {
    ...{ meterId: "ngsi:M1", quantity: "activePower", kind: "instant", phase: 0, tariff: 0, value, timestampMs },
    ...{ periodMs: 0, receivedMs: timestampMs, timeSource: "meter", timeQuality: "synced", quality: 0 },
    rawHash: new Uint8Array(32),
    ...fields,
  };
}

const open = () => {
  const store = createMemoryStore();
  return { store, state: createAggregatorState(store, { everyMs: EVERY_MS, keepMs: KEEP_MS }) };
};

test("intervals that have ended are told once each, oldest first, and others wait", async () => {
  const { state } = open();
  await state.take(
    [reading(1, 10), reading(EVERY_MS, 20), reading(EVERY_MS + 1, 30), reading(2 * EVERY_MS + 1, 40)],
    START_MS,
  );
  expect(await state.closeIntervals(START_MS + 2 * EVERY_MS, recordOf)).toEqual(["ngsi:M1"]);
  expect(await state.closeIntervals(START_MS + 2 * EVERY_MS, recordOf)).toEqual([]);
  const waiting = await state.waiting("ngsi:M1", 10);
  expect(waiting.map(({ metadata }) => [metadata.recvTime, metadata.attrValue, metadata.count])).toEqual([
    ["2026-11-21T10:15:00.000Z", "0.015", 2],
    ["2026-11-21T10:30:00.000Z", "0.03", 1],
  ]);
  expect((await state.meter("ngsi:M1"))?.next).toBe(2);
});

test("a reading that comes twice counts once, in one message and over several", async () => {
  const { state } = open();
  const [first, other] = [reading(1, 10), reading(1, 99)];
  expect(await state.take([first, first, other], START_MS)).toEqual({
    taken: 1,
    duplicates: 2,
    tooLate: 0,
    tooEarly: 0,
  });
  expect(await state.take([first], START_MS)).toEqual({ taken: 0, duplicates: 1, tooLate: 0, tooEarly: 0 });
  await state.closeIntervals(START_MS + EVERY_MS, recordOf);
  expect((await state.waiting("ngsi:M1", 10))[0]?.metadata).toMatchObject({ count: 1, sum: "10" });
  expect(await state.take([first], START_MS)).toEqual({ taken: 0, duplicates: 1, tooLate: 0, tooEarly: 0 });
  expect(await state.closeIntervals(START_MS + EVERY_MS, recordOf)).toEqual([]);
});

test("a reading that comes late is told by its whole interval anew, with the next revision", async () => {
  const { state } = open();
  await state.take([reading(1, 10)], START_MS);
  await state.closeIntervals(START_MS + EVERY_MS, recordOf);
  await state.take([reading(2, 30)], START_MS + 2 * EVERY_MS);
  await state.closeIntervals(START_MS + EVERY_MS, recordOf);
  expect((await state.waiting("ngsi:M1", 10)).map(({ metadata }) => [metadata.revision, metadata.sum])).toEqual([
    [0, "10"],
    [1, "40"],
  ]);
});

test("what is older than what is kept, or far ahead of the clock, is said to be, and is not taken", async () => {
  const { state } = open();
  expect(await state.take([reading(0, 10), reading(1, 10)], START_MS + KEEP_MS)).toEqual({
    taken: 1,
    duplicates: 0,
    tooLate: 1,
    tooEarly: 0,
  });
  expect(await state.take([reading(3_600_000, 10), reading(3_600_001, 10)], START_MS)).toEqual({
    taken: 1,
    duplicates: 0,
    tooLate: 0,
    tooEarly: 1,
  });
});

test("meters and series are apart", async () => {
  const { state } = open();
  await state.take([reading(1, 10), reading(1, 20, { meterId: "ngsi:M2" }), reading(1, 30, { phase: 1 })], START_MS);
  expect((await state.closeIntervals(START_MS + EVERY_MS, recordOf)).toSorted()).toEqual(["ngsi:M1", "ngsi:M2"]);
  expect((await state.waiting("ngsi:M1", 10)).map(({ metadata }) => metadata.attrName).toSorted()).toEqual([
    "P",
    "P_L1",
  ]);
  expect((await state.waiting("ngsi:M2", 10)).length).toBe(1);
  expect(await state.countWaiting()).toBe(3);
});

test("what was sent is forgotten together with the meter's new head, and numbers are never given twice", async () => {
  const { state } = open();
  await state.take([reading(1, 10)], START_MS);
  await state.closeIntervals(START_MS + EVERY_MS, recordOf);
  const record = (await state.meter("ngsi:M1")) as MeterRecord;
  const [entry] = await state.waiting("ngsi:M1", 1);
  // Another interval is closed while the first one is under way.
  await state.take([reading(EVERY_MS + 1, 20)], START_MS);
  await state.closeIntervals(START_MS + 2 * EVERY_MS, recordOf);
  await state.save({ ...record, head: "first" }, entry === undefined ? [] : [entry]);
  expect((await state.waiting("ngsi:M1", 10)).map(({ metadata }) => metadata.sum)).toEqual(["20"]);
  expect(await state.meter("ngsi:M1")).toMatchObject({ head: "first", next: 2 });
  expect(await state.meters()).toHaveLength(1);
});

test("pruning forgets readings that are too old to be told again, and nothing that waits", async () => {
  const { state, store } = open();
  await state.take([reading(1, 10)], START_MS);
  await state.closeIntervals(START_MS + EVERY_MS, recordOf);
  const sizeBefore = await store.sizeBytes();
  await state.prune(START_MS + EVERY_MS);
  expect(await store.sizeBytes()).toBe(sizeBefore);
  await state.prune(START_MS + KEEP_MS + 3 * EVERY_MS);
  expect(await store.sizeBytes()).toBeLessThan(sizeBefore);
  expect(await state.countWaiting()).toBe(1);
});
