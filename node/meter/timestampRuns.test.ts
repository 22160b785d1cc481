import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_TIMESTAMP_RUNS, TimestampRuns } from "./timestampRuns.ts";

test("it is a set, in whatever order and steps timestamps come", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 200 }), (timestamps) => {
      const runs = new TimestampRuns();
      const model = new Set<number>();
      for (const timestampMs of timestamps) {
        expect(runs.add(timestampMs)).toBe(!model.has(timestampMs));
        model.add(timestampMs);
      }
    }),
  );
});

test("a steady clock needs one run per gap", () => {
  const runs = new TimestampRuns();
  for (let i = 0; i < 17_520; i++) if (i % 5000 !== 4999) expect(runs.add(i * 1_800_000)).toBe(true);
  for (let i = 0; i < 17_520; i++) expect(runs.add(i * 1_800_000)).toBe(i % 5000 === 4999);
  expect(runs.size).toBeLessThanOrEqual(4 + 3);
});

test("what it holds is bounded, and what it has forgotten counts as new", () => {
  const runs = new TimestampRuns();
  let timestampMs = 0;
  for (let i = 1; i <= 3 * MAX_TIMESTAMP_RUNS; i++) {
    timestampMs += i;
    expect(runs.add(timestampMs)).toBe(true);
  }
  expect(runs.size).toBe(MAX_TIMESTAMP_RUNS);
  expect(runs.forgottenUntilMs).toBeGreaterThan(1);
  expect(runs.forgottenUntilMs).toBeLessThan(timestampMs / 2);
  expect(runs.add(timestampMs)).toBe(false);
  expect(runs.add(1)).toBe(true);
  for (let i = 2; i < MAX_TIMESTAMP_RUNS + 10; i++) runs.add(i);
  expect(runs.size).toBeLessThanOrEqual(2 * MAX_TIMESTAMP_RUNS);
});
