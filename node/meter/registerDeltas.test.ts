import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_READING_PERIOD_MS, QUALITY, type Reading, validateReading } from "#storage/types/reading.ts";
import { MAX_AHEAD_MS } from "./ahead.ts";
import { RegisterDeltas, type RegisterRules } from "./registerDeltas.ts";
import { testReading } from "./testReadings.ts";

/** 10 kW, 1 Wh. */
const RULES: RegisterRules = { limitPerHour: 10_000_000, resolution: 1000 };
const MINUTE_MS = 60_000;
const START_MS = 1_700_000_000_000;

/** A register in Wh after so many minutes. */
function at(minutes: number, wattHours: number, change: Partial<Reading> = {}): Reading {
  const timestampMs = START_MS + minutes * MINUTE_MS;
  const value = wattHours * 1000;
  return testReading(timestampMs, { kind: "register", periodMs: 0, value, receivedMs: timestampMs, ...change });
}

/** Verdicts, with the Wh that were counted. */
function run(readings: readonly Reading[], rules = RULES): string[] {
  const deltas = new RegisterDeltas(rules);
  return readings.map((reading) => {
    const outcome = deltas.take(reading);
    if (!("reading" in outcome)) return outcome.verdict;
    validateReading(outcome.reading);
    return outcome.reading.kind === "interval" ? `${outcome.verdict} ${outcome.reading.value / 1000}` : outcome.verdict;
  });
}

test("an interval reading is the difference of two registers and shows the second one", () => {
  const deltas = new RegisterDeltas(RULES);
  expect(deltas.take(at(0, 5000))).toMatchObject({
    verdict: "baseline",
    reading: { kind: "register", value: 5_000_000 },
  });
  expect(deltas.take(at(1, 5100))).toMatchObject({
    verdict: "delta",
    reading: { kind: "interval", value: 100_000, registerValue: 5_100_000, periodMs: MINUTE_MS, quality: 0 },
  });
});

const JITTER = 2;
test.each<[string, readonly Reading[], readonly string[], Partial<RegisterRules>?]>([
  ["a register that stands still counts nothing", [at(0, 7), at(1, 7), at(2, 7)], ["baseline", "delta 0", "delta 0"]],
  ["a gap is one reading over all of it", [at(0, 0), at(600, 90_000)], ["baseline", "delta 90000"]],
  [
    "the same reading again",
    [at(0, 5), at(1, 6), at(1, 6), at(0, 5)],
    ["baseline", "delta 1", "duplicate", "duplicate"],
  ],
  [
    "another register for the same time: the first stays",
    [at(0, 5), at(1, 6), at(1, 9), at(2, 10)],
    ["baseline", "delta 1", "conflict", "delta 4"],
  ],
  [
    "a late reading: its energy is in the one after it already",
    [at(0, 0), at(2, 20), at(1, 9), at(3, 30)],
    ["baseline", "delta 20", "late", "delta 10"],
  ],
  [
    "jitter counts nothing, and nothing twice when the register comes back",
    [at(0, 215), at(1, 215 - JITTER), at(2, 214), at(3, 216)],
    ["baseline", "clamped 0", "clamped 0", "delta 1"],
  ],
  [
    "a reset: nothing is counted across it, everything behind it is",
    [at(0, 5000), at(1, 0), at(2, 4), at(3, 10)],
    ["baseline", "decrease", "reset 4", "delta 6"],
  ],
  ["one zero from a meter that starts", [at(0, 5000), at(1, 0), at(2, 5002)], ["baseline", "decrease", "delta 2"]],
  [
    "a swapped meter that shows more",
    [at(0, 5000), at(1, 90_000), at(2, 90_100), at(3, 90_150)],
    ["baseline", "over-limit", "reset 100", "delta 50"],
  ],
  ["one spike", [at(0, 5000), at(1, 90_000), at(2, 5200)], ["baseline", "over-limit", "delta 200"]],
  [
    "two strange readings that do not go with each other",
    [at(0, 5000), at(1, 90_000), at(2, 700), at(3, 5300)],
    ["baseline", "over-limit", "decrease", "delta 300"],
  ],
  [
    "a rollover at the register's width",
    [at(0, 999_990), at(1, 20), at(2, 30)],
    ["baseline", "rollover 30", "delta 10"],
    { modulus: 1_000_000_000 },
  ],
  ["without a width it is a reset", [at(0, 999_990), at(1, 20), at(2, 30)], ["baseline", "decrease", "reset 10"]],
  [
    "a decrease that the width does not explain",
    [at(0, 500_000), at(1, 20), at(2, 30)],
    ["baseline", "decrease", "reset 10"],
    { modulus: 1_000_000_000 },
  ],
  [
    "a source that says that it began anew",
    [at(0, 50), at(1, 51, { quality: QUALITY.RESET }), at(2, 53)],
    ["baseline", "baseline", "delta 2"],
  ],
  [
    "a meter that was away longer than a period can say",
    [at(0, 50), at(MAX_READING_PERIOD_MS / MINUTE_MS + 1, 60), at(MAX_READING_PERIOD_MS / MINUTE_MS + 2, 61)],
    ["baseline", "baseline", "delta 1"],
  ],
  [
    "a clock that runs ahead",
    [at(0, 50), at(1, 51, { timestampMs: START_MS + MAX_AHEAD_MS + 1, receivedMs: START_MS }), at(2, 53)],
    ["baseline", "ahead", "delta 3"],
  ],
])("%s", (_name, readings, expected, rules = {}) => {
  expect(run(readings, { ...RULES, ...rules })).toStrictEqual(expected);
});

