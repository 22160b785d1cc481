import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { decodeOpenAdrPrices, MAX_PRICE_INTERVALS, parseDuration } from "./prices.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 1, 17, 19);
const PRICES = ["0.12097", "0.12089", "0.11814", "0.1", "-0.005", "0.123455", "0.123465"];

/** An hourly price event as OpenADR 3.0 writes it: no interval has a period of its own. Prices are spelled as given. */
function event(prices: readonly string[] = PRICES, more: object = {}): string {
  const text = JSON.stringify({
    eventName: "day-ahead",
    programID: "p",
    intervalPeriod: { start: "2026-02-17T19:00:00Z", duration: "PT1H" },
    payloadDescriptors: [{ payloadType: "PRICE", units: "KWH", currency: "USD" }],
    intervals: prices.map((price, id) => ({ id, payloads: [{ type: "PRICE", values: [`#${price}#`] }] })),
    ...more,
  });
  return text.replace(/"#([^"]*)#"/g, "$1");
}

test("intervals follow each other from the start of the event, and prices are hundred-thousandths by their digits", () => {
  const { eventName, intervals, rejected } = decodeOpenAdrPrices(event());
  expect(eventName).toBe("day-ahead");
  expect(rejected).toStrictEqual([]);
  expect(intervals.map(({ price }) => price)).toStrictEqual([12_097, 12_089, 11_814, 10_000, -500, 12_346, 12_346]);
  expect(intervals.map(({ startMs }) => startMs)).toStrictEqual(
    PRICES.map((_price, index) => START_MS + index * HOUR_MS),
  );
  expect(intervals[0]).toStrictEqual({
    type: "PRICE",
    startMs: START_MS,
    endMs: START_MS + HOUR_MS,
    price: 12_097,
    currency: "USD",
  });
});

test("unit and currency come from the program where the event has none; for a MWh it is a thousandth", () => {
  const program = JSON.stringify({
    programName: "x",
    payloadDescriptors: [{ payloadType: "PRICE", units: "MWH", currency: "EUR" }],
  });
  const own = event(["85.5"], { payloadDescriptors: null });
  expect(decodeOpenAdrPrices(own, program).intervals).toMatchObject([{ price: 8550, currency: "EUR" }]);
  expect(decodeOpenAdrPrices(own).rejected).toMatchObject([{ reason: "unknown-unit" }]);
});

function one(interval: object, more: object = {}) {
  return decodeOpenAdrPrices(
    event([], { intervals: [{ id: 0, payloads: [{ type: "PRICE", values: [1] }], ...interval }], ...more }),
  );
}

test("an interval's own period goes before the event's", () => {
  const { intervals } = one({ intervalPeriod: { start: "2026-02-18T00:00:00+01:00", duration: "PT15M" } });
  expect(intervals).toMatchObject([{ startMs: Date.UTC(2026, 1, 17, 23), endMs: Date.UTC(2026, 1, 17, 23, 15) }]);
  expect(one({ intervalPeriod: { start: "2026-02-18T00:00:00Z" } }).intervals).toMatchObject([
    { endMs: Date.UTC(2026, 1, 18, 1) },
  ]);
});

test("prices of what is taken and of what is given stand beside each other", () => {
  const payloadDescriptors = ["PRICE", "EXPORT_PRICE"].map((payloadType) => ({
    payloadType,
    units: "KWH",
    currency: "EUR",
  }));
  const payloads = [
    { type: "PRICE", values: [0.3] },
    { type: "EXPORT_PRICE", values: [0.08] },
  ];
  expect(one({ payloads }, { payloadDescriptors })).toMatchObject({
    intervals: [{ price: 30_000 }, { type: "EXPORT_PRICE", price: 8000 }],
    rejected: [],
  });
});

test.each([
  [{ payloads: [{ type: "SIMPLE", values: [2] }] }, "unknown-quantity"],
  [{ payloads: [{ values: [2] }] }, "unknown-format"],
  [{ payloads: [{ type: "PRICE", values: [] }] }, "unknown-format"],
  [{ payloads: [{ type: "PRICE", values: ["NaN"] }] }, "not-a-number"],
  [{ payloads: [{ type: "PRICE", values: [null] }] }, "null-value"],
  [{ payloads: 5 }, "unknown-format"],
  [{ intervalPeriod: { start: "tomorrow" } }, "bad-timestamp"],
  [{ intervalPeriod: { start: "2026-02-18T00:00:00" } }, "bad-timestamp"],
  [{ intervalPeriod: { duration: "P1M" } }, "bad-timestamp"],
])("%j is rejected: %s", (interval, reason) => {
  expect(one(interval)).toMatchObject({ intervals: [], rejected: [{ reason }] });
});

test("of two prices for the same time the first in the event stays", () => {
  const at = (start: string, price: number, duration = "PT1H"): object => ({
    intervalPeriod: { start, duration },
    payloads: [{ type: "PRICE", values: [price] }],
  });
  const intervals = [
    at("2026-01-01T01:00:00Z", 1),
    at("2026-01-01T00:00:00Z", 2, "PT2H"),
    at("2026-01-01T02:00:00Z", 3),
  ];
  const decoded = decodeOpenAdrPrices(event([], { intervals }));
  expect(decoded.intervals.map(({ price }) => price)).toStrictEqual([100_000, 300_000]);
  expect(decoded.rejected).toMatchObject([{ reason: "conflict" }]);
});

test("what is no event, or one without end, is rejected as a whole", () => {
  for (const text of ["", "[]", "{}", '{"intervals":{}}'])
    expect(decodeOpenAdrPrices(text)).toMatchObject({ intervals: [], rejected: [{ reason: "unknown-format" }] });
  expect(decodeOpenAdrPrices(event(Array(MAX_PRICE_INTERVALS + 1).fill("1")))).toMatchObject({
    intervals: [],
    rejected: [{ reason: "too-long" }],
  });
});

test.each([
  ["PT1H", 3600],
  ["PT15M", 900],
  ["P1D", 86_400],
  ["P1DT1H30M5S", 91_805],
])("%s is %i s", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds * 1000);
});

test.each(["", "P", "PT", "P1DT", "PT0S", "P1M", "P1Y", "PT1.5H", "P999D"])("%s is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test(
  "a changed event gives ordered prices without overlap, or is rejected",
  () => {
    fuzz("openadr event", changedJson([event()]), 200, (text) => {
      const { intervals } = decodeOpenAdrPrices(text);
      const ends = new Map<string, number>();
      for (const { type, startMs, endMs, price } of intervals) {
        expect(endMs).toBeGreaterThan(startMs);
        expect(Number.isSafeInteger(price)).toBe(true);
        expect(startMs).toBeGreaterThanOrEqual(ends.get(type) ?? 0);
        ends.set(type, endMs);
      }
    });
  },
  FUZZ_TIMEOUT_MS,
);
