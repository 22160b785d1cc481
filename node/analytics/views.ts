import type { Anomaly } from "./anomaly.ts";
import type { Bill } from "./cost.ts";
import type { FleetView } from "./fleet.ts";
import { PERCENTILES, type Profile, type ProfileSlot, type TypicalDifference } from "./profile.ts";
import type { BandResponse, Shift } from "./shift.ts";
import type { TariffSchedule } from "./tariff.ts";

// The JSON forms of results, the same in the command line and the REST API: sums that may leave the safe integers as decimal texts, times as
// RFC 3339 in UTC.

export function timeJson(ms: number): string {
  return new Date(ms).toISOString();
}

export function anomalyJson({ fromMs, untilMs, meterId, ...rest }: Anomaly) {
  return { meterId: meterId ?? null, ...rest, from: timeJson(fromMs), until: timeJson(untilMs) };
}

export function tariffJson({ zone, tzdataVersion, entries, untilMs, hash }: TariffSchedule) {
  return {
    zone,
    tzdataVersion,
    hash: Buffer.from(hash).toString("hex"),
    entries: entries.length,
    from: entries[0] === undefined ? null : timeJson(entries[0].fromMs),
    until: timeJson(untilMs),
  };
}

/** Costs in 1e-9 of the minor unit. */
export function billJson({ bands, energyMwh, costNano, flatCostNano, unbanded, ...rest }: Bill) {
  return {
    ...rest,
    energyMwh: energyMwh.toString(),
    costNano: costNano.toString(),
    flatCostNano: flatCostNano?.toString() ?? null,
    bands: bands.map((band) => ({
      ...band,
      energyMwh: band.energyMwh.toString(),
      costNano: band.costNano.toString(),
    })),
    unbanded: { slots: unbanded.slots, energyMwh: unbanded.energyMwh.toString() },
  };
}

export function responseJson({ band, slots, energyMwh, baselineMwh, response }: BandResponse) {
  const [energy, baseline] = [energyMwh.toString(), baselineMwh.toString()];
  return { band, slots, energyMwh: energy, baselineMwh: baseline, responseThousandths: response ?? null };
}

export function shiftJson({ meterId, bands }: Shift) {
  return { meterId, bands: bands.map(responseJson) };
}

export function profileJson({ days, weekday, weekend, total, present, expected }: Profile) {
  return {
    total: total.toString(),
    present,
    expected,
    percentiles: PERCENTILES,
    weekday: weekday.map(profileSlotJson),
    weekend: weekend.map(profileSlotJson),
    days: days.map((day) => ({ ...day, total: day.total.toString() })),
  };
}

function profileSlotJson({ timeMs, ...rest }: ProfileSlot) {
  return { time: clockText(timeMs), ...rest };
}

export function differenceJson({ timeMs, mean, otherMean, difference }: TypicalDifference) {
  return { time: clockText(timeMs), mean, otherMean, differenceThousandths: difference ?? null };
}

export function fleetJson({ completeness, outages, clockShifts }: FleetView) {
  return {
    meters: completeness.map(({ firstEndMs, lastEndMs, ...rest }) => ({
      ...rest,
      first: timeJson(firstEndMs),
      last: timeJson(lastEndMs),
    })),
    outages: outages.map(({ fromMs, untilMs, ...rest }) => ({
      from: timeJson(fromMs),
      until: timeJson(untilMs),
      ...rest,
    })),
    clockShifts: clockShifts.map(({ atMs, ...rest }) => ({ at: timeJson(atMs), ...rest })),
  };
}

/** `07:30` of ms after midnight. */
export function clockText(timeMs: number): string {
  const minutes = Math.floor(timeMs / 60_000);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}
