import type { Quantity } from "#storage/types/reading.ts";
import type { Night } from "./nightFlow.ts";

const DAY_MS = 86_400_000;

/** Nights in a row that never came to rest, before it is called a leak [J]: a boiler heats through some winter nights, a cistern never runs all night. */
export const LEAK_NIGHTS: Partial<Record<Quantity, number>> = { waterVolume: 3, gasVolume: 7 };

export interface Leak {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly nights: number;
  /** The least flow of the nights, per hour. */
  readonly leastPerHour: number;
}

/** Runs of nights in which a water or gas meter never stood still. A night that was not measured ends a run: nothing is known of it. */
export class LeakDetector {
  readonly #leakNights: number;
  #run: { fromMs: number; untilMs: number; nights: number; leastPerHour: number; lastDay: number } | undefined;

  constructor(quantity: Quantity) {
    this.#leakNights = LEAK_NIGHTS[quantity] ?? Number.POSITIVE_INFINITY;
  }

  put({ day, fromMs, untilMs, least, periodMs }: Night): Leak | undefined {
    const follows = this.#run !== undefined && this.#run.lastDay === day - 1;
    const ended = follows && least > 0 ? undefined : this.end();
    if (least <= 0) return ended;
    const perHour = Math.floor((least * (DAY_MS / 24)) / periodMs);
    this.#run ??= { fromMs, untilMs, nights: 0, leastPerHour: perHour, lastDay: day };
    const run = this.#run;
    run.untilMs = untilMs;
    run.nights += 1;
    run.leastPerHour = Math.min(run.leastPerHour, perHour);
    run.lastDay = day;
    return ended;
  }

  end(): Leak | undefined {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined || run.nights < this.#leakNights) return undefined;
    const { fromMs, untilMs, nights, leastPerHour } = run;
    return { fromMs, untilMs, nights, leastPerHour };
  }
}