test("a step of a coarse register within a second is not over the limit, and a step more is", () => {
  const coarse = { limitPerHour: 10_000_000, resolution: 100_000 };
  const soon = (wattHours: number) => at(1 / 60, wattHours);
  expect(run([at(0, 0), soon(203)], coarse)).toStrictEqual(["baseline", "delta 203"]);
  expect(run([at(0, 0), soon(204)], coarse)).toStrictEqual(["baseline", "over-limit"]);
});

/** A meter with everything that happens to one: steps, jumps, resets, repeats, late ones, clocks. */
const HISTORY = fc.array(
  fc.record({
    minutes: fc.integer({ min: -3, max: 5 }),
    step: fc.oneof(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: -3, max: 3 }),
      fc.constantFrom(1_000_000, -5000),
    ),
    again: fc.boolean(),
    quality: fc.constantFrom(0, 0, 0, QUALITY.RESET, QUALITY.SUSPECT, QUALITY.LATE, QUALITY.ROLLOVER),
    ahead: fc.constantFrom(0, 0, 0, 0, MAX_AHEAD_MS + 1),
  }),
  { maxLength: 60 },
);

function historyOf(steps: typeof HISTORY extends fc.Arbitrary<infer T> ? T : never): Reading[] {
  let [minute, register] = [10, 5000];
  return steps.flatMap(({ minutes, step, again, quality, ahead }) => {
    minute = Math.max(0, minute + minutes);
    register = Math.max(0, register + step);
    const receivedMs = START_MS + minute * MINUTE_MS - ahead;
    const reading = at(minute, register, { quality, receivedMs });
    return again ? [reading, reading] : [reading];
  });
}

test("whatever a meter sends, energy is never invented: an epoch's sum is what its register rose by", () => {
  fc.assert(
    fc.property(HISTORY, (steps) => {
      const deltas = new RegisterDeltas({ ...RULES, modulus: 10_000_000 });
      let [sum, begin, top] = [0, 0, 0];
      let doubted = 0;
      for (const reading of historyOf(steps)) {
        const outcome = deltas.take(reading);
        if (!("reading" in outcome)) continue;
        validateReading(outcome.reading);
        const { verdict, reading: out } = outcome;
        expect(out.rawHash).toBe(reading.rawHash);
        if (verdict === "baseline") [sum, begin, top] = [0, out.value, out.value];
        if (verdict === "over-limit" || verdict === "decrease") doubted = out.value;
        if (out.kind !== "interval") continue;
        expect(out.value).toBeGreaterThanOrEqual(0);
        if (verdict === "reset") [sum, begin, top] = [0, doubted, doubted];
        sum += out.value;
        const shown = out.registerValue ?? 0;
        top = verdict === "rollover" ? shown : Math.max(top, shown);
        if (verdict === "rollover") begin -= 10_000_000;
        expect(sum).toBe(top - begin);
      }
    }),
  );
});

test("after a crash at any point the same intervals come out", () => {
  fc.assert(
    fc.property(HISTORY, fc.nat(), (steps, cut) => {
      const readings = historyOf(steps);
      const keptOf = (deltas: RegisterDeltas, part: readonly Reading[]) =>
        part.flatMap((reading) => {
          const outcome = deltas.take(reading);
          return "reading" in outcome ? [outcome.reading] : [];
        });
      const whole = keptOf(new RegisterDeltas(RULES), readings);
      const at = readings.length === 0 ? 0 : cut % readings.length;
      const before = keptOf(new RegisterDeltas(RULES), readings.slice(0, at));
      const restored = new RegisterDeltas(RULES);
      for (const reading of before) restored.restore(reading);
      expect([...before, ...keptOf(restored, readings.slice(at))]).toStrictEqual(whole);
    }),
  );
});
