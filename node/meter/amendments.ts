import { MAX_INTERVAL_AMENDMENTS } from "#storage/limits.ts";
import { amendmentSaltKey, amendmentSeed, amendmentSumSalt } from "#storage/types/amendment.ts";
import { FingerprintChain, type Interval, IntervalError } from "#storage/types/interval.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { type IntervalOwner, periodSeed, readingSalts } from "#storage/types/intervalSecrets.ts";
import { compareReadings, type Reading } from "#storage/types/reading.ts";
import { ReadingsRootStream } from "#storage/types/readingsRoot.ts";
import { UnsealedReadings, type UnsealedReason, type UnsealedRun } from "./unsealed.ts";

/** Late readings of one closed interval, with what opens their commitment. Count, sum, hashes and salt are of these readings alone. */
export interface ClosedAmendment extends Omit<Interval, "registerEnd"> {
  /** From 1. */
  readonly amendment: number;
  /** Of the interval, or of the amendment before. */
  readonly previousFingerprint: Uint8Array;
  readonly salt: Uint8Array;
  readonly commitment: Uint8Array;
  /** Which readings they are: increasing. */
  readonly timestampsMs: readonly number[];
  /** As those of a ClosedInterval. */
  readonly leaves?: Uint8Array;
}

/** A closed interval of the outbox with its amendments, in order. */
export interface AmendedInterval {
  readonly interval: Interval;
  readonly amendments: readonly ClosedAmendment[];
}

export interface AmendmentsOptions {
  readonly ledgerId: string;
  readonly intervalMs: number;
  /** An amendment is closed when no late reading of its interval has come for this long; twice as long for each amendment there is already. */
  readonly quietMs: number;
}

export interface AmendmentsParts {
  secretOf(meterId: string): Uint8Array;
  closedUntilMs(meterId: string): number;
  /** End of the first interval of the meter that was ever closed, 0 without one. */
  firstEndMs(meterId: string): number;
  /** Undefined when no interval with this end was ever closed. */
  amendedInterval(meterId: string, endMs: number): Promise<AmendedInterval | undefined>;
}

export interface AmendmentCounts {
  /** In closed amendments. */
  amended: number;
  /** Kept in the log, and can be sealed no more (unsealed.ts). */
  orphaned: number;
}

/** Late readings that wait, about 0.5 KB each; beyond it amendments close without waiting for quiet. */
export const MAX_WAITING_LATE_READINGS = 50_000;

interface Waiting {
  readonly meterId: string;
  readonly endMs: number;
  readonly readings: Reading[];
  /** When the last one came, by the clock of the source. */
  touchedMs: number | undefined;
}

/**
 * Gathers what came too late for its interval, and makes amendments of it: the interval on the ledger stays as it is. Every late reading is in exactly
 * one amendment, also after a crash: the amendments in the outbox say which readings they have.
 */
export class Amendments {
  readonly counts: AmendmentCounts = { amended: 0, orphaned: 0 };
  readonly #options: AmendmentsOptions;
  readonly #parts: AmendmentsParts;
  readonly #waiting = new Map<string, Waiting>();
  readonly #unsealed = new UnsealedReadings();
  #size = 0;

  constructor(options: AmendmentsOptions, parts: AmendmentsParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** What is kept and cannot be sealed, of this meter or of all. */
  unsealed(meterId?: string): readonly UnsealedRun[] {
    return this.#unsealed.list(meterId);
  }

  /** reading: in the log, and in no interval. */
  add(reading: Reading): void {
    const { meterId, timestampMs } = reading;
    const { intervalMs } = this.#options;
    const endMs = Math.ceil(timestampMs / intervalMs) * intervalMs;
    const key = `${meterId} ${endMs}`;
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = { meterId, endMs, readings: [], touchedMs: undefined };
      this.#waiting.set(key, waiting);
    }
    waiting.readings.push(reading);
    waiting.touchedMs = undefined;
    this.#size += 1;
  }

  /** After the log has been read: what is in an amendment already waits no longer, and what can be in none is listed as such. */
  async dropAmended(): Promise<void> {
    for (const [key, waiting] of this.#waiting) {
      const amended = await this.#parts.amendedInterval(waiting.meterId, waiting.endMs);
      const times = new Set(amended?.amendments.flatMap(({ timestampsMs }) => timestampsMs));
      const left = waiting.readings.filter(({ timestampMs }) => !times.has(timestampMs));
      this.#size += left.length - waiting.readings.length;
      const isOpen = this.#parts.closedUntilMs(waiting.meterId) < waiting.endMs;
      const reason = isOpen ? undefined : this.#whyNone(waiting, amended);
      if (reason !== undefined) {
        this.#size -= left.length;
        this.#list(waiting.meterId, reason, left);
      }
      if (left.length === 0 || reason !== undefined) this.#waiting.delete(key);
      else waiting.readings.splice(0, waiting.readings.length, ...left);
    }
  }

