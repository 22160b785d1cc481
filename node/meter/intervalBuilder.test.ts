import fc from "fast-check";
import { expect, test } from "vitest";
import { averageOf, fingerprintOf } from "#storage/types/interval.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import { type IntervalOwner, periodSeed, readingSalt, readingSaltKey } from "#storage/types/intervalSecrets.ts";
import type { Reading } from "#storage/types/reading.ts";
import { proveReading, readingLeafHash, verifyReading } from "#storage/types/readingsRoot.ts";
import {
  type ClosedInterval,
  IntervalBuilder,
  type IntervalBuilderOptions,
  MAX_EMPTY_INTERVALS,
  MAX_HELD_READINGS,
} from "./intervalBuilder.ts";
import { testReading } from "./testReadings.ts";

const OWNER: IntervalOwner = {
  ledgerId: "energy-1",
  meterId: "sim:H0001/import",
  secret: new Uint8Array(32).fill(3),
};
const OPTIONS: IntervalBuilderOptions = { intervalMs: 100, periodMs: 1000, closedUntilMs: 0 };

function build(
  readings: readonly (number | Reading)[],
  options: Partial<IntervalBuilderOptions> = {},
): { closed: ClosedInterval[]; builder: IntervalBuilder } {
  const builder = new IntervalBuilder(OWNER, { ...OPTIONS, ...options });
  const closed = readings.flatMap((reading) =>
    builder.add(typeof reading === "number" ? testReading(reading) : reading),
  );
  return { closed: [...closed, ...builder.end()], builder };
}

function boundsOf(closed: readonly ClosedInterval[]): readonly (readonly [number, number, number])[] {
  return closed.map(({ startMs, endMs, count }) => [startMs, endMs, count]);
}

test("an interval takes its end and not its start", () => {
  expect(boundsOf(build([1, 100, 101, 200, 201]).closed)).toStrictEqual([
    [0, 100, 2],
    [100, 200, 2],
    [200, 300, 1],
  ]);
});

test("an interval closes with the first reading behind it, not with the one at its end", () => {
  const builder = new IntervalBuilder(OWNER, OPTIONS);
  expect(builder.add(testReading(50))).toStrictEqual([]);
  expect(builder.add(testReading(100))).toStrictEqual([]);
  expect(boundsOf(builder.add(testReading(101)))).toStrictEqual([[0, 100, 2]]);
  expect(builder.counts.fingerprinted).toBe(2);
});

test("fingerprint, sum, register, root and commitment are those of the readings", () => {
  const readings = [1010, 1040, 1100].map((timestampMs, i) =>
    testReading(timestampMs, { value: [5, -9, 2][i] as number, registerValue: 1000 + i }),
  );
  const [interval] = build(readings).closed;
  expect(interval).toMatchObject({
    meterId: OWNER.meterId,
    periodStartMs: 1000,
    count: 3,
    sum: -2n,
    registerEnd: 1002n,
  });
  const closed = interval as ClosedInterval;
  expect(closed.fingerprint).toStrictEqual(fingerprintOf(periodSeed(OWNER, 1000), readings));
  expect(averageOf(closed.sum, closed.count)).toBe(-1n);
  expect(verifySumOpening(closed.commitment, closed)).toStrictEqual({ accepted: true });
  const saltKey = readingSaltKey(OWNER, 1000, 1100);
  const salted = readings.map((reading, i) => ({ ...reading, salt: readingSalt(saltKey, i) }));
  const leaves = salted.map(({ salt, value, timestampMs }) => readingLeafHash(salt, value, timestampMs));
  for (const [i, reading] of salted.entries())
    expect(
      verifyReading({ root: closed.readingsRoot, count: closed.count }, proveReading(leaves, i, reading)),
    ).toStrictEqual({ accepted: true });
});

test("the seed is that of the period in which the interval starts", () => {
  const { closed } = build([1000, 1001]);
  expect(closed.map(({ periodStartMs }) => periodStartMs)).toStrictEqual([0, 1000]);
  expect(closed[1]?.fingerprint).toStrictEqual(fingerprintOf(periodSeed(OWNER, 1000), [testReading(1001)]));
});

test("within the lateness any order of arrival gives the same intervals", () => {
  const times = Array.from({ length: 40 }, (_, i) => 5 + i * 13);
  const inOrder = build(times).closed;
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 59 }), { minLength: 40, maxLength: 40 }), (delays) => {
      const arrival = times
        .map((time, i) => ({ time, at: time + (delays[i] as number) }))
        .sort((a, b) => a.at - b.at)
        .map(({ time }) => time);
      const { closed, builder } = build(arrival, { latenessMs: 60 });
      expect(closed).toStrictEqual(inOrder);
      expect(builder.counts).toMatchObject({ late: 0, fingerprinted: 40 });
    }),
  );
});

test("the clock closes the interval of a silent meter once it is past the end by more than the lateness", () => {
  const builder = new IntervalBuilder(OWNER, { ...OPTIONS, latenessMs: 30 });
  builder.add(testReading(50));
  builder.add(testReading(60));
  expect(builder.advance(70)).toStrictEqual([]);
  expect(builder.advance(130)).toStrictEqual([]);
  expect(builder.advance(131)).toStrictEqual(build([50, 60]).closed);
  expect(builder.advance(1000)).toStrictEqual([]);
  expect(builder.add(testReading(99))).toStrictEqual([]);
  expect(builder.counts).toMatchObject({ late: 1, fingerprinted: 2 });
  builder.add(testReading(150));
  expect(boundsOf(builder.end())).toStrictEqual([[100, 200, 1]]);
});

