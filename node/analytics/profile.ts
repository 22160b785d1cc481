import type { Quantity } from "#storage/types/reading.ts";
import { AnalyticsError } from "./analyticsError.ts";
import { ExactSum } from "./exactSum.ts";
import { Histogram } from "./histogram.ts";
import { divideHalfEven } from "./ratio.ts";
import type { Slot } from "./slots.ts";
import { isWeekend, localDay, type Zone } from "./zone.ts";

const DAY_MS = 86_400_000;
/** The lines of a profile. */
export const PERCENTILES = [5, 25, 50, 75, 95] as const;
export type DayType = "weekday" | "weekend";

/** What flows at one local time of day, over all days of its type. */
export interface ProfileSlot {
  /** Start of the slot on the wall clock, ms after midnight. */
  readonly timeMs: number;
  readonly count: number;
  /** Rounded half to even. */
  readonly mean: number;
  /** As PERCENTILES, with the resolution of Histogram. */
  readonly percentiles: readonly number[];
}

export interface DayTotal {
  /** "2013-03-31" */
  readonly date: string;
  readonly total: bigint;
  readonly present: number;
  /** 46 or 50 half hours where clocks change. */
  readonly expected: number;
}

export interface Profile {
  readonly days: readonly DayTotal[];
  readonly weekday: readonly ProfileSlot[];
  readonly weekend: readonly ProfileSlot[];
  readonly total: bigint;
  readonly present: number;
  /** Slots of all days from the first to the last, days without any reading too. */
  readonly expected: number;
}

interface SlotSums {
  readonly sum: ExactSum;
  readonly histogram: Histogram;
}

/**
 * Load profile of one meter, or of a fleet when slots of many are put: each slot on its local day at its local time, so that the days of a
 * clock change have 23 or 25 hours. A slot of a repeated hour is a value more at its time of day.
 */
export class ProfileTally {
  readonly #zone: Zone;
  readonly #quantity: Quantity;
  readonly #slots: Record<DayType, Map<number, SlotSums>> = { weekday: new Map(), weekend: new Map() };
  readonly #days = new Map<number, { readonly total: ExactSum; present: number }>();
  #periodMs = 0;

  constructor(quantity: Quantity, zone: Zone) {
    this.#quantity = quantity;
    this.#zone = zone;
  }

  /** @throws AnalyticsError ANALYTICS_OPTION_INVALID for slots of another length than the first */
  put({ quantity, tariff, endMs, periodMs, value }: Slot): void {
    if (quantity !== this.#quantity || tariff !== 0) return;
    if (this.#periodMs === 0) this.#periodMs = periodMs;
    if (periodMs !== this.#periodMs) {
      const reason = `readings of ${this.#periodMs} ms and of ${periodMs} ms cannot be in one profile: use the longer as the slot`;
      throw new AnalyticsError({ code: "ANALYTICS_OPTION_INVALID", option: "slotMs", value: periodMs, reason });
    }
    const startMs = endMs - periodMs;
    const localMs = startMs + this.#zone.offsetMs(startMs);
    const number = Math.floor(localMs / DAY_MS);
    let day = this.#days.get(number);
    if (day === undefined) {
      day = { total: new ExactSum(), present: 0 };
      this.#days.set(number, day);
    }
    day.total.add(value);
    day.present += 1;
    const slots = this.#slots[isWeekend(number) ? "weekend" : "weekday"];
    const timeMs = localMs - number * DAY_MS;
    let sums = slots.get(timeMs);
    if (sums === undefined) {
      sums = { sum: new ExactSum(), histogram: new Histogram() };
      slots.set(timeMs, sums);
    }
    sums.sum.add(value);
    sums.histogram.add(value);
  }

  profile(): Profile {
    const numbers = [...this.#days.keys()].sort((a, b) => a - b);
    const days = numbers.map((number): DayTotal => {
      const { total, present } = this.#days.get(number) as { total: ExactSum; present: number };
      const date = new Date(number * DAY_MS).toISOString().slice(0, 10);
      return { date, total: total.total, present, expected: this.#expected(number, number + 1) };
    });
    return {
      days,
      weekday: profileSlots(this.#slots.weekday),
      weekend: profileSlots(this.#slots.weekend),
      total: days.reduce((sum, { total }) => sum + total, 0n),
      present: days.reduce((sum, { present }) => sum + present, 0),
      expected: numbers.length === 0 ? 0 : this.#expected(numbers[0] as number, (numbers.at(-1) as number) + 1),
    };
  }

  #expected(fromDay: number, untilDay: number): number {
    const ms = localDay(this.#zone, untilDay).startMs - localDay(this.#zone, fromDay).startMs;
    return Math.round(ms / this.#periodMs);
  }
}

function profileSlots(slots: ReadonlyMap<number, SlotSums>): readonly ProfileSlot[] {
  return [...slots]
    .sort(([a], [b]) => a - b)
    .map(([timeMs, { sum, histogram }]) => ({
      timeMs,
      count: histogram.count,
      mean: Number(divideHalfEven(sum.total, BigInt(histogram.count))),
      percentiles: histogram.percentiles(PERCENTILES) as readonly number[],
    }));
}

/** One time of day in two typical days. */
export interface TypicalDifference {
  readonly timeMs: number;
  readonly mean: number;
  readonly otherMean: number;
  /** (mean - otherMean) / otherMean in thousandths, rounded half to even; undefined where the other is 0. */
  readonly difference: number | undefined;
}

/** Compares two typical days, such as a home's with its fleet's or weekends with weekdays, at the times that both have. */
export function compareTypicalDays(
  day: readonly ProfileSlot[],
  other: readonly ProfileSlot[],
): readonly TypicalDifference[] {
  const others = new Map(other.map(({ timeMs, mean }) => [timeMs, mean]));
  return day.flatMap(({ timeMs, mean }) => {
    const otherMean = others.get(timeMs);
    if (otherMean === undefined) return [];
    const difference =
      otherMean === 0 ? undefined : Number(divideHalfEven(BigInt(mean - otherMean) * 1000n, BigInt(otherMean)));
    return [{ timeMs, mean, otherMean, difference }];
  });
}
