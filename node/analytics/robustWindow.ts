/** Values that a baseline remembers, and how many it needs before it says anything (research/data.md §6 and node/analytics/README.md). */
export const WINDOW_VALUES = 28;
export const MIN_WINDOW_VALUES = 10;

const scratch = new Float64Array(WINDOW_VALUES);

/** The last WINDOW_VALUES numbers; `twiceMedian` is an integer where the median of an even count is not. */
export class MedianWindow {
  readonly #ring = new Float64Array(WINDOW_VALUES);
  #count = 0;

  push(value: number): void {
    this.#ring[this.#count % WINDOW_VALUES] = value;
    this.#count += 1;
  }

  get size(): number {
    return Math.min(this.#count, WINDOW_VALUES);
  }

  /** Sum of the two middle values; twice the middle one of an odd count. 0 when empty. */
  twiceMedian(): number {
    const size = this.size;
    if (size === 0) return 0;
    // Insertion sort: the ring is small, and a copy that is sorted anew needs no second array per window.
    for (let i = 0; i < size; i++) {
      const value = this.#ring[i] as number;
      let j = i - 1;
      for (; j >= 0 && (scratch[j] as number) > value; j--) scratch[j + 1] = scratch[j] as number;
      scratch[j + 1] = value;
    }
    return (scratch[(size - 1) >> 1] as number) + (scratch[size >> 1] as number);
  }
}

/** A value that stands out: all three in quarters of the value's unit or halves of it, so that medians of even counts stay integers. */
export interface Comparison {
  /** Twice the median of the values before. */
  readonly twiceMedian: number;
  /** Four times (value - median). */
  readonly deviation4: number;
  /** Four times the median absolute deviation. */
  readonly spread4: number;
}

/**
 * What is usual at one time of day: the median of the last values, and how far values were from the median as it stood when they came. Both
 * look back only, so that a flag never changes when later readings come.
 */
export class RobustWindow {
  readonly #values = new MedianWindow();
  readonly #deviations = new MedianWindow();

  /**
   * Compares `value` with what came before, then remembers it. Undefined until there are MIN_WINDOW_VALUES values and as many deviations,
   * and for values that are not more than `leastDeviation4` above the median.
   */
  compare(value: number, leastDeviation4: number): Comparison | undefined {
    if (this.#values.size < MIN_WINDOW_VALUES) {
      this.#values.push(value);
      return undefined;
    }
    const twiceMedian = this.#values.twiceMedian();
    const deviation4 = 4 * value - 2 * twiceMedian;
    const standsOut = deviation4 > leastDeviation4 && this.#deviations.size >= MIN_WINDOW_VALUES;
    const comparison = standsOut ? { twiceMedian, deviation4, spread4: this.#deviations.twiceMedian() } : undefined;
    this.#values.push(value);
    this.#deviations.push(Math.abs(2 * value - twiceMedian));
    return comparison;
  }
}
