import { FingerprintChain, type Interval, IntervalError } from "#storage/types/interval.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import {
  type IntervalOwner,
  intervalSumSalt,
  periodSeed,
  readingSaltKey,
  readingSalts,
} from "#storage/types/intervalSecrets.ts";
import type { Reading } from "#storage/types/reading.ts";
import { ReadingsRootStream } from "#storage/types/readingsRoot.ts";
import { MeterSourceError } from "./source.ts";

/** A closed interval with what opens its commitment; salt and sum stay with the owner. */
export interface ClosedInterval extends Interval {
  readonly salt: Uint8Array;
  readonly commitment: Uint8Array;
  /** Leaf hashes of its readings, 32 bytes each, in their order: what an audit locates a changed reading with. Not read back with the interval. */
  readonly leaves?: Uint8Array;
}

export interface IntervalBuilderOptions {
  /** Length of T_i; intervals start at multiples of it. */
  readonly intervalMs: number;
  /** Length of P, a multiple of intervalMs. */
  readonly periodMs: number;
  /** End of the last interval that is closed already; 0 without one. */
  readonly closedUntilMs: number;
  /** A reading this much older than the newest one is still put in its place. Default 0: readings come in order. */
  readonly latenessMs?: number;
  /**
   * Whether gaps between readings become empty intervals. The fingerprint of an empty interval is the seed of its period, so this is
   * only allowed where a period is one interval and the seed guards nothing else.
   */
  readonly sealEmpty?: boolean;
}

/** What became of the readings; each is in one of these, in the open interval, or held for its place. */
export interface IntervalBuilderCounts {
  /** In closed intervals. */
  fingerprinted: number;
  /** Behind what is hashed already: kept in the log for an amendment, never put into a closed chain. */
  late: number;
  /** The same time and value as a reading at hand. */
  duplicates: number;
  /** The same time as a reading at hand, and another value: the first one stays. */
  conflicts: number;
  /** Another quantity, phase, tariff or kind than the meter's first reading: no sum can be made of both. */
  foreign: number;
  /** Would take the sum of the interval beyond 2^53 - 1. */
  overflowing: number;
}

/** Readings held for their place: beyond it the oldest is hashed before its lateness has passed. */
export const MAX_HELD_READINGS = 4096;

/** Empty intervals made for one gap: a clock that was wrong by years must not seal a million of them. */
export const MAX_EMPTY_INTERVALS = 4096;

interface OpenInterval {
  readonly startMs: number;
  readonly endMs: number;
  readonly periodStartMs: number;
  readonly chain: FingerprintChain;
  readonly root: ReadingsRootStream;
  readonly saltOf: (index: number) => Uint8Array;
  registerEnd: bigint | undefined;
}

/**
 * The readings of one meter cut into intervals (start, end]. An interval closes when a reading says that its time has passed by more than
 * the lateness, or when the clock of a live source says so and the meter has been silent for as long. Memory: one hash chain, the open
 * interval's leaf hashes (32 to 64 bytes a reading: 12 KB for 15 minutes of readings every 5 s), and the readings of the last `latenessMs`.
 */
export class IntervalBuilder {
  readonly counts: IntervalBuilderCounts = {
    fingerprinted: 0,
    late: 0,
    duplicates: 0,
    conflicts: 0,
    foreign: 0,
    overflowing: 0,
  };
  readonly #owner: IntervalOwner;
  readonly #options: Required<IntervalBuilderOptions>;
  /** Not yet hashed, by time; no two of one time. */
  readonly #held: Reading[] = [];
  /** The meter's first reading, for its series. */
  #first: Reading | undefined;
  #newestMs = -1;
  /** When, by a live source's clock, the last reading was there; undefined until the clock says. */
  #heardByMs: number | undefined;
  #lastHashed: Reading | undefined;
  #closedUntilMs: number;
  #open: OpenInterval | undefined;

