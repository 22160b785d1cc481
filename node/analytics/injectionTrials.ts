import type { Slot } from "./slots.ts";
import { SpikeDetector } from "./spikes.ts";
import { UTC } from "./zone.ts";

const DAY_MS = 86_400_000;
const HALF_HOUR_MS = 1_800_000;
/** Days before a trial that its baseline is made from: 28 weekdays, and 28 more for their deviations. */
const PAST_DAYS = 80;

export interface Recall {
  readonly addedMwh: number;
  readonly trials: number;
  /** Found by the isolated rule, and by z alone. */
  readonly isolated: number;
  readonly suspect: number;
}

/**
 * How many false spikes the detector finds: energy is added to the reading of each meter at given moments, one trial each, and nothing else
 * changed. Only the readings at that time of day and its neighbours matter, so only these are kept.
 */
export class InjectionTrials {
  readonly #moments: readonly number[];
  readonly #added: readonly number[];
  readonly #minSlots: number;
  readonly #meters = new Map<string, { count: number; readonly near: Slot[] }>();

  /** moments: Unix ms of the stamps. minSlots: meters with fewer are left out. */
  constructor(options: {
    readonly moments: readonly number[];
    readonly addedMwh: readonly number[];
    readonly minSlots: number;
  }) {
    this.#moments = options.moments;
    this.#added = options.addedMwh;
    this.#minSlots = options.minSlots;
  }

  put(slot: Slot): void {
    let meter = this.#meters.get(slot.meterId);
    if (meter === undefined) {
      meter = { count: 0, near: [] };
      this.#meters.set(slot.meterId, meter);
    }
    meter.count += 1;
    if (this.#moments.some((moment) => distance(moment, slot.endMs) <= HALF_HOUR_MS)) meter.near.push(slot);
  }

  recall(): readonly Recall[] {
    const meters = [...this.#meters.values()].filter(({ count }) => count >= this.#minSlots);
    return this.#added.map((addedMwh) => {
      const types = meters.flatMap(({ near }) =>
        this.#moments.flatMap((moment) => trial(near, moment, addedMwh) ?? []),
      );
      return {
        addedMwh,
        trials: types.length,
        isolated: types.filter((type) => type === "isolated" || type === "known-load").length,
        suspect: types.filter((type) => type !== "none").length,
      };
    });
  }
}

/** What the detector calls the changed reading; undefined where there is none to change. */
function trial(slots: readonly Slot[], moment: number, addedMwh: number): string | undefined {
  if (!slots.some(({ endMs }) => endMs === moment)) return undefined;
  const detector = new SpikeDetector(UTC);
  for (const slot of slots) {
    if (slot.endMs < moment - PAST_DAYS * DAY_MS || distance(moment, slot.endMs) > HALF_HOUR_MS) continue;
    const spike = detector.put(slot.endMs === moment ? { ...slot, value: slot.value + addedMwh } : slot);
    if (spike?.slot.endMs === moment) return spike.type;
    if (slot.endMs > moment) return "none";
  }
  return detector.end()?.slot.endMs === moment ? "suspect" : "none";
}

/** Between two times of day, ms. */
function distance(a: number, b: number): number {
  const apart = Math.abs(a - b) % DAY_MS;
  return Math.min(apart, DAY_MS - apart);
}
