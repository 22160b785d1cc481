import { scaledRatio } from "./ratio.ts";
import type { Slot } from "./slots.ts";
import type { Zone } from "./zone.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** A week on either side, so that both hold the same days of the week. */
const DAYS = 7;
/** Part of a week's slots that must be there, thousandths. */
const MIN_COVERAGE = 800;
/** Lags tried: an hour and a half to either side. */
const MAX_LAG_MS = 1.5 * HOUR_MS;
export const MIN_CLOCK_METERS = 10;

/** Fleet-wide jump of habits along the clock at the start of a day. */
export interface ClockShift {
  /** Start of the day from which on it holds, UTC. */
  readonly atMs: number;
  /** +1 h: everything happens an hour later by the stamps, as if clocks had been put forward. */
  readonly shiftMs: number;
  /** Meters whose own best fit is exactly this shift, of all that could be compared. */
  readonly shifted: number;
  readonly compared: number;
}

interface Day {
  readonly number: number;
  readonly values: Float64Array;
  covered: number;
}

/**
 * Compares each meter's mean day of the week before with that of the week after every midnight and looks for the lag at which they fit best;
 * where the median lag of the fleet is one hour, clocks were changed (research/data.md §6). Keeps 14 days per meter.
 */
export class ClockShiftView {
  readonly #zone: Zone;
  readonly #slots: number;
  readonly #periodMs: number;
  readonly #maxLag: number;
  readonly #meters = new Map<string, Day[]>();
  /** How many meters fit best at which lag, by the day behind the midnight; index lag + maxLag. */
  readonly #lags = new Map<number, Uint32Array>();

  constructor(periodMs: number, zone: Zone) {
    this.#zone = zone;
    this.#periodMs = periodMs;
    this.#slots = DAY_MS / periodMs;
    this.#maxLag = Math.floor(MAX_LAG_MS / periodMs);
  }

  /** Slots of another length are not looked at. */
  put({ meterId, endMs, periodMs, value }: Slot): void {
    if (periodMs !== this.#periodMs) return;
    const startMs = endMs - periodMs;
    const localMs = startMs + this.#zone.offsetMs(startMs);
    const number = Math.floor(localMs / DAY_MS);
    const days = this.#meters.get(meterId) ?? [];
    if (days.length === 0) this.#meters.set(meterId, days);
    let day = days.at(-1);
    if (day?.number !== number) {
      if (day !== undefined) this.#compare(days);
      day = { number, values: new Float64Array(this.#slots), covered: 0 };
      days.push(day);
      if (days.length > 2 * DAYS) days.shift();
    }
    const slot = Math.floor((localMs - number * DAY_MS) / periodMs);
    day.values[slot] = (day.values[slot] as number) + value;
    day.covered += 1;
  }

  /** Ascending. Days around a change look shifted too: of each run the one with the most shifted meters is told, of equal ones the middle. */
  end(): readonly ClockShift[] {
    for (const days of this.#meters.values()) this.#compare(days);
    this.#meters.clear();
    const runs: { lastDay: number; best: ClockShift[] }[] = [];
    for (const day of [...this.#lags.keys()].sort((a, b) => a - b)) {
      const shift = this.#shiftOf(day);
      if (shift === undefined) continue;
      const run = runs.at(-1);
      const most = run?.best[0];
      if (run === undefined || most?.shiftMs !== shift.shiftMs || day - run.lastDay >= DAYS) {
        runs.push({ lastDay: day, best: [shift] });
        continue;
      }
      run.lastDay = day;
      if (shift.shifted > most.shifted) run.best = [shift];
      else if (shift.shifted === most.shifted) run.best.push(shift);
    }
    return runs.map(({ best }) => best[(best.length - 1) >> 1] as ClockShift);
  }

  #shiftOf(day: number): ClockShift | undefined {
    const counts = this.#lags.get(day) as Uint32Array;
    const compared = counts.reduce((sum, count) => sum + count, 0);
    if (compared < MIN_CLOCK_METERS) return undefined;
    let [index, below] = [0, 0];
    while (below + (counts[index] as number) <= compared >> 1) {
      below += counts[index] as number;
      index += 1;
    }
    const shiftMs = (index - this.#maxLag) * this.#periodMs;
    if (Math.abs(shiftMs) !== HOUR_MS) return undefined;
    const localMs = day * DAY_MS;
    return { atMs: localMs - this.#zone.offsetMs(localMs), shiftMs, shifted: counts[index] as number, compared };
  }

  #compare(days: readonly Day[]): void {
    const last = days.at(-1) as Day;
    const middle = last.number - DAYS + 1;
    const before = this.#shares(days, middle - DAYS, middle);
    const after = this.#shares(days, middle, middle + DAYS);
    if (before === undefined || after === undefined) return;
    const lag = bestLag(before, after, this.#maxLag);
    let counts = this.#lags.get(middle);
    if (counts === undefined) {
      counts = new Uint32Array(2 * this.#maxLag + 1);
      this.#lags.set(middle, counts);
    }
    counts[lag + this.#maxLag] = (counts[lag + this.#maxLag] as number) + 1;
  }

  /** What part of the energy of the days [from, until) flows at each time of day, in millionths; undefined where too little was measured. */
  #shares(days: readonly Day[], from: number, until: number): Float64Array | undefined {
    const sums = new Float64Array(this.#slots);
    let [covered, total] = [0, 0];
    for (const { number, values, covered: count } of days) {
      if (number < from || number >= until) continue;
      covered += count;
      for (let slot = 0; slot < sums.length; slot++) {
        sums[slot] = (sums[slot] as number) + (values[slot] as number);
        total += values[slot] as number;
      }
    }
    if (covered * 1000 < MIN_COVERAGE * DAYS * this.#slots || total <= 0) return undefined;
    return sums.map((sum) => scaledRatio(sum, 1_000_000, total, 1_000_000));
  }
}

/** The lag by which `after` runs behind `before`, with the least sum of squares; of equal ones the smallest. */
function bestLag(before: Float64Array, after: Float64Array, maxLag: number): number {
  const size = before.length;
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let step = 0; step <= 2 * maxLag; step++) {
    const lag = step % 2 === 0 ? -step / 2 : (step + 1) / 2;
    let squares = 0;
    for (let slot = 0; slot < size; slot++) {
      const difference = (before[slot] as number) - (after[(slot + lag + size) % size] as number);
      squares += difference * difference;
    }
    if (squares < least) [best, least] = [lag, squares];
  }
  return best;
}
