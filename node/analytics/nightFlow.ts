import type { Slot } from "./slots.ts";
import type { Zone } from "./zone.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Local time in which a home that leaks nothing is still for at least one slot. */
export const NIGHT_FROM_MS = HOUR_MS;
export const NIGHT_UNTIL_MS = 5 * HOUR_MS;
/** A night says nothing unless this much of it was measured. */
const MIN_NIGHT_MS = 3 * HOUR_MS;

/** The least that flowed in any slot of a night. */
export interface Night {
  readonly day: number;
  /** End of the night's last slot. */
  readonly untilMs: number;
  readonly fromMs: number;
  readonly least: number;
  readonly periodMs: number;
}

/** Nights of one series, each told with the first slot behind it. */
export class NightFlow {
  readonly #zone: Zone;
  #night:
    | { day: number; fromMs: number; untilMs: number; coveredMs: number; least: number; periodMs: number }
    | undefined;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  put({ endMs, periodMs, value }: Slot): Night | undefined {
    const localMs = endMs + this.#zone.offsetMs(endMs);
    const day = Math.floor((localMs - 1) / DAY_MS);
    const timeMs = localMs - day * DAY_MS;
    const isNight = timeMs - periodMs >= NIGHT_FROM_MS && timeMs <= NIGHT_UNTIL_MS;
    const done = this.#night !== undefined && (!isNight || this.#night.day !== day) ? this.end() : undefined;
    if (!isNight) return done;
    this.#night ??= { day, fromMs: endMs - periodMs, untilMs: endMs, coveredMs: 0, least: value, periodMs };
    const night = this.#night;
    night.untilMs = endMs;
    night.coveredMs += periodMs;
    night.least = Math.min(night.least, value);
    return done;
  }

  end(): Night | undefined {
    const night = this.#night;
    this.#night = undefined;
    return night !== undefined && night.coveredMs >= MIN_NIGHT_MS ? night : undefined;
  }
}
