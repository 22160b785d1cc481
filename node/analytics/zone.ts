import { AnalyticsError } from "./analyticsError.ts";

const DAY_MS = 86_400_000;

/** A place's civil time, from the time zone database that Node carries. */
export interface Zone {
  /** IANA name: "Europe/London". */
  readonly id: string;
  /** Edition of the time zone database, "2025b": a later one may know another law. */
  readonly tzdataVersion: string;
  /** What has to be added to UTC to read the clock on the wall, ms. */
  offsetMs(utcMs: number): number;
}

/** A civil day as a span of real time: 23 or 25 hours long where clocks change. */
export interface LocalDay {
  /** Days since 1970-01-01 on the local calendar. */
  readonly number: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** Days whose offsets are remembered at most: 30 years. */
const MAX_REMEMBERED_DAYS = 10_958;

interface DayOffsets {
  readonly first: number;
  readonly last: number;
  /** The first ms with the later offset; only where first and last differ. */
  readonly changeMs: number;
}

/**
 * Asking Intl costs 2 µs, so offsets are asked for at the ends of a UTC day and, where those differ, the change is searched for once. A
 * day with two changes that undo each other is not known to the database.
 * @throws AnalyticsError ANALYTICS_ZONE_UNKNOWN
 */
export function createZone(id: string): Zone {
  const format = formatOf(id);
  const days = new Map<number, DayOffsets>();

  function offsetsOf(day: number): DayOffsets {
    const known = days.get(day);
    if (known !== undefined) return known;
    const [first, last] = [offsetAt(format, day * DAY_MS), offsetAt(format, (day + 1) * DAY_MS - 1)];
    const offsets = { first, last, changeMs: first === last ? 0 : changeIn(format, day, first) };
    if (days.size >= MAX_REMEMBERED_DAYS) days.clear();
    days.set(day, offsets);
    return offsets;
  }

  return {
    id,
    tzdataVersion: process.versions.tz ?? "unknown",
    offsetMs(utcMs) {
      const { first, last, changeMs } = offsetsOf(Math.floor(utcMs / DAY_MS));
      return first === last || utcMs < changeMs ? first : last;
    },
  };
}

export const UTC: Zone = { id: "UTC", tzdataVersion: process.versions.tz ?? "unknown", offsetMs: () => 0 };

/**
 * The moments at which the clock on the wall shows `localMs` (a wall clock reading written as if it were UTC): none in the hour that is
 * skipped, two in the hour that is repeated, else one. Ascending.
 */
export function momentsOf(zone: Zone, localMs: number): readonly number[] {
  const offsets = new Set([zone.offsetMs(localMs - DAY_MS), zone.offsetMs(localMs + DAY_MS)]);
  return [...offsets]
    .map((offset) => localMs - offset)
    .filter((utcMs) => utcMs + zone.offsetMs(utcMs) === localMs)
    .sort((a, b) => a - b);
}

/** The civil day in which `utcMs` lies. */
export function localDayAt(zone: Zone, utcMs: number): LocalDay {
  return localDay(zone, Math.floor((utcMs + zone.offsetMs(utcMs)) / DAY_MS));
}

/** The civil day with this number. */
export function localDay(zone: Zone, number: number): LocalDay {
  return { number, startMs: midnight(zone, number), endMs: midnight(zone, number + 1) };
}

/** 0 is Sunday, of a day number. */
export function weekdayOf(dayNumber: number): number {
  return (((dayNumber + 4) % 7) + 7) % 7;
}

export function isWeekend(dayNumber: number): boolean {
  const weekday = weekdayOf(dayNumber);
  return weekday === 0 || weekday === 6;
}

/** Where clocks skip midnight, the day begins with the skip. */
function midnight(zone: Zone, dayNumber: number): number {
  const localMs = dayNumber * DAY_MS;
  return momentsOf(zone, localMs)[0] ?? localMs - zone.offsetMs(localMs - DAY_MS);
}

function formatOf(id: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone: id,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (error) {
    throw new AnalyticsError({ code: "ANALYTICS_ZONE_UNKNOWN", zone: id.slice(0, 64) }, { cause: error });
  }
}

function offsetAt(format: Intl.DateTimeFormat, utcMs: number): number {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(utcMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1000) * 1000;
}

function changeIn(format: Intl.DateTimeFormat, day: number, first: number): number {
  let [before, after] = [day * DAY_MS, (day + 1) * DAY_MS - 1];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(format, middle) === first) before = middle;
    else after = middle;
  }
  return after;
}
