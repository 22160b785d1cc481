import type { Night } from "./nightFlow.ts";

const HOUR_MS = 3_600_000;

/** Nights compared: the last week with the four weeks before it. */
export const NEW_NIGHTS = 7;
export const OLD_NIGHTS = 28;
/** A step is at least 100 W and half as much again [J]: a fridge that never stops, a pump that hangs. */
export const STEP_MILLIWATTS = 100_000;
export const STEP_RATIO_THOUSANDTHS = 1500;

export interface BaseLoadStep {
  /** From the first night of the new level to the one that made it certain. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly beforeMilliwatts: number;
  readonly afterMilliwatts: number;
}

/** Steps upwards of the load that never goes away, from the least power of each night. After a step it waits until the old level has caught up. */
export class BaseLoadDetector {
  readonly #nights: { readonly fromMs: number; readonly milliwatts: number }[] = [];
  #isHigh = false;

  put({ fromMs, untilMs, least, periodMs }: Night): BaseLoadStep | undefined {
    this.#nights.push({ fromMs, milliwatts: Math.floor((least * HOUR_MS) / periodMs) });
    if (this.#nights.length > OLD_NIGHTS + NEW_NIGHTS) this.#nights.shift();
    if (this.#nights.length < OLD_NIGHTS + NEW_NIGHTS) return undefined;
    const before = median(this.#nights.slice(0, OLD_NIGHTS).map(({ milliwatts }) => milliwatts));
    const recent = this.#nights.slice(OLD_NIGHTS);
    const after = median(recent.map(({ milliwatts }) => milliwatts));
    const isHigh = after - before > STEP_MILLIWATTS && after * 1000 > before * STEP_RATIO_THOUSANDTHS;
    const isStep = isHigh && !this.#isHigh;
    this.#isHigh = isHigh;
    if (!isStep) return undefined;
    const first = recent[0] as { readonly fromMs: number };
    return { fromMs: first.fromMs, untilMs, beforeMilliwatts: before, afterMilliwatts: after };
  }
}

/** Of an even count the mean of the two middle ones, rounded down. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] as number, sorted[sorted.length >> 1] as number];
  return Math.floor((low + high) / 2);
}
