import fc from "fast-check";
import { expect, test } from "vitest";
import { averageOf, FingerprintChain, fingerprintOf, IntervalError, type IntervalErrorDetails } from "./interval.ts";

const SEED = new Uint8Array(32).fill(9);

function detailsOf(act: () => unknown): IntervalErrorDetails | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof IntervalError) return error.details;
    throw error;
  }
  return undefined;
}

test("an empty interval has the seed as its fingerprint", () => {
  expect(fingerprintOf(SEED, [])).toStrictEqual(SEED);
});

test("the chain keeps count, sum and last time, and its fingerprint is a copy", () => {
  const chain = new FingerprintChain(SEED);
  chain.append(5, 10);
  chain.append(-7, 10);
  expect([chain.count, chain.sum, chain.lastTimestampMs]).toStrictEqual([2, -2, 10]);
  const before = chain.fingerprint();
  chain.fingerprint().fill(0);
  expect(chain.fingerprint()).toStrictEqual(before);
});

test("any change of a value, a time, the order or the seed changes the fingerprint", () => {
  const readings = fc.array(fc.record({ value: fc.maxSafeInteger(), timestampMs: fc.constant(0) }), {
    minLength: 2,
    maxLength: 20,
  });
  fc.assert(
    fc.property(readings, fc.nat(), fc.constantFrom("value", "timestampMs"), (list, at, field) => {
      const timed = list.map(({ value }, i) => ({ value: Math.trunc(value / 64), timestampMs: 1000 * i }));
      const original = Buffer.from(fingerprintOf(SEED, timed));
      const changed = timed.map((reading, i) =>
        i === at % timed.length ? { ...reading, [field]: reading[field] + 1 } : reading,
      );
      expect(original.equals(fingerprintOf(SEED, changed))).toBe(false);
      expect(original.equals(fingerprintOf(new Uint8Array(32), timed))).toBe(false);
      expect(original.equals(fingerprintOf(SEED, timed.slice(1)))).toBe(false);
    }),
  );
});

test("a value that is not a safe integer, a time that is none and a step back are refused and leave the chain as it was", () => {
  const chain = new FingerprintChain(SEED);
  chain.append(Number.MAX_SAFE_INTEGER, 100);
  const before = chain.fingerprint();
  expect(detailsOf(() => chain.append(2 ** 53, 101))).toMatchObject({
    code: "INTERVAL_NUMBER_OUT_OF_RANGE",
    field: "value",
  });
  expect(detailsOf(() => chain.append(0.5, 101))).toMatchObject({ field: "value" });
  expect(detailsOf(() => chain.append(1, -1))).toMatchObject({ field: "timestampMs" });
  expect(detailsOf(() => chain.append(1, 99))).toStrictEqual({
    code: "INTERVAL_ORDER_VIOLATED",
    timestampMs: 99,
    lastTimestampMs: 100,
  });
  expect(detailsOf(() => chain.append(1, 101))).toMatchObject({ code: "INTERVAL_SUM_OVERFLOW" });
  expect([chain.count, chain.sum, chain.fingerprint()]).toStrictEqual([1, Number.MAX_SAFE_INTEGER, before]);
  expect(detailsOf(() => new FingerprintChain(new Uint8Array(31)))).toMatchObject({ code: "INTERVAL_BYTES_LENGTH" });
});

test.each([
  [0n, 0, undefined],
  [0n, 3, 0n],
  [10n, 4, 3n],
  [-10n, 4, -3n],
  [9n, 4, 2n],
  [-9n, 4, -2n],
  [-84_891n, 1, -84_891n],
  [2n ** 53n - 1n, 2, 2n ** 52n],
  [2n ** 63n - 1n, 1, 2n ** 63n - 1n],
])("the average of %d over %d readings is %d, half away from zero", (sum, count, average) => {
  expect(averageOf(sum, count)).toBe(average);
});
