import type { Slot } from "./slots.ts";

/** More than two days without any use, after use: nobody is there, or the meter is dead (research/data.md §6). */
export const ZERO_RUN_MS = 48 * 3_600_000;

export interface ZeroRun {
  /** (fromMs, untilMs] */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Time of the slots that were zero: less than the span where readings are missing. */
  readonly zeroMs: number;
}

/** Runs of zero slots of one series. A missing slot is no zero: it neither lengthens a run nor ends it. */
export class ZeroRunDetector {
  #wasUsed = false;
  #run: { fromMs: number; untilMs: number; zeroMs: number } | undefined;

  /** The run that this slot ends. */
  put({ endMs, periodMs, value }: Slot): ZeroRun | undefined {
    if (value !== 0) {
      this.#wasUsed = true;
      return this.end();
    }
    if (!this.#wasUsed) return undefined;
    this.#run ??= { fromMs: endMs - periodMs, untilMs: endMs, zeroMs: 0 };
    this.#run.untilMs = endMs;
    this.#run.zeroMs += periodMs;
    return undefined;
  }

  /** The run that still goes on. */
  end(): ZeroRun | undefined {
    const run = this.#run;
    this.#run = undefined;
    return run !== undefined && run.zeroMs > ZERO_RUN_MS ? run : undefined;
  }
}
