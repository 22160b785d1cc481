import { setImmediate } from "node:timers/promises";
import { ReadingStoreError } from "#storage/offchain/readingStore.ts";
import type { Quantity, Reading } from "#storage/types/reading.ts";
import { AnalyticsError } from "../analytics/analyticsError.ts";
import { createAnomalyDetectors } from "../analytics/anomalies.ts";
import type { Anomaly } from "../analytics/anomaly.ts";
import { type BillPeriod, CostTally } from "../analytics/cost.ts";
import { FleetDetector, fleetAnomalies } from "../analytics/fleet.ts";
import { readLclTariff } from "../analytics/lclTariff.ts";
import { ProfileTally } from "../analytics/profile.ts";
import { readRates } from "../analytics/rates.ts";
import { ShiftTally } from "../analytics/shift.ts";
import { newSlotCounts, type Slot, slotsOf } from "../analytics/slots.ts";
import { usualBand } from "../analytics/tariff.ts";
import { anomalyJson, billJson, fleetJson, profileJson, responseJson, tariffJson } from "../analytics/views.ts";
import { readWeeklyTariff } from "../analytics/weeklyTariff.ts";
import { createZone, type Zone } from "../analytics/zone.ts";
import { createTurns } from "../rpc/turns.ts";
import {
  MAX_ANSWERED_ANOMALIES,
  MAX_FLEET_RANGE_DAYS,
  MAX_METER_RANGE_DAYS,
  MAX_REQUEST_READINGS,
} from "./analyticsSchemas.ts";
import { apiError } from "./errors.ts";
import type { ApiPorts } from "./ports.ts";

const DAY_MS = 86_400_000;
/** Readings after which others get their turn: some 5 ms of work. */
const READINGS_A_TURN = 5000;
/** Analyses at once, and those that may wait: each holds the processor for up to seconds. */
const MAX_RUNNING = 1;
const MAX_WAITING = 8;
export const RETRY_SECONDS = 2;

export interface RangeQuery {
  readonly meter?: string;
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly slotMs: number;
  readonly quantity: Quantity;
}

export interface CostBody extends RangeQuery {
  readonly period: BillPeriod;
  readonly rates: unknown;
  readonly tariff?: string | object;
}

/** Feeds the slots of a request to what `work` makes, one analysis after the other. Undefined when too many wait already. */
export type Analyse = <T>(
  readings: NonNullable<ApiPorts["readings"]>,
  query: RangeQuery,
  work: (zone: Zone) => Analysis<T>,
) => Promise<T & { counts: object }> | undefined;

/** What both APIs answer about a node's readings. @throws ApiError BAD_REQUEST, NOT_FOUND, NOT_READY */
export function createAnalyse(): Analyse {
  const turns = createTurns(MAX_RUNNING, MAX_WAITING);
  return (readings, query, work) => {
    const maxDays = query.meter === undefined ? MAX_FLEET_RANGE_DAYS : MAX_METER_RANGE_DAYS;
    if (query.to <= query.from || query.to - query.from > maxDays * DAY_MS)
      throw apiError("BAD_REQUEST", `to must be after from, by at most ${maxDays} days`);
    const turn = turns.run(async () => {
      const counts = newSlotCounts();
      const { put, end } = work(createZone(query.zone));
      const all = bounded(readings(query.meter, { afterMs: query.from, untilMs: query.to }), query.quantity);
      for await (const slot of slotsOf(all, { slotMs: query.slotMs, counts })) put(slot);
      if (counts.readings === 0) throw apiError("NOT_FOUND", "there are no readings of this range here");
      return { ...end(), counts };
    });
    return turn?.catch(asApiError);
  };
}

export function profileAnalysis({ quantity }: RangeQuery, zone: Zone): Analysis<object> {
  const tally = new ProfileTally(quantity, zone);
  return { put: (slot) => tally.put(slot), end: () => profileJson(tally.profile()) };
}

export function anomalyAnalysis(_query: RangeQuery, zone: Zone): Analysis<object> {
  const detectors = createAnomalyDetectors({ zone });
  const found: Record<string, number> = {};
  const kept: Anomaly[] = [];
  const note = (anomalies: readonly Anomaly[]) => {
    for (const anomaly of anomalies) {
      found[anomaly.kind] = (found[anomaly.kind] ?? 0) + 1;
      if (anomaly.kind !== "suspect" && kept.length < MAX_ANSWERED_ANOMALIES) kept.push(anomaly);
    }
  };
  return {
    put: (slot) => note(detectors.put(slot)),
    end: () => {
      note(detectors.end());
      return { found, anomalies: kept.map(anomalyJson) };
    },
  };
}

export function fleetAnalysis({ quantity, slotMs }: RangeQuery, zone: Zone): Analysis<object> {
  const detector = new FleetDetector(quantity, slotMs, zone);
  return {
    put: (slot) => detector.put(slot),
    end: () => {
      const view = detector.end();
      return { ...fleetJson(view), anomalies: fleetAnomalies(quantity, view).map(anomalyJson) };
    },
  };
}

export interface Analysis<T> {
  readonly put: (slot: Slot) => void;
  readonly end: () => T;
}

export function costAnalysis({ tariff, rates, period, quantity }: CostBody, zone: Zone): Analysis<object> {
  const prices = readRates(rates, "rates");
  const schedule =
    tariff === undefined
      ? undefined
      : typeof tariff === "string"
        ? readLclTariff(tariff, zone, "tariff").schedule
        : readWeeklyTariff(tariff, zone, "tariff");
  const tally = new CostTally({
    rates: prices,
    zone,
    period,
    quantity,
    ...(schedule === undefined ? {} : { schedule }),
  });
  const shift = schedule === undefined ? undefined : new ShiftTally(zone, usualBand(schedule));
  return {
    put: (slot) => {
      const band = tally.put(slot);
      if (band !== undefined && slot.tariff === 0) shift?.put(slot, band);
    },
    end: () => ({
      currency: prices.currency,
      tariff: schedule === undefined ? null : tariffJson(schedule),
      bills: tally.bills().map(billJson),
      shift: shift?.total().map(responseJson) ?? [],
    }),
  };
}

/** The readings of a quantity, up to MAX_REQUEST_READINGS, letting other requests run in between. */
async function* bounded(readings: AsyncIterable<Reading>, quantity: Quantity): AsyncGenerator<Reading> {
  let count = 0;
  for await (const reading of readings) {
    count += 1;
    if (count > MAX_REQUEST_READINGS)
      throw new AnalyticsError({ code: "ANALYTICS_TOO_MANY_READINGS", max: MAX_REQUEST_READINGS });
    if (count % READINGS_A_TURN === 0) await setImmediate();
    if (reading.quantity === quantity) yield reading;
  }
}

/** What the caller can change is the caller's; a store that does not answer is asked again later. */
function asApiError(error: unknown): never {
  if (error instanceof AnalyticsError) throw apiError("BAD_REQUEST", error.message, { ...error.details });
  if (error instanceof ReadingStoreError && error.code === "READING_STORE_UNREACHABLE")
    throw apiError("NOT_READY", "the readings store does not answer");
  throw error;
}
