import type { Quantity } from "#storage/types/reading.ts";
import { scaledRatio } from "./ratio.ts";
import { type Comparison, RobustWindow } from "./robustWindow.ts";
import type { Slot } from "./slots.ts";
import { isWeekend, type Zone } from "./zone.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Of research/data.md §6, measured on 122 households; the reasons of each are in README.md. */
export const SPIKE_RULE = {
  /** z above which a reading is suspect, thousandths. */
  suspectZ: 8000,
  /** The standard deviation that a median absolute deviation stands for, 1e-4. */
  madScale: 14_826,
  /** An isolated reading is more than this many times its greater neighbour. */
  isolatedRatio: 6,
  /** Peaks within this part of each other are of one level, thousandths. */
  levelTolerance: 100,
  /** A level seen this often within `levelDays` before is a load that is known. */
  levelSightings: 3,
  levelDays: 60,
} as const;

/** Peaks remembered per series: more than four a day over 60 days. */
const MAX_SIGHTINGS = 256;

/** Largest score there is: what the ledger keeps in a uint32. */
export const MAX_SCORE = 2 ** 32 - 1;

/**
 * Per hour: the least spread that counts (50 Wh in half an hour), and what an isolated reading has at least (1.5 kWh in half an hour).
 * Gas, water and heat are ours [J]: a burner's pilot and a tap that drips below, a boiler at full power and a bath above.
 */
const LEVELS: Partial<Record<Quantity, { readonly floor: number; readonly isolated: number }>> = {
  activeEnergyImport: { floor: 100_000, isolated: 3_000_000 },
  activeEnergyExport: { floor: 100_000, isolated: 3_000_000 },
  gasVolume: { floor: 100_000, isolated: 3_000_000 },
  waterVolume: { floor: 20_000, isolated: 600_000 },
  heat: { floor: 360, isolated: 10_800 },
};

/** A reading far above what is usual at its time. */
export interface Spike {
  readonly slot: Slot;
  /** z in thousandths, rounded down, at most MAX_SCORE. */
  readonly score: number;
  /** Median of the readings before, in the unit of the quantity, rounded down. */
  readonly usual: number;
  /** The slots before and after; undefined where a reading is missing. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** suspect: information. isolated: an event. known-load: it would be one, but the same level was seen before. */
  readonly type: "suspect" | "isolated" | "known-load";
}

interface Sighting {
  readonly atMs: number;
  readonly value: number;
}

/** Whether this quantity is looked at for spikes. */
export function hasSpikes(quantity: Quantity): boolean {
  return LEVELS[quantity] !== undefined;
}

/**
 * The causal detector of research/data.md §6 for one series of slots: z = (x - median) / max(1.4826 MAD, floor) over the last 28 readings of
 * the same time of day and day type. A spike is told one slot later, when the neighbour behind it is known.
 */
export class SpikeDetector {
  readonly #zone: Zone;
  readonly #windows = new Map<number, RobustWindow>();
  readonly #sightings: Sighting[] = [];
  #previous: Slot | undefined;
  #pending: { readonly slot: Slot; readonly comparison: Comparison; readonly before: number | undefined } | undefined;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  /** The spike of the slot before this one. Slots come by time. */
  put(slot: Slot): Spike | undefined {
    const levels = levelsOf(slot);
    const previous = this.#previous;
    const isNext = previous !== undefined && previous.endMs === slot.endMs - slot.periodMs;
    const spike = this.#decide(isNext ? slot.value : undefined);
    const localMs = slot.endMs + this.#zone.offsetMs(slot.endMs);
    const day = Math.floor(localMs / DAY_MS);
    const key = (localMs - day * DAY_MS) * 2 + (isWeekend(day) ? 1 : 0);
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = new RobustWindow();
      this.#windows.set(key, window);
    }
    const least = Math.floor((4 * levels.floor * SPIKE_RULE.suspectZ) / 1000);
    const comparison = window.compare(slot.value, least);
    this.#previous = slot;
    if (comparison !== undefined && isSuspect(comparison, levels.floor))
      this.#pending = { slot, comparison, before: isNext ? previous.value : undefined };
    return spike;
  }

  /** The spike of the last slot. */
  end(): Spike | undefined {
    return this.#decide(undefined);
  }

  #decide(after: number | undefined): Spike | undefined {
    const pending = this.#pending;
    if (pending === undefined) return undefined;
    this.#pending = undefined;
    const { slot, comparison, before } = pending;
    const { floor, isolated } = levelsOf(slot);
    const score = scoreOf(comparison, floor);
    const usual = Math.floor(comparison.twiceMedian / 2);
    const base = { slot, score, usual, before, after };
    if (slot.value <= isolated) return { ...base, type: "suspect" };
    const isKnown = this.#isKnownLevel(slot);
    this.#sightings.push({ atMs: slot.endMs, value: slot.value });
    if (this.#sightings.length > MAX_SIGHTINGS) this.#sightings.shift();
    // A neighbour that is missing proves nothing, so the reading is not isolated.
    const isIsolated =
      before !== undefined && after !== undefined && slot.value > SPIKE_RULE.isolatedRatio * Math.max(before, after);
    return { ...base, type: !isIsolated ? "suspect" : isKnown ? "known-load" : "isolated" };
  }

  #isKnownLevel({ endMs, value }: Slot): boolean {
    const since = endMs - SPIKE_RULE.levelDays * DAY_MS;
    let seen = 0;
    for (const sighting of this.#sightings) {
      if (sighting.atMs < since) continue;
      if (Math.abs(sighting.value - value) * 1000 <= SPIKE_RULE.levelTolerance * value) seen += 1;
    }
    return seen >= SPIKE_RULE.levelSightings;
  }
}

function levelsOf({ quantity, periodMs }: Slot): { readonly floor: number; readonly isolated: number } {
  const perHour = LEVELS[quantity] ?? { floor: 0, isolated: 0 };
  return {
    floor: Math.floor((perHour.floor * periodMs) / HOUR_MS),
    isolated: Math.floor((perHour.isolated * periodMs) / HOUR_MS),
  };
}

function isSuspect(comparison: Comparison, floor: number): boolean {
  // Exactly z > 8: a score of 8000 rounded down may be 8 and nothing more.
  const score = scoreOf(comparison, floor);
  if (score !== SPIKE_RULE.suspectZ) return score > SPIKE_RULE.suspectZ;
  return BigInt(comparison.deviation4) * 10_000_000n > BigInt(SPIKE_RULE.suspectZ) * divisorOf(comparison, floor);
}

function scoreOf({ deviation4, spread4 }: Comparison, floor: number): number {
  const divisor = divisorOf({ spread4 }, floor);
  if (divisor <= BigInt(Number.MAX_SAFE_INTEGER))
    return scaledRatio(deviation4, 10_000_000, Number(divisor), MAX_SCORE);
  const score = (BigInt(deviation4) * 10_000_000n) / divisor;
  return score > BigInt(MAX_SCORE) ? MAX_SCORE : Number(score);
}

/** max(1.4826 MAD, floor), four times and in 1e-4. */
function divisorOf({ spread4 }: Pick<Comparison, "spread4">, floor: number): bigint {
  const scaled = BigInt(SPIKE_RULE.madScale) * BigInt(spread4);
  const least = 40_000n * BigInt(floor);
  return scaled > least ? scaled : least;
}
