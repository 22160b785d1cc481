import { ExactSum } from "./exactSum.ts";
import { thousandths } from "./ratio.ts";
import type { Slot } from "./slots.ts";
import { isWeekend, type Zone } from "./zone.ts";

const DAY_MS = 86_400_000;
/** How far back a home's own baseline reaches (research/data.md §7). */
export const BASELINE_DAYS = 28;
/** Values of the same time of day and day type that a baseline needs; four weekends have eight. */
export const MIN_BASELINE_VALUES = 4;

interface Past {
  readonly day: number;
  readonly value: number;
}

/** Energy in one band and what the baseline would have been then, over the slots that have a baseline; mWh. */
export interface BandResponse {
  readonly band: string;
  readonly slots: number;
  readonly energyMwh: bigint;
  readonly baselineMwh: bigint;
  /** Energy over baseline, relative to the same in the usual band, less one; thousandths. -50: five per cent less than usual. */
  readonly response: number | undefined;
}

export interface Shift {
  readonly meterId: string;
  readonly bands: readonly BandResponse[];
}

interface Home {
  /** By local time of day and day type, the usual band's values of the last BASELINE_DAYS days. */
  readonly past: Map<number, Past[]>;
  readonly bands: Map<string, { slots: number; readonly energy: ExactSum; readonly baseline: ExactSum }>;
}

/**
 * How much each home moves its use out of dear hours and into cheap ones, against itself: the mean of its own last 28 days at the same local
 * time and day type, in the usual band only, so that earlier offers do not count as habit. That the whole day changes (weather, holidays) is
 * taken out by dividing by what became of the usual band.
 */
export class ShiftTally {
  readonly #zone: Zone;
  readonly #usualBand: string;
  readonly #homes = new Map<string, Home>();

  constructor(zone: Zone, usualBand: string) {
    this.#zone = zone;
    this.#usualBand = usualBand;
  }

  /** Slots of a meter come by time; band as CostTally.put answers it. */
  put({ meterId, endMs, periodMs, value }: Slot, band: string): void {
    if (band === "") return;
    let home = this.#homes.get(meterId);
    if (home === undefined) {
      home = { past: new Map(), bands: new Map() };
      this.#homes.set(meterId, home);
    }
    const startMs = endMs - periodMs;
    const localMs = startMs + this.#zone.offsetMs(startMs);
    const day = Math.floor(localMs / DAY_MS);
    const key = (localMs - day * DAY_MS) * 2 + (isWeekend(day) ? 1 : 0);
    let past = home.past.get(key);
    if (past === undefined) {
      past = [];
      home.past.set(key, past);
    }
    while (past.length > 0 && (past[0] as Past).day < day - BASELINE_DAYS) past.shift();
    if (past.length >= MIN_BASELINE_VALUES) this.#add(home, band, value, meanOf(past));
    if (band === this.#usualBand) past.push({ day, value });
  }

  #add(home: Home, band: string, value: number, baseline: number): void {
    let sums = home.bands.get(band);
    if (sums === undefined) {
      sums = { slots: 0, energy: new ExactSum(), baseline: new ExactSum() };
      home.bands.set(band, sums);
    }
    sums.slots += 1;
    sums.energy.add(value);
    sums.baseline.add(baseline);
  }

  shifts(): readonly Shift[] {
    return [...this.#homes].map(([meterId, { bands }]) => {
      const sums = [...bands].map(([band, { slots, energy, baseline }]) => ({
        band,
        slots,
        energyMwh: energy.total,
        baselineMwh: baseline.total,
      }));
      return { meterId, bands: withResponses(sums, this.#usualBand) };
    });
  }

  /** All homes as one. */
  total(): readonly BandResponse[] {
    const sums = new Map<string, Omit<BandResponse, "response">>();
    for (const { bands } of this.shifts())
      for (const { band, slots, energyMwh, baselineMwh } of bands) {
        const sum = sums.get(band) ?? { band, slots: 0, energyMwh: 0n, baselineMwh: 0n };
        sums.set(band, {
          band,
          slots: sum.slots + slots,
          energyMwh: sum.energyMwh + energyMwh,
          baselineMwh: sum.baselineMwh + baselineMwh,
        });
      }
    return withResponses([...sums.values()], this.#usualBand);
  }
}

function withResponses(bands: readonly Omit<BandResponse, "response">[], usual: string): readonly BandResponse[] {
  const reference = bands.find(({ band }) => band === usual);
  return bands
    .map((band) => {
      const { energyMwh = 0n, baselineMwh = 0n } = reference ?? {};
      const ratio = thousandths(band.energyMwh * baselineMwh, band.baselineMwh * energyMwh);
      return { ...band, response: ratio === undefined ? undefined : ratio - 1000 };
    })
    .sort((a, b) => (a.band < b.band ? -1 : 1));
}

/** In whole mWh, halves up. */
function meanOf(past: readonly Past[]): number {
  let sum = 0;
  for (const { value } of past) sum += value;
  const twice = 2 * sum + past.length;
  return (twice - (((twice % (2 * past.length)) + 2 * past.length) % (2 * past.length))) / (2 * past.length);
}
