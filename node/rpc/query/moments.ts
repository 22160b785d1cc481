import { LedgerError } from "#storage/error.ts";
import { compareTimestamps, parseTimestamp, type Timestamp } from "#storage/types/time.ts";
import { queryError } from "./queryError.ts";

const MIN_YEAR = 1900;
const MAX_YEAR = 2999;

/** RFC 3339, in any offset; undefined for anything else. */
export function parseTime(text: string): Timestamp | undefined {
  try {
    return parseTimestamp(text);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

/** `2026-11-21`, its first moment in UTC. */
export function parseDate(text: string): Timestamp | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? parseTime(`${text}T00:00:00Z`) : undefined;
}

/** The text behind TIME in a query. @throws QueryError */
export function checkedTime(text: string): string {
  if (parseTime(text) === undefined)
    throw queryError(`invalid TIME value: ${faultOf(text, "2006-01-02T15:04:05Z07:00")}`);
  return withinYears(text, "timestamp");
}

/** The text behind DATE in a query. @throws QueryError */
export function checkedDate(text: string): string {
  if (parseDate(text) === undefined) throw queryError(`invalid DATE value: ${faultOf(text, "2006-01-02")}`);
  return withinYears(text, "datestamp");
}

export function compareMoments(a: Timestamp, b: Timestamp): number {
  return Math.sign(compareTimestamps(a, b));
}

/** Go's words for the most common fault, a text that is empty; for others only that it could not be parsed. */
function faultOf(text: string, layout: string): string {
  const parsing = `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse`;
  return text === "" ? `${parsing} "" as "2006"` : `${parsing} ${JSON.stringify(text)}`;
}

function withinYears(text: string, what: string): string {
  const year = Number(text.slice(0, 4));
  if (year < MIN_YEAR || year > MAX_YEAR) throw queryError(`${what} year ${year} out of range`);
  return text;
}
