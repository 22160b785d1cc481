import { MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { MAX_READING_TIME_MS, QUANTITIES } from "#storage/types/reading.ts";

/** Longest range of one meter that a request may look at, and of all meters together. */
export const MAX_METER_RANGE_DAYS = 400;
export const MAX_FLEET_RANGE_DAYS = 62;
/** Readings one request may look at: one a minute of the longest range. */
export const MAX_REQUEST_READINGS = MAX_METER_RANGE_DAYS * 1440;
/** Anomalies in one answer. */
export const MAX_ANSWERED_ANOMALIES = 1000;

const TIME = { type: "integer", minimum: 0, maximum: MAX_READING_TIME_MS } as const;

const RANGE = {
  from: { ...TIME, description: "Readings after this time, Unix ms" },
  to: { ...TIME, description: "Readings up to this time, Unix ms" },
  zone: {
    type: "string",
    minLength: 1,
    maxLength: 64,
    default: "UTC",
    description: "IANA time zone of days and times of day",
  },
  slotMs: {
    type: "integer",
    minimum: 300_000,
    maximum: 86_400_000,
    default: 1_800_000,
    description: "Length of one slot; shorter readings are summed",
  },
  quantity: { type: "string", enum: QUANTITIES, default: "activeEnergyImport" },
} as const;

const METER = { type: "string", minLength: 1, maxLength: MAX_METER_ID_CHARS, description: "Meter id" } as const;

export const METER_ANALYTICS_QUERY = {
  type: "object",
  required: ["meter", "from", "to"],
  additionalProperties: false,
  properties: { meter: METER, ...RANGE },
} as const;

export const FLEET_QUERY = {
  type: "object",
  required: ["from", "to"],
  additionalProperties: false,
  properties: RANGE,
} as const;

export const COST_BODY = {
  type: "object",
  required: ["meter", "from", "to", "rates"],
  additionalProperties: false,
  properties: {
    meter: METER,
    ...RANGE,
    period: { type: "string", enum: ["day", "month", "all"], default: "all", description: "What bills are cut into" },
    rates: {
      type: "object",
      description: '{currency: "GBP", bands: {High: "67.20", …}, flat?: "14.228"}: minor unit per kWh, decimal texts',
    },
    tariff: {
      description:
        "Local schedule: the text of a TariffDateTime,Tariff file, or a weekly one as an object (node/analytics/README.md)",
      anyOf: [{ type: "string", maxLength: 500_000 }, { type: "object" }],
    },
  },
} as const;
