import { expect, test } from "vitest";
import { createTokenBucket } from "./tokenBucket.ts";

test("a burst passes, then only what the clock refills, and never more than the burst", () => {
  let now = 0;
  const bucket = createTokenBucket({ perSecond: 10, burst: 5 }, () => now);
  expect([5, 1].map((count) => bucket.take(count))).toEqual([true, false]);
  now = 100;
  expect([1, 1].map((count) => bucket.take(count))).toEqual([true, false]);
  now = 60_000;
  expect([6, 5, 1].map((count) => bucket.take(count))).toEqual([false, true, false]);
});

test("a clock that steps back takes nothing away and gives nothing", () => {
  let now = 1000;
  const bucket = createTokenBucket({ perSecond: 10, burst: 2 }, () => now);
  bucket.take(2);
  now = 0;
  expect(bucket.take(1)).toBe(false);
  now = 100;
  expect(bucket.take(1)).toBe(true);
});