test("the clock closes nothing of a meter that sends, be it what it kept while it was away", () => {
  const builder = new IntervalBuilder(OWNER, { ...OPTIONS, latenessMs: 30 });
  const closed = [50, 60, 70, 80, 150, 160].flatMap((timestampMs, i) => {
    const byReading = builder.add(testReading(timestampMs));
    expect(builder.advance(5000 + 40 * i)).toStrictEqual([]);
    expect(builder.advance(5000 + 40 * i + 30)).toStrictEqual([]);
    return byReading;
  });
  expect(boundsOf(closed)).toStrictEqual([[0, 100, 4]]);
  expect(boundsOf(builder.advance(5000 + 40 * 5 + 31))).toStrictEqual([[100, 200, 2]]);
  expect(builder.counts).toMatchObject({ late: 0, fingerprinted: 6 });
});

test("the first look at the clock after a start closes nothing, and a clock that goes back neither", () => {
  const builder = new IntervalBuilder(OWNER, OPTIONS);
  builder.add(testReading(50));
  expect(builder.advance(9000)).toStrictEqual([]);
  expect(builder.advance(8000)).toStrictEqual([]);
  expect(boundsOf(builder.advance(9001))).toStrictEqual([[0, 100, 1]]);
});

test("a reading behind what is hashed or closed is late and changes nothing", () => {
  const { closed, builder } = build([50, 60, 55, 150, 60, 99, 100, 151]);
  expect(boundsOf(closed)).toStrictEqual([
    [0, 100, 2],
    [100, 200, 2],
  ]);
  expect(builder.counts).toMatchObject({ late: 4, fingerprinted: 4 });
  expect(closed).toStrictEqual(build([50, 60, 150, 151]).closed);
});

test("a reading as late as the bound allows is in, one past it is late once its interval is closed", () => {
  expect(build([90, 150, 91], { latenessMs: 50 }).builder.counts.late).toBe(0);
  expect(build([90, 151, 91], { latenessMs: 50 }).builder.counts.late).toBe(1);
});

test("the same time again is a duplicate or a conflict, hashed or held", () => {
  for (const latenessMs of [0, 1000]) {
    const { closed, builder } = build([50, 50, testReading(50, { value: 1 })], { latenessMs });
    expect(builder.counts).toMatchObject({ duplicates: 1, conflicts: 1, fingerprinted: 1, late: 0 });
    expect(closed).toStrictEqual(build([50]).closed);
  }
});

test("readings of another quantity, phase, tariff or kind are not summed with the first", () => {
  const others: Partial<Reading>[] = [{ quantity: "activePower" }, { phase: 1 }, { tariff: 1 }, { kind: "average" }];
  const { closed, builder } = build([10, ...others.map((change, i) => testReading(20 + i, change))]);
  expect(builder.counts).toMatchObject({ foreign: 4, fingerprinted: 1 });
  expect(closed).toStrictEqual(build([10]).closed);
});

test("a value that takes the sum beyond 2^53 - 1 is left out and the interval stays provable", () => {
  const huge = testReading(20, { value: Number.MAX_SAFE_INTEGER });
  const { closed, builder } = build([10, huge, 30]);
  expect(builder.counts).toMatchObject({ overflowing: 1, fingerprinted: 2 });
  expect(closed).toStrictEqual(build([10, 30]).closed);
});

test("readings in intervals that are closed already are late, and the rest goes on", () => {
  const { closed, builder } = build([50, 100, 101], { closedUntilMs: 100 });
  expect(boundsOf(closed)).toStrictEqual([[100, 200, 1]]);
  expect(builder.counts.late).toBe(2);
  expect(build([0]).builder.counts.late).toBe(1);
});

test("a gap seals nothing unless asked; asked, each missing interval is empty with the seed as fingerprint", () => {
  expect(boundsOf(build([50, 350]).closed)).toStrictEqual([
    [0, 100, 1],
    [300, 400, 1],
  ]);
  const { closed } = build([50, 350], { sealEmpty: true, periodMs: 100 });
  expect(boundsOf(closed)).toStrictEqual([
    [0, 100, 1],
    [100, 200, 0],
    [200, 300, 0],
    [300, 400, 1],
  ]);
  expect(closed[1]).toMatchObject({ sum: 0n, fingerprint: periodSeed(OWNER, 100) });
});

test("a gap longer than any outage is not filled", () => {
  const options = { sealEmpty: true, periodMs: 100, closedUntilMs: 100 };
  expect(build([100 + MAX_EMPTY_INTERVALS * 100], options).closed).toHaveLength(MAX_EMPTY_INTERVALS);
  expect(build([101 + MAX_EMPTY_INTERVALS * 100], options).closed).toHaveLength(1);
});

test("as many readings as may be held are; then the oldest is hashed early", () => {
  const builder = new IntervalBuilder(OWNER, { intervalMs: 1e6, periodMs: 1e6, closedUntilMs: 0, latenessMs: 1e6 });
  for (let i = 1; i <= MAX_HELD_READINGS; i++) builder.add(testReading(i * 10));
  builder.add(testReading(5));
  expect(builder.counts.late).toBe(0);
  builder.add(testReading(4));
  expect(builder.counts.late).toBe(1);
});

test.each([
  ["intervalMs", { intervalMs: 0 }],
  ["periodMs", { periodMs: 150 }],
  ["latenessMs", { latenessMs: -1 }],
  ["sealEmpty", { sealEmpty: true }],
])("a wrong %s is refused by name", (option, change) => {
  expect(() => build([], change)).toThrow(expect.objectContaining({ details: expect.objectContaining({ option }) }));
});