  /** The amendments whose intervals are closed and have been quiet for long enough. */
  async advance(nowMs: number): Promise<readonly ClosedAmendment[]> {
    if (this.#waiting.size === 0) return [];
    const closed: ClosedAmendment[] = [];
    for (const [key, waiting] of this.#waiting) {
      waiting.touchedMs ??= nowMs;
      const isFull = this.#size > MAX_WAITING_LATE_READINGS;
      if (!isFull && nowMs - waiting.touchedMs <= this.#options.quietMs) continue;
      const amendment = await this.#close(key, waiting, isFull ? Number.POSITIVE_INFINITY : nowMs);
      if (amendment !== undefined) closed.push(amendment);
    }
    return closed;
  }

  /** All that can be closed, for a source that has ended. */
  end(): Promise<readonly ClosedAmendment[]> {
    return this.advance(Number.POSITIVE_INFINITY);
  }

  async #close(key: string, waiting: Waiting, nowMs: number): Promise<ClosedAmendment | undefined> {
    const { meterId, endMs, readings, touchedMs = nowMs } = waiting;
    // Late for what is hashed of it, but the interval itself is open still.
    if (this.#parts.closedUntilMs(meterId) < endMs) return undefined;
    const amended = await this.#parts.amendedInterval(meterId, endMs);
    const reason = this.#whyNone(waiting, amended);
    const before = amended?.amendments.length ?? 0;
    if (reason === undefined && nowMs - touchedMs <= this.#options.quietMs * 2 ** before) return undefined;
    this.#waiting.delete(key);
    this.#size -= readings.length;
    if (amended === undefined || reason !== undefined) {
      this.#keep(meterId, reason ?? "gap", readings);
      return undefined;
    }
    const owner = { ledgerId: this.#options.ledgerId, meterId, secret: this.#parts.secretOf(meterId) };
    const amendment = amendmentOf(owner, amended, readings);
    this.counts.amended += amendment.count;
    const taken = new Set(amendment.timestampsMs);
    this.#keep(
      meterId,
      "sum-full",
      readings.filter(({ timestampMs }) => !taken.has(timestampMs)),
    );
    return amendment;
  }

  /** Why no amendment can hold them; undefined: one can. Their interval is not open. */
  #whyNone({ meterId, endMs }: Waiting, amended: AmendedInterval | undefined): UnsealedReason | undefined {
    if (amended === undefined) return endMs < this.#parts.firstEndMs(meterId) ? "before-first-interval" : "gap";
    return amended.amendments.length >= MAX_INTERVAL_AMENDMENTS ? "amendments-full" : undefined;
  }

  #keep(meterId: string, reason: UnsealedReason, readings: readonly Reading[]): void {
    this.counts.orphaned += readings.length;
    this.#list(meterId, reason, readings);
  }

  #list(meterId: string, reason: UnsealedReason, readings: readonly Reading[]): void {
    const times = readings.map(({ timestampMs }) => timestampMs);
    this.#unsealed.add(meterId, reason, times);
  }
}

/** The next amendment of the interval, in the order of compareReadings. A reading that its sum has no room for is left out. */
export function amendmentOf(
  owner: IntervalOwner,
  { interval, amendments }: AmendedInterval,
  late: readonly Reading[],
): ClosedAmendment {
  const { meterId, startMs, endMs, periodStartMs } = interval;
  const amendment = amendments.length + 1;
  const position = { startMs, endMs, amendment };
  const previousFingerprint = (amendments.at(-1) ?? interval).fingerprint;
  const chain = new FingerprintChain(amendmentSeed(periodSeed(owner, periodStartMs), position, previousFingerprint));
  const root = new ReadingsRootStream({ keepLeaves: true });
  const saltOf = readingSalts(amendmentSaltKey(owner, position));
  const timestampsMs: number[] = [];
  for (const { value, timestampMs } of late.toSorted(compareReadings)) {
    try {
      chain.append(value, timestampMs);
    } catch (error) {
      if (!(error instanceof IntervalError) || error.code !== "INTERVAL_SUM_OVERFLOW") throw error;
      continue;
    }
    root.append(saltOf(chain.count - 1), value, timestampMs);
    timestampsMs.push(timestampMs);
  }
  const sum = BigInt(chain.sum);
  const salt = amendmentSumSalt(owner, position);
  const leaves = root.leaves();
  return {
    ...{ meterId, startMs, endMs, periodStartMs, amendment, previousFingerprint, timestampsMs, salt, sum },
    count: chain.count,
    fingerprint: chain.fingerprint(),
    readingsRoot: root.root(),
    commitment: commitSum({ sum, count: chain.count, salt }),
    ...(leaves === undefined ? {} : { leaves }),
  };
}
