import { expect, test } from "vitest";
import { aggregate, decimalText, intervalEndOf, metadataOf, seriesName, seriesOf } from "./measurement.ts";

const QUARTER_HOUR_MS = 900_000;

test("an interval is a quarter of an hour of UTC, and a reading at its end is in it", () => {
  const end = Date.parse("2019-03-18T16:15:00Z");
  for (const [time, expected] of [
    ["2019-03-18T16:13:45.275Z", end],
    ["2019-03-18T16:15:00Z", end],
    ["2019-03-18T16:15:00.001Z", end + QUARTER_HOUR_MS],
    ["2019-03-18T16:00:00.001Z", end],
    ["2019-03-18T16:00:00Z", end - QUARTER_HOUR_MS],
  ] as const)
    expect(intervalEndOf(Date.parse(time), QUARTER_HOUR_MS), time).toBe(expected);
});

test("means are rounded half to even and their sum is exact beyond 2^53", () => {
  for (const [values, value, sum] of [
    [[1, 2], 2n, 3n],
    [[2, 3], 2n, 5n],
    [[-1, -2], -2n, -3n],
    [[-2, -3], -2n, -5n],
    [[1, 1, 2], 1n, 4n],
    [[-1, -1, -2], -1n, -4n],
    [[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], 9007199254740991n, 18014398509481982n],
    [[-84_891], -84_891n, -84_891n],
  ] as const)
    expect(aggregate(values, "mean"), String(values)).toEqual({ count: values.length, sum, value });
});

test("of a counter the last state counts, energies add up, and of maxima the largest", () => {
  expect(aggregate([5, 9, 7], "last").value).toBe(7n);
  expect(aggregate([5, 9, 7], "sum").value).toBe(21n);
  expect(aggregate([-5, -9, -7], "max").value).toBe(-5n);
});

test("values are decimals with their digits", () => {
  for (const [value, decimals, text] of [
    [-84_891n, 3, "-84.891"],
    [-7n, 3, "-0.007"],
    [0n, 3, "0"],
    [1_500_000n, 6, "1.5"],
    [123_000n, 3, "123"],
    [18014398509481982n, 6, "18014398509.481982"],
  ] as const)
    expect(decimalText(value, decimals)).toBe(text);
});

test("the metadata is D5.1's Figure 19, with the interval and the exact sum", () => {
  const series = { quantity: "activePower", kind: "instant", phase: 0, tariff: 0 } as const;
  const endMs = Date.parse("2019-03-18T16:15:00Z");
  expect(metadataOf(series, { endMs, intervalMs: QUARTER_HOUR_MS, revision: 0 }, aggregate([-84_891], "mean"))).toEqual(
    {
      recvTime: "2019-03-18T16:15:00.000Z",
      attrName: "P",
      attrType: "W",
      attrValue: "-84.891",
      aggregation: "mean",
      intervalMs: QUARTER_HOUR_MS,
      count: 1,
      sum: "-84891",
      revision: 0,
    },
  );
});

test("phases and tariffs are in the attribute's name, and series have names of their own", () => {
  const series = { quantity: "activeEnergyImport", kind: "register", phase: 2, tariff: 1 } as const;
  const one = aggregate([1_000_000], "last");
  const metadata = metadataOf(series, { endMs: QUARTER_HOUR_MS, intervalMs: QUARTER_HOUR_MS, revision: 3 }, one);
  expect(metadata).toMatchObject({
    attrName: "totalActiveEnergyImport_L2_T1",
    attrType: "kWh",
    attrValue: "1",
    revision: 3,
  });
  expect(seriesOf(seriesName(series))).toEqual(series);
});
