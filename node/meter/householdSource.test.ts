import { expect, test } from "vitest";
import { type Reading, validateReading } from "#storage/types/reading.ts";
import { createHouseholdSource, householdMeters } from "./householdSource.ts";
import { clearSkyShare, LOAD_PROFILE_WH } from "./loadProfile.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2013, 5, 10);

/** A clock that jumps to the end of the simulated time at its second look. */
async function simulate(
  seed: number,
  households: number,
  days: number,
  registersMwh?: ReadonlyMap<string, number>,
): Promise<readonly Reading[]> {
  let looks = 0;
  const nowMs = () => START_MS + DAY_MS * 1000 + (looks++ === 0 ? 0 : days * DAY_MS);
  const source = createHouseholdSource({
    households,
    firstHousehold: 0,
    seed,
    startMs: START_MS,
    readingMs: 15 * 60_000,
    speed: 1,
    nowMs,
    ...(registersMwh === undefined ? {} : { registersMwh }),
  });
  const stop = new AbortController();
  const readings: Reading[] = [];
  const expected = householdMeters({ households, firstHousehold: 0 }).length * days * 96;
  for await (const item of source.readings(stop.signal)) {
    if (item.type === "reading") readings.push(item.reading);
    if (readings.length === expected) stop.abort();
  }
  return readings;
}

const values = (readings: readonly Reading[]) =>
  readings.map(({ meterId, timestampMs, value }) => [meterId, timestampMs, value]);

test("the same seed gives the same readings, another seed others", async () => {
  const [first, second, other] = await Promise.all([simulate(1, 4, 1), simulate(1, 4, 1), simulate(2, 4, 1)]);
  expect(values(first)).toEqual(values(second));
  expect(values(first)).not.toEqual(values(other));
});

test("readings are valid, and each register is the exact sum of its readings", async () => {
  const registers = new Map<string, number>();
  for (const reading of await simulate(3, 4, 2)) {
    validateReading(reading);
    const before = registers.get(reading.meterId);
    if (before !== undefined) expect(reading.registerValue).toBe(before + reading.value);
    registers.set(reading.meterId, reading.registerValue ?? 0);
  }
  expect([...registers.keys()].sort()).toEqual(
    householdMeters({ households: 4, firstHousehold: 0 })
      .map(({ meterId }) => meterId)
      .sort(),
  );
});

test("a simulation that goes on keeps its registers", async () => {
  const before = new Map((await simulate(3, 4, 1)).map(({ meterId, registerValue }) => [meterId, registerValue ?? 0]));
  const seen = new Set<string>();
  for (const { meterId, value, registerValue } of await simulate(3, 4, 1, before)) {
    if (!seen.has(meterId)) expect(registerValue).toBe((before.get(meterId) ?? 0) + value);
    seen.add(meterId);
  }
  expect(seen.size).toBe(before.size);
});

test("the clock of a simulation is at the newest readings, after all of them", async () => {
  let looks = 0;
  const source = createHouseholdSource({
    households: 3,
    firstHousehold: 0,
    seed: 1,
    startMs: START_MS,
    readingMs: 1000,
    speed: 1,
    nowMs: () => START_MS + DAY_MS + (looks++ === 0 ? 0 : 5000),
  });
  const stop = new AbortController();
  const items: [string, number][] = [];
  for await (const item of source.readings(stop.signal)) {
    if (item.type === "reading") items.push(["reading", item.reading.timestampMs - START_MS]);
    if (item.type === "time") items.push(["time", item.nowMs - START_MS]);
    if (items.at(-1)?.join() === "time,5000") stop.abort();
  }
  // Three households, the first of which has panels too.
  expect(items).toEqual(
    [1000, 2000, 3000, 4000, 5000].flatMap((ms) => [...Array(4).fill(["reading", ms]), ["time", ms]]),
  );
});

test("a household with panels exports at noon and imports at night", async () => {
  const readings = await simulate(1, 1, 1);
  const at = (hour: number, direction: string) =>
    readings.find(
      ({ timestampMs, meterId }) => timestampMs === START_MS + hour * 3_600_000 && meterId.endsWith(direction),
    )?.value ?? 0;
  expect(at(11, "export")).toBeGreaterThan(0);
  expect(at(1, "export")).toBe(0);
  expect(at(1, "import")).toBeGreaterThan(0);
});

test("the load profile has the daily sums it states, and the sun is down at midnight", () => {
  const sums = Object.values(LOAD_PROFILE_WH).map((profile) => profile.reduce((sum, wh) => sum + wh, 0));
  expect(sums.map((wh) => Math.round(wh / 100) / 10)).toEqual([12.1, 12.7, 8.3, 8.7]);
  expect(clearSkyShare(START_MS)).toBe(0);
});
