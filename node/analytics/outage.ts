import type { Presence } from "./presence.ts";

/** A slot that is missing in more than this part of the fleet was lost at the head end, thousandths (research/data.md §6). */
export const OUTAGE_SHARE = 100;
/** Of fewer meters a tenth says nothing. */
export const MIN_OUTAGE_METERS = 10;

/** Slots in a row that many meters miss together. */
export interface Outage {
  /** (fromMs, untilMs] */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The most meters that missed one slot of it, and how many were active then. */
  readonly missing: number;
  readonly active: number;
  /** Those that missed any slot of it. */
  readonly meterIds: readonly string[];
}

/** Ascending. */
export function findOutages(presence: Presence): readonly Outage[] {
  const outages: { fromMs: number; untilMs: number; missing: number; active: number; meterIds: Set<string> }[] = [];
  for (const { endMs, active, missing } of presence.missing()) {
    if (active < MIN_OUTAGE_METERS || missing * 1000 <= OUTAGE_SHARE * active) continue;
    const meterIds = presence.activeWithout(endMs);
    const last = outages.at(-1);
    const fromMs = endMs - presence.periodMs;
    if (last?.untilMs !== fromMs) {
      outages.push({ fromMs, untilMs: endMs, missing, active, meterIds: new Set(meterIds) });
      continue;
    }
    last.untilMs = endMs;
    for (const meterId of meterIds) last.meterIds.add(meterId);
    if (missing > last.missing) Object.assign(last, { missing, active });
  }
  return outages.map((outage) => ({ ...outage, meterIds: [...outage.meterIds].sort() }));
}
