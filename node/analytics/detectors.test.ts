import { expect, test } from "vitest";
import { detectAnomalies } from "./anomalies.ts";
import { type Anomaly, anomalyText, flagFields } from "./anomaly.ts";
import type { Slot } from "./slots.ts";
import { asyncOf, collect, testSlots, times } from "./testSlots.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 5);

async function found(slots: readonly Slot[], kind: Anomaly["kind"]): Promise<readonly Anomaly[]> {
  return (await collect(detectAnomalies(asyncOf(slots)))).filter((anomaly) => anomaly.kind === kind);
}

test("zeros for more than 48 hours after use are a run; 48 hours, or zeros before any use, are none", async () => {
  const run = (zeros: number, before = 100) => found(testSlots([before, ...times(zeros, 0), 100]), "zero-run");
  expect(await run(97)).toMatchObject([
    { fromMs: START_MS + 0.5 * HOUR_MS, untilMs: START_MS + 49 * HOUR_MS, score: 48_500, severity: "warning" },
  ]);
  expect(await run(96)).toEqual([]);
  expect(await run(97, 0)).toEqual([]);
  // It still goes on where the readings end.
  expect(await found(testSlots([1, ...times(100, 0)]), "zero-run")).toHaveLength(1);
});

test("a missing reading is no zero", async () => {
  const values = [100, ...times(50, 0), ...times(200, undefined), ...times(46, 0), 100];
  expect(await found(testSlots(values), "zero-run")).toEqual([]);
  const longer = [100, ...times(50, 0), ...times(200, undefined), ...times(47, 0), 100];
  expect(await found(testSlots(longer), "zero-run")).toMatchObject([{ details: { zeroMs: 97 * 0.5 * HOUR_MS } }]);
});

/** Days of a meter that is still but for `night` in every slot of 01:00 to 05:00. */
function nights(flows: readonly (number | undefined)[], quantity: Slot["quantity"]): readonly Slot[] {
  const day = (night: number | undefined) => [0, 0, ...times(8, night), ...times(38, 500)];
  return testSlots(flows.flatMap(day), { quantity });
}

test("water that never stands still in three nights is a leak, two are none", async () => {
  const slots = (count: number) => nights([0, ...times(count, 40), 0, 0], "waterVolume");
  expect(await found(slots(2), "leak")).toEqual([]);
  const [leak] = await found(slots(5), "leak");
  expect(leak).toMatchObject({
    fromMs: START_MS + 25 * HOUR_MS,
    untilMs: START_MS + (24 * 5 + 5) * HOUR_MS,
    score: 5000,
    details: { nights: 5, leastPerHour: 80 },
  });
});

test("gas needs seven nights, one slot of rest or a night without readings ends the run", async () => {
  expect(await found(nights(times(6, 40), "gasVolume"), "leak")).toEqual([]);
  expect(await found(nights(times(7, 40), "gasVolume"), "leak")).toHaveLength(1);
  expect(await found(nights([...times(4, 40), undefined, ...times(4, 40)], "gasVolume"), "leak")).toEqual([]);
  const resting = nights(times(9, 40), "gasVolume").map((slot, i) => (i === 4 * 48 + 5 ? { ...slot, value: 0 } : slot));
  expect(await found(resting, "leak")).toEqual([]);
});

test("a base load that rises by more than 100 W and half as much again is told once", async () => {
  // 40 W, then 200 W for good.
  const slots = testSlots([...times(30 * 48, 20_000), ...times(40 * 48, 100_000)]);
  const steps = await found(slots, "base-load");
  expect(steps).toMatchObject([{ score: 160_000, details: { beforeMilliwatts: 40_000, afterMilliwatts: 200_000 } }]);
  // It needs 35 nights: it is certain at 05:00 of the 35th.
  expect(steps[0]?.untilMs).toBe(START_MS + (34 * 24 + 5) * HOUR_MS);
  expect(await found(testSlots([...times(30 * 48, 20_000), ...times(40 * 48, 70_000)]), "base-load")).toEqual([]);
});

test("more than the fuse lets through is critical and enters no baseline", async () => {
  const all = await collect(detectAnomalies(asyncOf(testSlots([11_500_000, 11_500_001]))));
  expect(all).toMatchObject([{ kind: "over-limit", severity: "critical", score: 1000, untilMs: START_MS + HOUR_MS }]);
});

test("a flag record has the ledger's words, whole numbers and the hash of one spelling of the details", async () => {
  const [leak] = await found(nights(times(4, 40), "waterVolume"), "leak");
  const flag = flagFields(leak as Anomaly, "m1");
  expect(flag).toMatchObject({
    meterId: "m1",
    kind: "leak",
    severity: "warning",
    score: 4000,
    detector: "night-flow/1",
  });
  expect(flag.intervalEndMs).toBe(BigInt((leak as Anomaly).untilMs));
  const shuffled = Object.fromEntries(Object.entries(leak as Anomaly).reverse()) as unknown as Anomaly;
  expect(anomalyText(shuffled)).toBe(anomalyText(leak as Anomaly));
  expect(flagFields(shuffled, "m1").detailsHash).toEqual(flag.detailsHash);
  expect(anomalyText(leak as Anomaly)).toMatch(/^\{"details":\{"leastPerHour":80,"nights":4\},"detector":/);
});
