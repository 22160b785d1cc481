import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_DECIMAL_CHARS, parseKwhToMwh, parseScaledDecimal } from "./readingDecimal.ts";

test.each([
  ["00052185.7825309", 6, 52185782531],
  ["0.285", 3, 285],
  ["1.005", 2, 100],
  ["1.015", 2, 102],
  ["1.0150001", 2, 102],
  ["0.5", 0, 0],
  ["1.5", 0, 2],
  ["2.5", 0, 2],
  ["2.50000000001", 0, 3],
  ["-2.5", 0, -2],
  ["-84.891", 3, -84891],
  ["-0", 3, 0],
  ["-0.0001", 3, 0],
  ["+7", 1, 70],
  [".25", 3, 250],
  ["3.", 3, 3000],
  ["9007199254740991", 0, 9007199254740991],
  ["000000000000000000000009007199254.740991", 6, 9007199254740991],
])("%s times 10^%d is %d", (text, scale, value) => {
  expect(parseScaledDecimal(text, scale)).toStrictEqual({ value });
});

test.each(["", ".", "-", "+.", "Null", "NaN", "Infinity", "1e3", "0x10", "1,5", "1 2", "1.2.3", "--1", "1-", "٣"])(
  "%j is not a number",
  (text) => {
    expect(parseScaledDecimal(text, 3)).toStrictEqual({ fault: "NOT_A_NUMBER" });
  },
);

test.each([
  ["9007199254740992", 0],
  ["9007199254740991.5", 0],
  ["9007199254740.9915", 3],
  ["99999999999999999", 0],
  ["1000000000000", 6],
])("%s times 10^%d is out of range", (text, scale) => {
  expect(parseScaledDecimal(text, scale)).toStrictEqual({ fault: "OUT_OF_RANGE" });
});

test("a text longer than the limit is refused, one at the limit is read", () => {
  expect(parseScaledDecimal(`${"0".repeat(MAX_DECIMAL_CHARS - 1)}7`, 0)).toStrictEqual({ value: 7 });
  expect(parseScaledDecimal(`${"0".repeat(MAX_DECIMAL_CHARS)}7`, 0)).toStrictEqual({ fault: "NOT_A_NUMBER" });
});

test("float dirt of a file with Wh resolution is rounded away", () => {
  expect(parseKwhToMwh("1.2920001", { roundToWh: true })).toStrictEqual({ value: 1_292_000 });
  expect(parseKwhToMwh("1.2920001", { roundToWh: false })).toStrictEqual({ value: 1_292_000 });
  expect(parseKwhToMwh("1.2919999", { roundToWh: true })).toStrictEqual({ value: 1_292_000 });
  expect(parseKwhToMwh("1.2919999", { roundToWh: false })).toStrictEqual({ value: 1_292_000 });
  expect(parseKwhToMwh("1.291999", { roundToWh: false })).toStrictEqual({ value: 1_291_999 });
  expect(parseKwhToMwh("9007199254.741", { roundToWh: true })).toStrictEqual({ fault: "OUT_OF_RANGE" });
});

test("agrees with exact rational rounding on any decimal", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
      fc.nat({ max: 12 }),
      fc.nat({ max: 6 }),
      (units, fractionDigits, scale) => {
        const magnitude = units < 0n ? -units : units;
        const digits = magnitude.toString().padStart(fractionDigits + 1, "0");
        const split = digits.length - fractionDigits;
        const text = `${units < 0n ? "-" : ""}${digits.slice(0, split)}.${digits.slice(split)}`;
        const numerator = magnitude * 10n ** BigInt(scale);
        const denominator = 10n ** BigInt(fractionDigits);
        let expected = numerator / denominator;
        const twice = (numerator % denominator) * 2n;
        if (twice > denominator || (twice === denominator && expected % 2n === 1n)) expected += 1n;
        const result = parseScaledDecimal(text, scale);
        if (expected > 2n ** 53n - 1n) expect(result).toStrictEqual({ fault: "OUT_OF_RANGE" });
        else
          expect(result).toStrictEqual({ value: units < 0n && expected !== 0n ? -Number(expected) : Number(expected) });
      },
    ),
  );
});
