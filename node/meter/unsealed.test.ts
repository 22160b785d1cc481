import { expect, test } from "vitest";
import { MAX_UNSEALED_RUNS, UnsealedReadings } from "./unsealed.ts";

const HOUR_MS = 3_600_000;

test("readings at most a day apart are one run, also when what was between two runs comes last", () => {
  const unsealed = new UnsealedReadings();
  unsealed.add("a", "gap", [1 * HOUR_MS, 2 * HOUR_MS]);
  unsealed.add("a", "gap", [50 * HOUR_MS]);
  unsealed.add("a", "gap", []);
  expect(unsealed.list()).toMatchObject([
    { readings: 2, fromMs: 1 * HOUR_MS, toMs: 2 * HOUR_MS },
    { readings: 1, fromMs: 50 * HOUR_MS, toMs: 50 * HOUR_MS },
  ]);
  unsealed.add("a", "gap", [27 * HOUR_MS, 26 * HOUR_MS]);
  expect(unsealed.list()).toEqual([
    { meterId: "a", reason: "gap", readings: 5, fromMs: 1 * HOUR_MS, toMs: 50 * HOUR_MS },
  ]);
});

test("meters and reasons are kept apart", () => {
  const unsealed = new UnsealedReadings();
  unsealed.add("b", "gap", [110]);
  unsealed.add("a", "amendments-full", [150]);
  unsealed.add("a", "gap", [120]);
  expect(unsealed.list().map(({ meterId, reason }) => [meterId, reason])).toEqual([
    ["a", "gap"],
    ["a", "amendments-full"],
    ["b", "gap"],
  ]);
  expect(unsealed.list("b")).toHaveLength(1);
});

test("a meter that delivers a patchwork fills no memory, and each of its readings is counted", () => {
  const unsealed = new UnsealedReadings();
  const count = MAX_UNSEALED_RUNS + 50;
  for (let index = 0; index < count; index++) unsealed.add("a", "gap", [index * 48 * HOUR_MS]);
  const runs = unsealed.list();
  expect(runs).toHaveLength(MAX_UNSEALED_RUNS);
  expect(runs.reduce((sum, { readings }) => sum + readings, 0)).toBe(count);
  expect(runs.at(-1)).toMatchObject({ readings: 51, toMs: (count - 1) * 48 * HOUR_MS });
});
