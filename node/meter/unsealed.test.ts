import { expect, test } from "vitest";
import { MAX_UNSEALED_RUNS, UnsealedReadings } from "./unsealed.ts";

test("readings of intervals side by side are one run, also when what was between two runs comes last", () => {
  const unsealed = new UnsealedReadings(100);
  unsealed.add("a", "gap", [110, 190]);
  unsealed.add("a", "gap", [350]);
  unsealed.add("a", "gap", []);
  expect(unsealed.list()).toMatchObject([
    { readings: 2, fromMs: 110, toMs: 190 },
    { readings: 1, fromMs: 350, toMs: 350 },
  ]);
  unsealed.add("a", "gap", [220, 210, 300]);
  expect(unsealed.list()).toEqual([{ meterId: "a", reason: "gap", readings: 6, fromMs: 110, toMs: 350 }]);
});

test("meters and reasons are kept apart", () => {
  const unsealed = new UnsealedReadings(100);
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
  const unsealed = new UnsealedReadings(100);
  const count = MAX_UNSEALED_RUNS + 50;
  for (let index = 0; index < count; index++) unsealed.add("a", "gap", [index * 1000 + 1]);
  const runs = unsealed.list();
  expect(runs).toHaveLength(MAX_UNSEALED_RUNS);
  expect(runs.reduce((sum, { readings }) => sum + readings, 0)).toBe(count);
  expect(runs.at(-1)).toMatchObject({ readings: 51, toMs: (count - 1) * 1000 + 1 });
});
