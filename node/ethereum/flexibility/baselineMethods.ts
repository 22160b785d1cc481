import { averageBaseline, type FlexibilityEvent } from "#bridge/baseline.ts";
import { isWeekend, localDayAt, momentsOf, type Zone } from "../../analytics/zone.ts";

/** Net load of one meter: mWh by the end of an interval (Unix ms); what is exported is negative. */
export type Energies = ReadonlyMap<number, bigint>;

/**
 * How a baseline is made, by the names that markets have for it. mean: the mean of the Y latest days like the event's; high: of the X of them with the
 * highest load in the event's hours ("high 5 of 10"); before: the mean of the last intervals before, of load that is steady ("meter before / meter
 * after" of NAESB's measurement and verification).
 */
export type BaselineMethod =
  | { readonly name: "mean"; readonly days: number }
  | { readonly name: "high"; readonly days: number; readonly high: number }
  | { readonly name: "before"; readonly intervals: number };

export interface BaselineOptions {
  readonly method: BaselineMethod;
  /** Whose calendar it is: the same time of day, and workdays for workdays, weekends for weekends. */
  readonly zone: Zone;
  /** Days that are like no other, such as those with an event: YYYY-MM-DD. */
  readonly without: ReadonlySet<string>;
  /** Nothing that ends later is looked at: Unix ms. */
  readonly untilMs: number;
}

/** A baseline with what it was made of. */
export interface MadeBaseline {
  readonly baselinesMwh: readonly bigint[];
  /** Days (YYYY-MM-DD), or the first interval's start and the last one's end (Unix ms). */
  readonly madeOf: readonly (string | number)[];
  /** Ends of all intervals that were looked at for it, Unix ms: of days that were not taken, too. */
  readonly lookedAtMs: readonly number[];
}

/** So far back days are looked for, as most programmes do. */
export const MAX_LOOK_BACK_DAYS = 45;

const DAY_MS = 86_400_000;

/** Undefined where there are not enough energies. Days count only if all their intervals are there. */
export function makeBaseline(
  event: FlexibilityEvent,
  energies: Energies,
  options: BaselineOptions,
): MadeBaseline | undefined {
  const { method } = options;
  if (method.name === "before") return meanBefore(event, energies, method.intervals, options.untilMs);
  const days = daysLike(event, energies, method.days, options);
  if (days.length < method.days) return undefined;
  const taken = method.name === "high" ? highest(days, method.high) : days;
  return {
    baselinesMwh: averageBaseline(taken.map(({ energiesMwh }) => energiesMwh)),
    madeOf: taken.map(({ date }) => date),
    lookedAtMs: days.flatMap(({ startMs }) => endsOf({ ...event, startMs })),
  };
}

/** In words, for whoever is asked to accept it. */
export function methodText(method: BaselineMethod): string {
  switch (method.name) {
    case "mean":
      return `mean of ${method.days} days`;
    case "high":
      return `high ${method.high} of ${method.days} days`;
    case "before":
      return `meter before: mean of the last ${method.intervals} intervals`;
  }
}

interface Day {
  readonly date: string;
  readonly startMs: number;
  readonly energiesMwh: readonly bigint[];
}

function daysLike(
  event: FlexibilityEvent,
  energies: Energies,
  wanted: number,
  { zone, without, untilMs }: BaselineOptions,
): readonly Day[] {
  const wallMs = event.startMs + zone.offsetMs(event.startMs);
  const isRest = isWeekend(localDayAt(zone, event.startMs).number);
  const days: Day[] = [];
  for (let back = 1; back <= MAX_LOOK_BACK_DAYS && days.length < wanted; back++) {
    // None where clocks skip this time.
    const [startMs] = momentsOf(zone, wallMs - back * DAY_MS);
    if (startMs === undefined) continue;
    const { number } = localDayAt(zone, startMs);
    const date = new Date(number * DAY_MS).toISOString().slice(0, 10);
    if (isWeekend(number) !== isRest || without.has(date)) continue;
    if (startMs + event.intervalCount * event.intervalMs > untilMs) continue;
    const energiesMwh = energiesOf({ ...event, startMs }, energies);
    if (energiesMwh !== undefined) days.push({ date, startMs, energiesMwh });
  }
  return days;
}

function meanBefore(
  { startMs, intervalMs, intervalCount }: FlexibilityEvent,
  energies: Energies,
  wanted: number,
  untilMs: number,
): MadeBaseline | undefined {
  const ends = [...energies.keys()]
    .filter((endMs) => endMs <= Math.min(startMs, untilMs) && endMs % intervalMs === 0)
    .sort((a, b) => b - a);
  const [lastMs] = ends;
  if (lastMs === undefined) return undefined;
  const before = { startMs: lastMs - wanted * intervalMs, intervalMs, intervalCount: wanted };
  const taken = energiesOf(before, energies);
  if (taken === undefined) return undefined;
  const [mean = 0n] = averageBaseline(taken.map((energy) => [energy]));
  return {
    baselinesMwh: Array.from({ length: intervalCount }, () => mean),
    madeOf: [before.startMs, lastMs],
    lookedAtMs: endsOf(before),
  };
}

function energiesOf(event: FlexibilityEvent, energies: Energies): readonly bigint[] | undefined {
  const found = endsOf(event).map((endMs) => energies.get(endMs));
  return found.every((energy) => energy !== undefined) ? (found as bigint[]) : undefined;
}

function endsOf({ startMs, intervalMs, intervalCount }: FlexibilityEvent): readonly number[] {
  return Array.from({ length: intervalCount }, (_, i) => startMs + (i + 1) * intervalMs);
}

/** Of equal ones the later days. */
function highest(days: readonly Day[], count: number): readonly Day[] {
  const load = ({ energiesMwh }: Day) => energiesMwh.reduce((sum, energy) => sum + energy, 0n);
  return [...days].sort((a, b) => (load(a) < load(b) ? 1 : load(a) > load(b) ? -1 : 0)).slice(0, count);
}
