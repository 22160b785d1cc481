import type { Reading } from "#storage/types/reading.ts";
import type { RejectionReason } from "./source.ts";

/** A part of a frame that is no reading, and why. */
export interface RejectedPart {
  readonly reason: RejectionReason;
  /** What stood there, shortened to MAX_REJECTED_CHARS. */
  readonly text: string;
}

/**
 * What a protocol makes of one frame, telegram or message: each of its values is in one of the two. The readings are as the meter sent them (registers as
 * registers), under the id of the device; which of them are sealed, and as what, is decided behind the source.
 */
export interface DecodedFrame {
  readonly readings: readonly Reading[];
  readonly rejected: readonly RejectedPart[];
}

export const MAX_REJECTED_CHARS = 120;

/** A frame that has no reading at all. */
export function rejectedFrame(reason: RejectionReason, text: string): DecodedFrame {
  return { readings: [], rejected: [rejectedPart(reason, text)] };
}

export function rejectedPart(reason: RejectionReason, text: string): RejectedPart {
  return { reason, text: text.slice(0, MAX_REJECTED_CHARS) };
}
