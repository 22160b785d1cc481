import { sha256 } from "#storage/crypto/hash.ts";
import { AnalyticsError } from "./analyticsError.ts";
import type { Zone } from "./zone.ts";

/** Bands of one tariff. */
export const MAX_BANDS = 16;
/** Changes of band in one tariff: forty a day over twenty years. */
export const MAX_TARIFF_ENTRIES = 300_000;
const BAND = /^[A-Za-z0-9_.-]{1,32}$/;

/** From `fromMs` on, until the next entry. */
export interface TariffEntry {
  readonly fromMs: number;
  /** Empty where the schedule says nothing. */
  readonly band: string;
}

/**
 * A tariff in UTC, derived once from a local schedule: what a reading is priced by cannot change when the time zone database does, and
 * whether it would is seen by deriving it again.
 */
export interface TariffSchedule {
  readonly zone: string;
  readonly tzdataVersion: string;
  /** Ascending, neighbours differ. */
  readonly entries: readonly TariffEntry[];
  readonly untilMs: number;
  /** SHA-256 of tariffText. */
  readonly hash: Uint8Array;
}

export function isBand(text: string): boolean {
  return BAND.test(text);
}

/**
 * Asks `bandAt` for every step of [fromMs, untilMs) what the local schedule says at the time the wall clock then shows. So the hour that is
 * skipped in spring is asked for never, the one that is repeated in autumn twice.
 * localMs: the wall clock's reading written as if it were UTC.
 */
export function deriveSchedule(
  zone: Zone,
  range: { readonly fromMs: number; readonly untilMs: number; readonly stepMs: number },
  bandAt: (localMs: number) => string | undefined,
): TariffSchedule {
  const entries: TariffEntry[] = [];
  for (let utcMs = range.fromMs; utcMs < range.untilMs; utcMs += range.stepMs) {
    const band = bandAt(utcMs + zone.offsetMs(utcMs)) ?? "";
    if (entries.at(-1)?.band === band) continue;
    entries.push({ fromMs: utcMs, band });
    if (entries.length > MAX_TARIFF_ENTRIES) {
      const reason = `more than ${MAX_TARIFF_ENTRIES} changes of band`;
      throw new AnalyticsError({ code: "TARIFF_MALFORMED", file: "", row: 0, reason });
    }
  }
  const { id, tzdataVersion } = zone;
  const unhashed = { zone: id, tzdataVersion, entries, untilMs: range.untilMs };
  return { ...unhashed, hash: sha256(Buffer.from(tariffText(unhashed))) };
}

/** The one spelling that is hashed: a line each for format, zone, tzdata version, end; then per entry its start and band. */
export function tariffText({ zone, tzdataVersion, untilMs, entries }: Omit<TariffSchedule, "hash">): string {
  const lines = entries.map(({ fromMs, band }) => `${fromMs} ${band}`);
  return `${["energy-ledger tariff 1", zone, tzdataVersion, untilMs, ...lines].join("\n")}\n`;
}

/** Looks bands up; moments that come mostly in order cost one comparison. */
export class TariffReader {
  readonly #schedule: TariffSchedule;
  #at = 0;

  constructor(schedule: TariffSchedule) {
    this.#schedule = schedule;
  }

  /** The band at a moment; empty where the tariff has none. */
  bandAt(utcMs: number): string {
    const { entries, untilMs } = this.#schedule;
    if (utcMs >= untilMs) return "";
    if (!this.#holds(this.#at, utcMs)) this.#at = this.#holds(this.#at + 1, utcMs) ? this.#at + 1 : this.#search(utcMs);
    return entries[this.#at]?.band ?? "";
  }

  /** Whether the band changes inside (startMs, endMs). */
  changesWithin(startMs: number, endMs: number): boolean {
    const { entries, untilMs } = this.#schedule;
    this.bandAt(startMs);
    return startMs < untilMs && (entries[this.#at + 1]?.fromMs ?? untilMs) < endMs;
  }

  #holds(index: number, utcMs: number): boolean {
    const { entries, untilMs } = this.#schedule;
    const entry = entries[index];
    return entry !== undefined && entry.fromMs <= utcMs && utcMs < (entries[index + 1]?.fromMs ?? untilMs);
  }

  /** The last entry that begins at or before `utcMs`; -1 before the first. */
  #search(utcMs: number): number {
    const { entries } = this.#schedule;
    let [low, high] = [-1, entries.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((entries[middle] as TariffEntry).fromMs <= utcMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** How long each band lasts, ms; "" is the time without one. */
export function bandDurations({ entries, untilMs }: TariffSchedule): ReadonlyMap<string, number> {
  const durations = new Map<string, number>();
  for (const [i, { fromMs, band }] of entries.entries()) {
    const endMs = entries[i + 1]?.fromMs ?? untilMs;
    durations.set(band, (durations.get(band) ?? 0) + endMs - fromMs);
  }
  return durations;
}

/** The band of most of the time: what is not an offer to shift use. */
export function usualBand(schedule: TariffSchedule): string {
  const named = [...bandDurations(schedule)].filter(([band]) => band !== "");
  return named.reduce((most, one) => (one[1] > most[1] ? one : most), ["", 0] as [string, number])[0];
}
