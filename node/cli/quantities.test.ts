import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_ENERGY_MWH } from "#storage/limits.ts";
import { parseLockedAmount } from "./lock.ts";
import { formatEnergy, parseDuration, parseEnergy, parseOutputPointer, parseTimeMs } from "./quantities.ts";

test.each([
  ["1.5kWh", 1_500_000n],
  ["0.219 kWh", 219_000n],
  ["250Wh", 250_000n],
  ["0.001Wh", 1n],
  ["7mWh", 7n],
  ["-2kWh", -2_000_000n],
  ["9007199254740991mWh", MAX_ENERGY_MWH],
])("%s is %s mWh", (text, mwh) => {
  expect(parseEnergy(text)).toBe(mwh);
});

test.each([
  "1",
  "1.5",
  "1MWh",
  "1 kW",
  "1,5kWh",
  "0.0001Wh",
  "0.5mWh",
  "1e3Wh",
  "",
  "9007199254740992mWh",
  "1.1234567kWh",
])("%j is not an energy", (text) => {
  expect(() => parseEnergy(text)).toThrow("ENERGY_MALFORMED");
});

test("what is formatted reads back exactly", () => {
  fc.assert(
    fc.property(fc.bigInt(-MAX_ENERGY_MWH, MAX_ENERGY_MWH), (mwh) => {
      // Whole kWh of the largest amounts have ten digits, well within what is read.
      expect(parseEnergy(formatEnergy(mwh))).toBe(mwh);
    }),
  );
});

test("times need a zone, durations a unit, pointers an index", () => {
  expect(parseTimeMs("2013-01-01T00:30:00Z")).toBe(1_357_000_200_000);
  expect(parseTimeMs("2013-01-01T01:30:00+01:00")).toBe(1_357_000_200_000);
  expect(parseTimeMs("1357000200000")).toBe(1_357_000_200_000);
  expect(() => parseTimeMs("2013-01-01T00:30:00")).toThrow("TIME_MALFORMED");
  expect([parseDuration("15m"), parseDuration("30s"), parseDuration("1d")]).toEqual([900_000, 30_000, 86_400_000]);
  expect(() => parseDuration("15")).toThrow("DURATION_MALFORMED");
  expect(parseOutputPointer(`${"0a".repeat(32)}:3`)).toEqual({ txId: new Uint8Array(32).fill(10), outputIndex: 3 });
  expect(() => parseOutputPointer("0a:3")).toThrow("OUTPUT_MALFORMED");
});

test("an amount is locked to one account or to m of n", () => {
  expect(parseLockedAmount("edream1abc=1kWh")).toEqual({
    amountMwh: 1_000_000n,
    lock: { threshold: 1, accounts: ["edream1abc"] },
  });
  expect(parseLockedAmount("2of3:a+b+c=1Wh").lock).toEqual({ threshold: 2, accounts: ["a", "b", "c"] });
  for (const wrong of [
    "a",
    "a=",
    "=1Wh",
    "3of2:a+b=1Wh",
    "2of3:a+b=1Wh",
    "a+b=1Wh",
    "0of1:a=1Wh",
    "1of2:a+=1Wh",
    "a=1Wh=2Wh",
  ])
    expect(() => parseLockedAmount(wrong), wrong).toThrow(/OUTPUT_MALFORMED|ENERGY_MALFORMED/);
});
