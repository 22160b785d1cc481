import type { TimeQuality, TimeSource } from "#storage/types/reading.ts";
import { parseIsoTime } from "../isoTime.ts";
import { bothTimes, DEFAULT_MAX_CLOCK_SKEW_MS, DRIFTING_MS, judgeClock, worseTimeQuality } from "../meterClock.ts";
import type { RejectionReason } from "../source.ts";
import type { Zone } from "../zoneTime.ts";

/** When the values of a message were true, and how that is known. */
export interface MessageTime {
  readonly timestampMs: number;
  readonly timeSource: TimeSource;
  readonly timeQuality: TimeQuality;
}

export type MessageTimeResult = MessageTime | { readonly rejected: RejectionReason; readonly text: string };

/** What is known of a message beside its bytes. */
export interface MessageContext {
  readonly topic: string;
  readonly receivedMs: number;
  /** The broker kept it for whoever subscribes: it may be of any age. */
  readonly isRetained: boolean;
  /** Zone of the clock of the device, where it sends local time. */
  readonly zone?: Zone;
  /** Name of the device, where the options give one. */
  readonly device?: string;
}

/** A broker keeps what comes for a session for as long as the home is away (30 days); beyond it a clock is wrong. */
export const MAX_BEHIND_MS = 31 * 86_400_000;

/** The receiver's clock, where the device has none. A retained message without a time is of no time at all. */
export function receiverTime(context: MessageContext, timeQuality: TimeQuality = "synced"): MessageTimeResult {
  if (context.isRetained) return { rejected: "bad-timestamp", text: "a retained message without a time" };
  return { timestampMs: context.receivedMs, timeSource: "receiver", timeQuality };
}

/** An instant from the device, Unix ms; undefined when the text of it was none. */
export function deviceTime(
  ms: number | undefined,
  shown: string,
  receivedMs: number,
  timeQuality: TimeQuality = "synced",
  timeSource: TimeSource = "meter",
): MessageTimeResult {
  if (ms === undefined) return { rejected: "bad-timestamp", text: `time ${shown}` };
  const verdict = judgeClock(ms, receivedMs, ms > receivedMs ? DEFAULT_MAX_CLOCK_SKEW_MS : MAX_BEHIND_MS);
  if ("rejected" in verdict) return { rejected: verdict.rejected, text: bothTimes(ms, receivedMs) };
  // What lies behind may have waited at the broker: only a clock ahead is known to drift.
  const drifting = ms - receivedMs > DRIFTING_MS ? "drifting" : "synced";
  return { timestampMs: ms, timeSource, timeQuality: worseTimeQuality(timeQuality, drifting) };
}

/**
 * ISO 8601 without a zone, as home devices send it: by the zone of the options; without one the receiver's clock is used, for no zone may be guessed. A time
 * with a zone needs none.
 */
export function localTime(text: string | undefined, context: MessageContext): MessageTimeResult {
  const parsed = text === undefined ? undefined : parseIsoTime(text);
  if (parsed?.hasZone === true) return deviceTime(parsed.ms, text ?? "", context.receivedMs);
  if (context.zone === undefined) return receiverTime(context, "no-zone");
  if (parsed === undefined) return deviceTime(undefined, text ?? "", context.receivedMs);
  const wall = new Date(parsed.ms);
  const { utcMs, isAmbiguous } = context.zone.toUtc({
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
  });
  return deviceTime(utcMs, text ?? "", context.receivedMs, isAmbiguous ? "dst-ambiguous" : "synced");
}
