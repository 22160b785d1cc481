import { expect, test } from "vitest";
import { JsonNumber, member, parseExactJson, scaledInteger, showJson } from "./exactJson.ts";
import { parseIsoTime } from "./isoTime.ts";
import { unitExponent } from "./units.ts";

function scaled(json: string, exponent: number): unknown {
  return scaledInteger(parseExactJson(json), exponent);
}

test("a JSON number is taken by its digits, not by the float nearest to them", () => {
  expect(parseExactJson("[52185.782530900001]")).toStrictEqual([new JsonNumber("52185.782530900001")]);
  expect(scaled("52185.7825309", 6)).toStrictEqual({ value: 52_185_782_531 });
  expect(scaled("0.285", 3)).toStrictEqual({ value: 285 });
  expect(scaled('"-84.891"', 3)).toStrictEqual({ value: -84_891 });
});

test.each([
  ["1.2345E3", 3, 1_234_500],
  ["12.5e-1", 3, 1250],
  ["2.5E-7", 6, 0],
  ["1500", -3, 2],
  ["2500", -3, 2],
  ["-1501", -3, -2],
  ["7", -3, 0],
  ["1e-400", 3, 0],
])("%s times 10^%i is %i, half to even", (text, exponent, value) => {
  expect(scaled(text, exponent)).toStrictEqual({ value });
});

test.each([
  ["null", "null-value"],
  ['""', "empty-value"],
  ['" "', "empty-value"],
  ['"NaN"', "not-a-number"],
  ['"Infinity"', "not-a-number"],
  ["true", "not-a-number"],
  ["{}", "not-a-number"],
  ["1e300", "over-limit"],
  ["9007199254740993", "over-limit"],
])("%s is no value: %s", (json, reason) => {
  expect(scaled(json, 3)).toStrictEqual({ reason });
});

test("what is no JSON, or nested too deep, is undefined; an inherited member is none", () => {
  expect(parseExactJson("{")).toBeUndefined();
  expect(parseExactJson("[".repeat(25) + "]".repeat(25))).toBeUndefined();
  expect(member(parseExactJson("{}"), "constructor")).toBeUndefined();
  expect(showJson(parseExactJson('{"a":[1.10,"b",null]}'))).toBe('{"a":[1.10,"b",null]}');
});

test.each([
  ["2019-03-18T16:13:45.275Z", Date.UTC(2019, 2, 18, 16, 13, 45, 275), true],
  ["2019-08-13T10:03:15,000+0000", Date.UTC(2019, 7, 13, 10, 3, 15), true],
  ["2019-08-13T10:03:15+02:00", Date.UTC(2019, 7, 13, 8, 3, 15), true],
  ["2019-08-13 10:03:15", Date.UTC(2019, 7, 13, 10, 3, 15), false],
])("%s is a time", (text, ms, hasZone) => {
  expect(parseIsoTime(text)).toStrictEqual({ ms, hasZone });
});

test.each([
  "0014-11-18 15:40:26",
  "1970-01-01T00:00:00Z",
  "2019-02-29T00:00:00Z",
  "2020-03-17TT08:45:00Z",
  "2019-13-01T00:00:00Z",
  "2019-01-01T24:00:00Z",
  "2019-01-01T00:00:00+99:00",
  "2100-01-01T00:00:00Z",
  "2019-01-01",
  "",
])("%s is no time", (text) => {
  expect(parseIsoTime(text)).toBeUndefined();
});

test("a unit belongs to a dimension, and its case says nothing", () => {
  expect(unitExponent("activeEnergyImport", "KWH")).toBe(6);
  expect(unitExponent("activePower", "kW")).toBe(6);
  expect(unitExponent("activePower", "kWh")).toBeUndefined();
  expect(unitExponent("heat", "J")).toBe(-3);
  expect(unitExponent("voltage", "furlong")).toBeUndefined();
});
