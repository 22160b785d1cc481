import { expect, test } from "vitest";
import { SequenceTracker } from "./sequenceTracker.ts";

test("numbers that come late, twice or out of order are not missing", () => {
  const tracker = new SequenceTracker();
  for (const [sequence, confirmed] of [
    [1, 0],
    [3, 1],
    [2, 1],
    [2, 1],
    [4, 3],
    [1, 3],
  ] as const)
    expect(tracker.note("a", sequence, confirmed)).toStrictEqual([]);
  expect(tracker.missing).toBe(0);
});

test("numbers that were confirmed and are not there are missing, once", () => {
  const tracker = new SequenceTracker();
  tracker.note("a", 1, 0);
  tracker.note("b", 1, 0);
  expect(tracker.note("a", 5, 4)).toStrictEqual([2, 3, 4]);
  expect(tracker.note("a", 6, 4)).toStrictEqual([]);
  expect(tracker.note("b", 2, 1)).toStrictEqual([]);
  expect(tracker.missing).toBe(3);
});

test("what an earlier consumer took is not looked for", () => {
  const tracker = new SequenceTracker();
  expect(tracker.note("a", 500, 499)).toStrictEqual([]);
  expect(tracker.note("a", 502, 501)).toStrictEqual([501]);
});

test("a number far ahead does not make it look for billions", () => {
  const tracker = new SequenceTracker();
  tracker.note("a", 1, 0);
  expect(tracker.note("a", 2, Number.MAX_SAFE_INTEGER)).toHaveLength(99_998);
});
