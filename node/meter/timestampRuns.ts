/** Runs and strays kept: a meter with a steady clock needs one run per gap. */
export const MAX_TIMESTAMP_RUNS = 8192;

interface Run {
  readonly firstMs: number;
  /** 0 while the run is one timestamp. */
  stepMs: number;
  lastMs: number;
}

/**
 * A set of timestamps that mostly grow in equal steps: a year of half hours is a few numbers. It tells a reading that is in the log already
 * (a file read again from its start, a message delivered twice) from one that is late, exactly, as far back as it remembers; what it has
 * forgotten counts as not there.
 */
export class TimestampRuns {
  readonly #runs: Run[] = [];
  /** Added behind the newest, in the order they came. */
  readonly #strays = new Set<number>();
  #forgottenUntilMs = -1;

  /** Up to this time something was forgotten: there, what counts as new may not be. -1: nothing was. */
  get forgottenUntilMs(): number {
    return this.#forgottenUntilMs;
  }

  /** Numbers held, for the memory they take. */
  get size(): number {
    return this.#runs.length + this.#strays.size;
  }

  /** Whether the timestamp was not there before. */
  add(timestampMs: number): boolean {
    const newest = this.#runs.at(-1);
    if (newest !== undefined && timestampMs <= newest.lastMs) {
      if (this.#has(timestampMs)) return false;
      this.#strays.add(timestampMs);
      if (this.#strays.size > MAX_TIMESTAMP_RUNS) {
        const forgotten = this.#strays.values().next().value as number;
        this.#strays.delete(forgotten);
        this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, forgotten);
      }
      return true;
    }
    const stepMs = newest === undefined ? 0 : timestampMs - newest.lastMs;
    if (newest !== undefined && (newest.stepMs === 0 || newest.stepMs === stepMs)) {
      newest.stepMs = stepMs;
      newest.lastMs = timestampMs;
      return true;
    }
    this.#runs.push({ firstMs: timestampMs, stepMs: 0, lastMs: timestampMs });
    if (this.#runs.length > MAX_TIMESTAMP_RUNS)
      this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, this.#runs.shift()?.lastMs ?? 0);
    return true;
  }

  #has(timestampMs: number): boolean {
    if (this.#strays.has(timestampMs)) return true;
    let [low, high] = [0, this.#runs.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#runs[middle] as Run).firstMs <= timestampMs) low = middle;
      else high = middle - 1;
    }
    const { firstMs, stepMs, lastMs } = this.#runs[low] as Run;
    if (timestampMs < firstMs || timestampMs > lastMs) return false;
    return stepMs === 0 || (timestampMs - firstMs) % stepMs === 0;
  }
}
