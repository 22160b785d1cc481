import type { DecodedFrame } from "../frame.ts";
import type { RejectionReason } from "../source.ts";

/** A line of which more than a tenth of the frames of a quarter of an hour are damaged is one that somebody should look at (research/data.md §4). */
export const QUALITY_WINDOW_MS = 900_000;
const DAMAGED_SHARE = 0.1;

/** What happens to bytes on their way; the rest is what a meter says. */
const DAMAGE: ReadonlySet<RejectionReason> = new Set(["crc-wrong", "truncated", "too-long"]);

export interface LineFault {
  readonly frames: number;
  readonly damaged: number;
}

/** Counts the frames of a line by quarters of an hour. */
export class LineQuality {
  #windowMs = Number.NaN;
  #frames = 0;
  #damaged = 0;

  /** The quarter that has ended with this frame, if more than a tenth of it was damaged. Frames that are a part of a message count with its last. */
  note({ readings, rejected }: DecodedFrame, nowMs: number): LineFault | undefined {
    const windowMs = Math.floor(nowMs / QUALITY_WINDOW_MS) * QUALITY_WINDOW_MS;
    const ended = windowMs === this.#windowMs ? undefined : { frames: this.#frames, damaged: this.#damaged };
    if (ended !== undefined) {
      this.#windowMs = windowMs;
      this.#frames = 0;
      this.#damaged = 0;
    }
    const damaged = rejected.filter(({ reason }) => DAMAGE.has(reason)).length;
    this.#damaged += damaged;
    this.#frames += damaged + (readings.length > 0 || rejected.length > damaged ? 1 : 0);
    return ended !== undefined && ended.damaged > ended.frames * DAMAGED_SHARE ? ended : undefined;
  }
}
