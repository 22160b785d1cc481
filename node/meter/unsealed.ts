/** Why a late reading that is kept is in no interval and no amendment of the ledger. */
export const UNSEALED_REASONS = {
  "before-first-interval": "older than the first interval that was sealed of this meter",
  gap: "of a time for which no interval was sealed, between others that were",
  "amendments-full": "its interval has as many amendments as the ledger takes",
  "sum-full": "its amendment's sum has no room for it",
} as const;
export type UnsealedReason = keyof typeof UNSEALED_REASONS;

/** Late readings of one meter, all for one reason, of intervals that lie side by side. */
export interface UnsealedRun {
  readonly meterId: string;
  readonly reason: UnsealedReason;
  readonly readings: number;
  /** Times of the first and the last of them, Unix ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Runs kept, about 100 bytes each. Beyond it a meter's next run is counted with its nearest one: the number of readings stays exact, the range gets wider. */
export const MAX_UNSEALED_RUNS = 4096;

/**
 * The late readings that cannot be sealed any more: the ledger takes intervals of a meter in order. They are in the log, where audits, exports and
 * analytics find them; this is the list of them. It is made anew out of the log at every start.
 */
export class UnsealedReadings {
  readonly #runs = new Map<string, UnsealedRun[]>();
  readonly #intervalMs: number;
  #size = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Readings of one interval. */
  add(meterId: string, reason: UnsealedReason, timestampsMs: readonly number[]): void {
    if (timestampsMs.length === 0) return;
    const key = `${reason} ${meterId}`;
    const runs = this.#runs.get(key) ?? [];
    this.#runs.set(key, runs);
    let [fromMs, toMs, readings] = [Number.POSITIVE_INFINITY, 0, timestampsMs.length];
    for (const timestampMs of timestampsMs) {
      fromMs = Math.min(fromMs, timestampMs);
      toMs = Math.max(toMs, timestampMs);
    }
    // A run that ends in the interval before, or in this one, goes on: and two runs become one where it fills what was between them.
    const isBeside = (run: UnsealedRun) =>
      this.#number(run.fromMs) <= this.#number(toMs) + 1 && this.#number(run.toMs) >= this.#number(fromMs) - 1;
    const beside = runs.filter(isBeside);
    if (beside.length === 0 && this.#size >= MAX_UNSEALED_RUNS && runs.length > 0)
      beside.push(runs.reduce((a, b) => (distance(a, fromMs) <= distance(b, fromMs) ? a : b)));
    for (const run of beside) {
      fromMs = Math.min(fromMs, run.fromMs);
      toMs = Math.max(toMs, run.toMs);
      readings += run.readings;
    }
    const left = runs.filter((run) => !beside.includes(run));
    this.#size += 1 - beside.length;
    this.#runs.set(key, [...left, { meterId, reason, readings, fromMs, toMs }]);
  }

  /** By meter and time. meterId: only of this meter. */
  list(meterId?: string): readonly UnsealedRun[] {
    return [...this.#runs.values()]
      .flat()
      .filter((run) => meterId === undefined || run.meterId === meterId)
      .toSorted((a, b) => (a.meterId < b.meterId ? -1 : a.meterId > b.meterId ? 1 : a.fromMs - b.fromMs));
  }

  #number(timestampMs: number): number {
    return Math.ceil(timestampMs / this.#intervalMs);
  }
}

function distance(run: UnsealedRun, fromMs: number): number {
  return Math.min(Math.abs(run.fromMs - fromMs), Math.abs(run.toMs - fromMs));
}