  /** @throws MeterSourceError METER_OPTION_INVALID */
  constructor(owner: IntervalOwner, options: IntervalBuilderOptions) {
    this.#owner = owner;
    this.#options = { latenessMs: 0, sealEmpty: false, ...options };
    this.#closedUntilMs = options.closedUntilMs;
    const { intervalMs, periodMs, latenessMs, sealEmpty } = this.#options;
    const check = (valid: boolean, option: keyof IntervalBuilderOptions, reason: string): void => {
      if (valid) return;
      throw new MeterSourceError({ code: "METER_OPTION_INVALID", option, value: this.#options[option], reason });
    };
    check(Number.isSafeInteger(intervalMs) && intervalMs > 0, "intervalMs", "must be a positive number of ms");
    check(periodMs > 0 && periodMs % intervalMs === 0, "periodMs", "must be a multiple of intervalMs");
    check(Number.isSafeInteger(latenessMs) && latenessMs >= 0, "latenessMs", "must be a number of ms, at least 0");
    check(!sealEmpty || periodMs === intervalMs, "sealEmpty", "would publish a seed that other intervals rest on");
  }

  /** Whether the reading comes behind what is hashed: for an amendment (amendments.ts), not for `add`, which would only count it. */
  isLate(reading: Reading): boolean {
    const { timestampMs } = reading;
    if (this.#first !== undefined && !isSameSeries(reading, this.#first)) return false;
    if (timestampMs === this.#lastHashed?.timestampMs) return false;
    return timestampMs <= this.#closedUntilMs || timestampMs < (this.#lastHashed?.timestampMs ?? 0);
  }

  /** The intervals that this reading closes, oldest first. */
  add(reading: Reading): readonly ClosedInterval[] {
    if (!this.#place(reading)) return [];
    this.#newestMs = Math.max(this.#newestMs, reading.timestampMs);
    this.#heardByMs = undefined;
    return this.#passTo(this.#newestMs - this.#options.latenessMs);
  }

  /**
   * The intervals that a live source's clock closes. A meter that was away and now delivers what it kept is not silent: its intervals go by
   * its readings' own time until it has sent nothing for longer than the lateness.
   */
  advance(nowMs: number): readonly ClosedInterval[] {
    this.#heardByMs ??= nowMs;
    const horizonMs = nowMs - this.#options.latenessMs;
    return horizonMs > this.#heardByMs ? this.#passTo(horizonMs) : [];
  }

  /** Closes everything, for a source that has ended. */
  end(): readonly ClosedInterval[] {
    const closed: ClosedInterval[] = [];
    for (const next of this.#held.splice(0)) this.#hash(next, closed);
    if (this.#open !== undefined) closed.push(this.#close(this.#open));
    return closed;
  }

  /** Hashes what is held up to this time, and closes what ended before it. */
  #passTo(horizonMs: number): readonly ClosedInterval[] {
    const closed: ClosedInterval[] = [];
    let due = 0;
    while (due < this.#held.length && (this.#held[due] as Reading).timestampMs <= horizonMs) due += 1;
    due = Math.max(due, this.#held.length - MAX_HELD_READINGS);
    for (let i = 0; i < due; i++) this.#hash(this.#held[i] as Reading, closed);
    if (due === this.#held.length) this.#held.length = 0;
    else this.#held.splice(0, due);
    if (this.#open !== undefined && horizonMs > this.#open.endMs) closed.push(this.#close(this.#open));
    return closed;
  }

  /** Puts the reading among the held ones, or counts why it is not. */
  #place(reading: Reading): boolean {
    const { timestampMs, value } = reading;
    this.#first ??= reading;
    if (!isSameSeries(reading, this.#first)) return this.#count("foreign");
    if (timestampMs === this.#lastHashed?.timestampMs)
      return this.#count(value === this.#lastHashed.value ? "duplicates" : "conflicts");
    if (this.isLate(reading)) return this.#count("late");
    let at = this.#held.length;
    while (at > 0 && (this.#held[at - 1] as Reading).timestampMs > timestampMs) at -= 1;
    const before = this.#held[at - 1];
    if (before?.timestampMs === timestampMs) return this.#count(before.value === value ? "duplicates" : "conflicts");
    this.#held.splice(at, 0, reading);
    return true;
  }

  #count(reason: keyof IntervalBuilderCounts): false {
    this.counts[reason] += 1;
    return false;
  }

  #hash(reading: Reading, closed: ClosedInterval[]): void {
    const { timestampMs, value, registerValue } = reading;
    this.#lastHashed = reading;
    if (this.#open !== undefined && timestampMs > this.#open.endMs) closed.push(this.#close(this.#open));
    if (this.#open === undefined) {
      const endMs = Math.ceil(timestampMs / this.#options.intervalMs) * this.#options.intervalMs;
      if (this.#options.sealEmpty) this.#sealGap(endMs, closed);
      this.#open = this.#begin(endMs);
    }
    const { chain, root, saltOf } = this.#open;
    try {
      chain.append(value, timestampMs);
    } catch (error) {
      if (!(error instanceof IntervalError) || error.code !== "INTERVAL_SUM_OVERFLOW") throw error;
      this.#count("overflowing");
      return;
    }
    root.append(saltOf(chain.count - 1), value, timestampMs);
    if (registerValue !== undefined) this.#open.registerEnd = BigInt(registerValue);
  }

  #sealGap(nextEndMs: number, closed: ClosedInterval[]): void {
    const { intervalMs } = this.#options;
    if (this.#closedUntilMs === 0 || nextEndMs - this.#closedUntilMs > MAX_EMPTY_INTERVALS * intervalMs) return;
    for (let endMs = this.#closedUntilMs + intervalMs; endMs < nextEndMs; endMs += intervalMs)
      closed.push(this.#close(this.#begin(endMs)));
  }

  #begin(endMs: number): OpenInterval {
    const startMs = endMs - this.#options.intervalMs;
    const periodStartMs = startMs - (startMs % this.#options.periodMs);
    return {
      startMs,
      endMs,
      periodStartMs,
      chain: new FingerprintChain(periodSeed(this.#owner, periodStartMs)),
      root: new ReadingsRootStream({ keepLeaves: true }),
      saltOf: readingSalts(readingSaltKey(this.#owner, startMs, endMs)),
      registerEnd: undefined,
    };
  }

  #close({ startMs, endMs, periodStartMs, chain, root, registerEnd }: OpenInterval): ClosedInterval {
    this.#open = undefined;
    this.#closedUntilMs = endMs;
    this.counts.fingerprinted += chain.count;
    const sum = BigInt(chain.sum);
    const salt = intervalSumSalt(this.#owner, startMs, endMs);
    const leaves = root.leaves();
    return {
      meterId: this.#owner.meterId,
      startMs,
      endMs,
      periodStartMs,
      count: chain.count,
      sum,
      fingerprint: chain.fingerprint(),
      readingsRoot: root.root(),
      salt,
      commitment: commitSum({ sum, count: chain.count, salt }),
      ...(registerEnd === undefined ? {} : { registerEnd }),
      ...(leaves === undefined ? {} : { leaves }),
    };
  }
}

function isSameSeries(a: Reading, b: Reading): boolean {
  return a.quantity === b.quantity && a.kind === b.kind && a.phase === b.phase && a.tariff === b.tariff;
}
