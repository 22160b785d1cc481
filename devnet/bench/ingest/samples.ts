import { percentile } from "../../report.ts";

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Of unsorted samples, rounded to thousandths; 0 without samples. */
export function percentilesOf(samples: readonly number[] | Float64Array): Percentiles {
  const sorted = Array.from(Float64Array.from(samples).sort());
  const at = (share: number): number => round(percentile(sorted, share));
  return { p50: at(0.5), p99: at(0.99) };
}

export function round(value: number, decimals = 3): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}

/** Millions of samples outside of the heap of objects: a list of them there would be collected in the middle of what it measures. */
export class Samples {
  #values = new Float64Array(65_536);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(2 * this.#count);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }

  get count(): number {
    return this.#count;
  }

  /** A view, valid until the next `add`. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#count);
  }
}

/**
 * How long who comes at any moment waits for a disk that syncs without a pause, and shares a sync with all that came during the one before: the rest
 * of the sync that is under way, and the next one. A sync of 20 ms is met by a hundred times as many as one of 0.2 ms, which percentiles of syncs do
 * not show. From the times of such syncs, one behind the other; `arrivals` moments, evenly over all of their time.
 */
export function groupCommitWaits(syncMs: readonly number[], arrivals = 20_000): Percentiles {
  const total = syncMs.reduce((sum, each) => sum + each, 0);
  const waits = new Samples();
  let [sync, endsMs] = [0, syncMs[0] ?? 0];
  for (let arrival = 0; arrival < arrivals; arrival++) {
    const atMs = (arrival * total) / arrivals;
    while (endsMs <= atMs && sync < syncMs.length - 1) endsMs += syncMs[++sync] as number;
    const next = syncMs[sync + 1];
    if (next === undefined) break;
    waits.add(endsMs - atMs + next);
  }
  return percentilesOf(waits.values());
}
