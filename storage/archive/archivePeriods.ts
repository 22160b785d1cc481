import { ArchiveError } from "./archiveError.ts";

/** How often the readings of a meter are put into one file, by UTC: "month", "week" (from Monday), "day", or so many hours, "6h". */
export type ArchiveEvery = "month" | "week" | "day" | `${number}h`;

/** (fromMs, untilMs]: a reading stamped with the last instant of a month belongs to that month. */
export interface ArchivePeriod {
  readonly fromMs: number;
  readonly untilMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The first Monday of 1970 was the fifth day. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** Hours of one period at most: a leap year. */
export const MAX_ARCHIVE_HOURS = 8784;

/** @throws ArchiveError ARCHIVE_PERIOD_INVALID */
export function parseArchiveEvery(text: string): ArchiveEvery {
  if (text === "month" || text === "week" || text === "day") return text;
  const hours = /^([1-9]\d{0,3})h$/.exec(text)?.[1];
  if (hours !== undefined && Number(hours) <= MAX_ARCHIVE_HOURS) return `${Number(hours)}h`;
  throw new ArchiveError({ code: "ARCHIVE_PERIOD_INVALID", text });
}

/** The period in which a reading with this timestamp lies; timestampMs > 0. Hours are counted from 1970. */
export function archivePeriodOf(every: ArchiveEvery, timestampMs: number): ArchivePeriod {
  const inside = timestampMs - 1;
  if (every === "month") {
    const date = new Date(inside);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return { fromMs: Date.UTC(year, month, 1), untilMs: Date.UTC(year, month + 1, 1) };
  }
  const lengthMs = every === "week" ? 7 * DAY_MS : every === "day" ? DAY_MS : Number(every.slice(0, -1)) * HOUR_MS;
  const originMs = every === "week" ? FIRST_MONDAY_MS - 7 * DAY_MS : 0;
  const fromMs = originMs + Math.floor((inside - originMs) / lengthMs) * lengthMs;
  // The week of 1 January 1970 began before there were times.
  return { fromMs: Math.max(0, fromMs), untilMs: fromMs + lengthMs };
}
