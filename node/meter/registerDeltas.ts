import { MAX_READING_PERIOD_MS, QUALITY, type Reading } from "#storage/types/reading.ts";
import { isAhead } from "./ahead.ts";
import { SeenValues } from "./seenValues.ts";

/** What a register can do between two readings. All in the unit of its quantity. */
export interface RegisterRules {
  /** The most that flows in an hour: for energy in mWh the power of the fuse in mW. */
  readonly limitPerHour: number;
  /** One step of the register. */
  readonly resolution: number;
  /** The register goes from here back to 0: 10^9 Wh for six digits of kWh and three behind the point. Without it no decrease is a rollover. */
  readonly modulus?: number;
}

/**
 * What a reading of a register became. Each but a duplicate is kept:
 * - delta, clamped, rollover, reset: as interval reading, value = what flowed since the one before, registerValue = what the register showed
 * - baseline: the register where an epoch begins, for which no energy is known
 * - over-limit, decrease: doubted; the next reading says whether it was a fault or a new epoch
 * - late: older than one at hand, which contains its energy
 * - conflict: another value than the first one for this time, which stays
 * - ahead: beyond MAX_AHEAD_MS before the receiver's clock
 */
export type RegisterVerdict =
  | "delta"
  | "clamped"
  | "rollover"
  | "reset"
  | "baseline"
  | "over-limit"
  | "decrease"
  | "late"
  | "conflict"
  | "ahead";

export type RegisterOutcome =
  | { readonly verdict: "duplicate" }
  | { readonly verdict: RegisterVerdict; readonly reading: Reading };

/** A fuse holds a little more than it says for a while (research/data.md §2.4). */
const LIMIT_TOLERANCE = 1.1;

/** A register that goes back by no more than this many steps has been rounded anew, not reset. */
const JITTER_STEPS = 2;

const HOUR_MS = 3_600_000;

interface Standing {
  readonly timestampMs: number;
  readonly register: number;
}

/**
 * Interval readings out of the readings of one cumulative register. Within an epoch the values add up to the difference of the registers exactly; across a
 * reset nothing is counted. A register that jumps (up by more than the fuse lets through, or down) is doubted first: if the next reading goes on from the
 * old standing it was a fault, if it goes on from the new one a new epoch has begun there. One strange reading so neither counts nor ends an epoch.
 *
 * The state follows from what was kept, in that order (`restore`), under whatever rules it was kept.
 */
export class RegisterDeltas {
  readonly #rules: RegisterRules;
  readonly #seen = new SeenValues();
  #base: Standing | undefined;
  #doubted: Standing | undefined;

  constructor(rules: RegisterRules) {
    this.#rules = rules;
  }

  /** reading: of kind register, value at least 0. */
  take(reading: Reading): RegisterOutcome {
    const { timestampMs, value: register } = reading;
    if (isAhead(reading)) return kept("ahead", reading, QUALITY.SUSPECT);
    const seen = this.#seen.add(timestampMs, register);
    if (seen === "duplicate") return { verdict: "duplicate" };
    if (seen === "conflict") return kept("conflict", reading, QUALITY.REPLACED);
    const base = this.#base;
    if (base === undefined) return this.#begin(reading, 0);
    if (timestampMs < this.#newestMs()) return kept("late", reading, QUALITY.LATE | QUALITY.OUT_OF_ORDER);
    const elapsedMs = timestampMs - base.timestampMs;
    // The source itself says that it began anew, or has been away for longer than a period can say.
    if ((reading.quality & QUALITY.RESET) !== 0 || elapsedMs > MAX_READING_PERIOD_MS)
      return this.#begin(reading, QUALITY.RESET);

    const { resolution, modulus = 0 } = this.#rules;
    const delta = register - base.register;
    if (this.#isPlausible(delta, elapsedMs)) return this.#count("delta", reading, delta, 0, register);
    if (delta < 0 && -delta <= JITTER_STEPS * resolution)
      return this.#count("clamped", reading, 0, QUALITY.SUSPECT, base.register);
    if (delta < 0 && base.register < modulus && this.#isPlausible(delta + modulus, elapsedMs))
      return this.#count("rollover", reading, delta + modulus, QUALITY.ROLLOVER, register);

    const doubted = this.#doubted;
    const since = doubted === undefined ? -1 : register - doubted.register;
    if (doubted !== undefined && this.#isPlausible(since, timestampMs - doubted.timestampMs)) {
      this.#base = doubted;
      return this.#count("reset", reading, since, QUALITY.RESET, register);
    }
    this.#doubted = { timestampMs, register };
    return kept(delta < 0 ? "decrease" : "over-limit", reading, QUALITY.SUSPECT);
  }

  /** A reading as `take` made it, from the log. */
  restore(reading: Reading): void {
    const { timestampMs, kind, quality } = reading;
    const register = reading.registerValue ?? reading.value;
    if (isAhead(reading) || this.#seen.add(timestampMs, register) !== "new") return;
    const standing = { timestampMs, register };
    if (kind === "interval") {
      const goesOn = (quality & (QUALITY.RESET | QUALITY.ROLLOVER)) === 0;
      this.#base = { timestampMs, register: goesOn ? Math.max(register, this.#base?.register ?? 0) : register };
      this.#doubted = undefined;
    } else if (this.#base === undefined || (quality & QUALITY.RESET) !== 0) {
      this.#base = standing;
      this.#doubted = undefined;
    } else if (timestampMs >= this.#newestMs()) this.#doubted = standing;
  }

  /** The most that can flow in a time. */
  mostIn(elapsedMs: number): number {
    const { limitPerHour, resolution } = this.#rules;
    // A step of a coarse register is more than the fuse lets through in a second.
    return (limitPerHour * elapsedMs * LIMIT_TOLERANCE) / HOUR_MS + JITTER_STEPS * resolution;
  }

  #newestMs(): number {
    return Math.max(this.#base?.timestampMs ?? 0, this.#doubted?.timestampMs ?? 0);
  }

  #isPlausible(delta: number, elapsedMs: number): boolean {
    return delta >= 0 && delta <= this.mostIn(elapsedMs);
  }

  #begin(reading: Reading, bit: number): RegisterOutcome {
    this.#base = { timestampMs: reading.timestampMs, register: reading.value };
    this.#doubted = undefined;
    return kept("baseline", reading, bit);
  }

  #count(verdict: RegisterVerdict, reading: Reading, value: number, bit: number, register: number): RegisterOutcome {
    const { timestampMs, value: registerValue } = reading;
    const periodMs = timestampMs - (this.#base as Standing).timestampMs;
    this.#base = { timestampMs, register };
    this.#doubted = undefined;
    return {
      verdict,
      reading: { ...reading, kind: "interval", value, periodMs, registerValue, quality: withBits(reading, bit) },
    };
  }
}

function kept(verdict: RegisterVerdict, reading: Reading, bit: number): RegisterOutcome {
  return { verdict, reading: { ...reading, quality: withBits(reading, bit) } };
}

/** These four are decided here; what the source says of them would be read as our own at the next start. */
const OWN_BITS = QUALITY.REPLACED | QUALITY.LATE | QUALITY.RESET | QUALITY.ROLLOVER;

function withBits({ quality }: Reading, bit: number): number {
  return (quality & ~OWN_BITS) | bit;
}
