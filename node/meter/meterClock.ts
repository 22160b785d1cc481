import type { TimeQuality } from "#storage/types/reading.ts";
import type { RejectionReason } from "./source.ts";

/** Beyond this difference to the receiver's clock a meter's clock counts as drifting (research/data.md §4). */
export const DRIFTING_MS = 60_000;
/** Beyond this one nothing that the meter stamped is believed. */
export const DEFAULT_MAX_CLOCK_SKEW_MS = 3_600_000;
/** The longest skew that may be configured: 31 days, for gateways that deliver a backlog. */
export const MAX_CLOCK_SKEW_MS = 31 * 86_400_000;

export type ClockVerdict =
  | { readonly isDrifting: boolean }
  | { readonly rejected: Extract<RejectionReason, "clock-ahead" | "clock-behind"> };

/** The clock of a meter held against the receiver's, both Unix ms. */
export function judgeClock(meterMs: number, receivedMs: number, maxSkewMs: number): ClockVerdict {
  const aheadMs = meterMs - receivedMs;
  if (aheadMs > maxSkewMs) return { rejected: "clock-ahead" };
  if (-aheadMs > maxSkewMs) return { rejected: "clock-behind" };
  return { isDrifting: Math.abs(aheadMs) > DRIFTING_MS };
}

/** Both times, for the text of a rejected value. */
export function bothTimes(meterMs: number, receivedMs: number): string {
  return `meter ${iso(meterMs)} received ${iso(receivedMs)}`;
}

/** From the least to the most to be said about a time. */
const BY_WEIGHT: readonly TimeQuality[] = ["synced", "no-zone", "dst-ambiguous", "drifting"];

/** A reading has one quality of its time: the one that says most. */
export function worseTimeQuality(a: TimeQuality, b: TimeQuality): TimeQuality {
  return BY_WEIGHT.indexOf(a) >= BY_WEIGHT.indexOf(b) ? a : b;
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : `${date.toISOString().slice(0, 19)}Z`;
}
