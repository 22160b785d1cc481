import { parseScaledDecimal } from "#storage/types/readingDecimal.ts";
import { AnalyticsError } from "./analyticsError.ts";
import { isBand, MAX_BANDS } from "./tariff.ts";

/** Prices in thousandths of the currency's minor unit per kWh: 67.20 p/kWh is 67 200. */
export interface Rates {
  readonly currency: string;
  readonly bands: ReadonlyMap<string, number>;
  /** One price for all times, to compare with. */
  readonly flat: number | undefined;
}

/** Low Carbon London's dynamic tariff of 2013 and the flat one of its other homes (London Datastore; p/kWh). */
export const LCL_RATES: Rates = {
  currency: "GBP",
  bands: new Map([
    ["High", 67_200],
    ["Normal", 11_760],
    ["Low", 3_990],
  ]),
  flat: 14_228,
};

/** Highest price: 10 000 of the minor unit per kWh. */
const MAX_RATE = 10_000_000;

/**
 * Reads `{currency: "GBP", bands: {High: "67.20", …}, flat?: "14.228"}`, prices in the minor unit (pence, cents) per kWh as decimal texts
 * with at most three decimals. T1 to T4 are the meter's own tariff registers.
 * @throws AnalyticsError TARIFF_MALFORMED
 */
export function readRates(value: unknown, file: string): Rates {
  const refuse = (reason: string) => new AnalyticsError({ code: "TARIFF_MALFORMED", file, row: 0, reason });
  if (typeof value !== "object" || value === null) throw refuse("not an object");
  const { currency, bands, flat } = value as Record<string, unknown>;
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) throw refuse("currency is not three capitals");
  if (typeof bands !== "object" || bands === null) throw refuse("bands is not an object");
  const entries = Object.entries(bands);
  if (entries.length > MAX_BANDS) throw refuse(`more than ${MAX_BANDS} bands`);
  const rateOf = (name: string, text: unknown): number => {
    const exact = typeof text === "string" && /^\d{1,5}(\.\d{1,3})?$/.test(text);
    const parsed = exact ? parseScaledDecimal(text, 3) : { fault: "NOT_A_NUMBER" as const };
    if ("fault" in parsed || parsed.value > MAX_RATE)
      throw refuse(`the price of ${name.slice(0, 32)} is no decimal text with at most three decimals`);
    return parsed.value;
  };
  for (const [band] of entries) if (!isBand(band)) throw refuse("a band is not 1 to 32 letters, digits, - _ .");
  return {
    currency,
    bands: new Map(entries.map(([band, text]) => [band, rateOf(band, text)])),
    flat: flat === undefined ? undefined : rateOf("flat", flat),
  };
}

/** @throws AnalyticsError TARIFF_RATE_MISSING */
export function rateOf(rates: Rates, band: string): number {
  const rate = rates.bands.get(band);
  if (rate === undefined) throw new AnalyticsError({ code: "TARIFF_RATE_MISSING", band });
  return rate;
}

/** A cost in 1e-9 of the minor unit as `401.34`, rounded half to even to 1/100 of the major unit. */
export function formatMoney(nano: bigint): string {
  const negative = nano < 0n;
  const magnitude = negative ? -nano : nano;
  const unit = 1_000_000_000n;
  let minor = magnitude / unit;
  const twice = 2n * (magnitude % unit);
  if (twice > unit || (twice === unit && minor % 2n === 1n)) minor += 1n;
  return `${negative && minor > 0n ? "-" : ""}${minor / 100n}.${(minor % 100n).toString().padStart(2, "0")}`;
}
