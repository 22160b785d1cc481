/** Why a late reading that is kept is in no interval and no amendment of the ledger. */
export const UNSEALED_REASONS = {
  "before-first-interval": "older than the first interval that was sealed of this meter",
  gap: "of a time for which no interval was sealed, between others that were",
  "amendments-full": "its interval has as many amendments as the ledger takes",
  "sum-full": "its amendment's sum has no room for it",
} as const;
export type UnsealedReason = keyof typeof UNSEALED_REASONS;

/** Late readings of one meter, all for one reason, none of them more than a day from the next. */
export interface UnsealedRun {
  readonly meterId: string;
  readonly reason: UnsealedReason;
  readonly readings: number;
  /** Times of the first and the last of them, Unix ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Readings that are closer belong to one run: what a meter was away for is a line or two to its owner, and not one for each interval. */
const NEAR_MS = 86_400_000;

/** Runs kept, about 100 bytes each. Beyond it a meter's next run is counted with its nearest one: the number of readings stays exact, the range gets wider. */
export const MAX_UNSEALED_RUNS = 4096;

/**
 * The late readings that cannot be sealed any more: the ledger takes intervals of a meter in order. They are in the log, where audits, exports and
 * analytics find them; this is the list of them. It is made anew out of the log at every start.
 */
export class UnsealedReadings {
  readonly #runs = new Map<string, UnsealedRun[]>();
  #size = 0;

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
    // Two runs become one where it fills what was between them.
    const isBeside = (run: UnsealedRun) => run.fromMs <= toMs + NEAR_MS && run.toMs >= fromMs - NEAR_MS;
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
}

function distance(run: UnsealedRun, fromMs: number): number {
  return Math.min(Math.abs(run.fromMs - fromMs), Math.abs(run.toMs - fromMs));
}
