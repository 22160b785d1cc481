import { expect, test } from "vitest";
import { MAX_SERIES, newSlotCounts, SlotBuilder, slotsOf } from "./slots.ts";
import { asyncOf, collect, testReading } from "./testSlots.ts";

const MINUTE_MS = 60_000;

test("a reading as long as a slot is one, and so is a longer one", async () => {
  const hourly = testReading({ meterId: "m2", periodMs: 60 * MINUTE_MS, timestampMs: 60 * MINUTE_MS, value: 9 });
  const slots = await collect(slotsOf(asyncOf([testReading({ value: 5 }), hourly])));
  expect(slots.map(({ meterId, endMs, periodMs, value }) => [meterId, endMs, periodMs, value])).toEqual([
    ["m1", 1_800_000, 1_800_000, 5],
    ["m2", 3_600_000, 3_600_000, 9],
  ]);
});

test("short readings are summed into slots, and a slot that misses one is left out and counted", async () => {
  const minutes = Array.from({ length: 90 }, (_, i) =>
    testReading({ timestampMs: (i + 1) * MINUTE_MS, periodMs: MINUTE_MS, value: i + 1 }),
  ).filter((_, i) => i !== 40);
  const counts = newSlotCounts();
  const slots = await collect(slotsOf(asyncOf(minutes), { counts }));
  expect(slots.map(({ endMs, value }) => [endMs / MINUTE_MS, value])).toEqual([
    [30, (30 * 31) / 2],
    [90, (90 * 91) / 2 - (60 * 61) / 2],
  ]);
  expect(counts).toEqual({ ...newSlotCounts(), readings: 89, used: 89, partialSlots: 1 });
});

test("every reading is counted where it went", async () => {
  const counts = newSlotCounts();
  const readings = [
    testReading({ timestampMs: 2 * 1_800_000 }),
    testReading({ timestampMs: 1_800_000 }),
    testReading({ timestampMs: 2 * 1_800_000 }),
    testReading({ kind: "register", periodMs: 0 }),
    testReading({ phase: 1, timestampMs: 3 * 1_800_000 }),
    testReading({ timestampMs: 3 * 1_800_000 + 1 }),
    testReading({ timestampMs: 7 * 86_400_000, periodMs: 7 * 86_400_000 }),
    testReading({ timestampMs: 10 * 86_400_000, periodMs: MINUTE_MS }),
  ];
  await collect(slotsOf(asyncOf(readings), { counts }));
  expect(counts).toEqual({ readings: 8, used: 2, otherKinds: 2, outOfOrder: 3, offGrid: 1, partialSlots: 1 });
});

test("slots are whole minutes that divide a day", () => {
  for (const slotMs of [0, 60_000, 400_000, 7 * MINUTE_MS, 2 * 86_400_000, Number.NaN])
    expect(() => new SlotBuilder(slotMs, newSlotCounts()), String(slotMs)).toThrow(
      expect.objectContaining({ code: "ANALYTICS_OPTION_INVALID" }),
    );
});

test("more series than planned for are refused, not kept", () => {
  const builder = new SlotBuilder(1_800_000, newSlotCounts());
  for (let i = 0; i < MAX_SERIES; i++) builder.put(testReading({ meterId: `m${i}` }));
  expect(() => builder.put(testReading({ meterId: "one-more" }))).toThrow(
    expect.objectContaining({ code: "ANALYTICS_TOO_MANY_SERIES" }),
  );
});
