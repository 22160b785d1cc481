import type { Reading } from "#storage/types/reading.ts";

/** One reading from the future would close all intervals before it and make everything after it late (research/data.md §4). */
export const MAX_AHEAD_MS = 3_600_000;

/** A clock that is this much before the receiver's drifts. A meter behind it may as well have kept its readings for a while. */
export const MAX_DRIFT_MS = 60_000;

export function isAhead({ timestampMs, receivedMs }: Reading): boolean {
  return timestampMs > receivedMs + MAX_AHEAD_MS;
}
