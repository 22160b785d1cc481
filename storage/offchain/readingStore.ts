import { LedgerError } from "../error.ts";
import type { Quantity, Reading, ReadingKind } from "../types/reading.ts";

/** One row of measurements of a meter: everything of idempotencyKey(reading) but the time. */
export interface ReadingSeries {
  readonly meterId: string;
  readonly quantity: Quantity;
  readonly kind: ReadingKind;
  readonly phase: number;
  readonly tariff: number;
}

/** afterMs < timestamp <= untilMs, as in an interval (start, end]; without them, all. */
export interface TimeRange {
  readonly afterMs?: number;
  readonly untilMs?: number;
}

/** "billing" is kept whoever asks; "raw" may be erased. */
export type RetentionClass = "billing" | "raw";

/**
 * What a time of a series holds: the reading that came first, or what an erasure left of it. A tombstone keeps its time, so that the
 * positions of its neighbours in their interval stay what they were, and its leaf hash, so that their proofs do.
 */
export type StoredReading =
  | { readonly type: "reading"; readonly reading: Reading }
  | {
      readonly type: "erased";
      readonly series: ReadingSeries;
      readonly timestampMs: number;
      /** 32 bytes; undefined for a reading that was in no sealed interval. */
      readonly leafHash: Uint8Array | undefined;
    };

/** A reading whose measurement was there already with another value. */
export interface ReadingConflict {
  /** The first one, which stays. */
  readonly kept: Reading;
  readonly rejected: Reading;
}

/** Where the readings of one put went; their sum is the number of readings. */
export interface PutCounts {
  readonly stored: number;
  /** The same measurement with the same value was there. */
  readonly duplicates: number;
  /** The same measurement with another value was there: kept as a conflict record. */
  readonly conflicts: number;
  /** The measurement was erased: it does not come back. */
  readonly erased: number;
}

export interface ErasureCounts {
  /** Readings whose value is gone now. */
  readonly erased: number;
  /** Conflict records removed with them. */
  readonly conflicts: number;
  /** Tombstones of earlier erasures in the range. */
  readonly earlier: number;
}

export interface StoreFault {
  readonly series: ReadingSeries;
  readonly timestampMs: number;
  readonly reason: string;
}

export interface StoreReport {
  readonly series: number;
  readonly readings: number;
  readonly erased: number;
  readonly conflicts: number;
  /** At most MAX_REPORTED_FAULTS of them. */
  readonly faults: readonly StoreFault[];
  readonly faultCount: number;
}

export const MAX_REPORTED_FAULTS = 1000;

/**
 * Where readings rest (D5.1 §4.2.2's off-chain storage layer). Idempotent by idempotencyKey(reading), so what a queue delivers twice is kept
 * once. It holds no salts: those follow from the meter's secret (storage/types/intervalSecrets.ts). Two implementations, one suite
 * (readingStoreSuite.ts).
 */
export interface ReadingStore extends AsyncDisposable {
  /**
   * Resolves when all of them are on disk, on as many replicas as the store promises. The first value of a measurement stays; within one
   * put the first of the list.
   * @throws ReadingStoreError READING_STORE_UNREACHABLE (put them again later: nothing is counted twice), READING_STORE_REFUSED,
   *   READING_STORE_CLOSED; ReadingError READING_FIELD_INVALID
   */
  put(readings: readonly Reading[]): Promise<PutCounts>;

  /** Series of one meter, or of all, in a fixed order. */
  series(meterId?: string): AsyncIterable<ReadingSeries>;

  /** By time. @throws ReadingStoreError READING_STORE_UNREACHABLE, READING_STORE_CORRUPT, READING_STORE_CLOSED */
  read(series: ReadingSeries, range?: TimeRange): AsyncIterable<StoredReading>;

  /** By time, then by value. @throws as read */
  conflicts(series: ReadingSeries, range?: TimeRange): AsyncIterable<ReadingConflict>;

  /**
   * Removes the readings of the range, the conflict records about them, and everything else that would tell a value, on every replica, and
   * leaves tombstones. `leafHashOf` gives the readings-root leaf of a reading that is in a sealed interval, undefined for any other. Doing
   * it again after a failure goes on where it stopped.
   * @throws ReadingStoreError READING_STORE_RETENTION_KEPT for a series of class "billing", READING_STORE_UNREACHABLE unless every replica
   *   took it, READING_STORE_CLOSED
   */
  erase(
    series: ReadingSeries,
    range: TimeRange,
    leafHashOf: (reading: Reading) => Uint8Array | undefined,
  ): Promise<ErasureCounts>;

  retentionOf(series: ReadingSeries): RetentionClass;

  /** Reads everything and compares each record with the place it stands at. @throws ReadingStoreError READING_STORE_UNREACHABLE, READING_STORE_CLOSED */
  verify(): Promise<StoreReport>;

  /** Waits for what is being written. Closing twice is allowed. */
  close(): Promise<void>;
}

export type ReadingStoreErrorDetails =
  /** The store does not answer, or too few replicas do. What was put may be there or not: put it again. */
  | { readonly code: "READING_STORE_UNREACHABLE"; readonly reason: string }
  /** The store will not take this however often it is tried. */
  | { readonly code: "READING_STORE_REFUSED"; readonly reason: string }
  | { readonly code: "READING_STORE_RETENTION_KEPT"; readonly meterId: string; readonly quantity: Quantity }
  /** A record is not what was written. */
  | {
      readonly code: "READING_STORE_CORRUPT";
      readonly meterId: string;
      readonly quantity: Quantity;
      readonly timestampMs: number;
      readonly reason: string;
    }
  | { readonly code: "READING_STORE_CLOSED" };

export class ReadingStoreError extends LedgerError<ReadingStoreErrorDetails> {}

export function seriesOf({ meterId, quantity, kind, phase, tariff }: Reading): ReadingSeries {
  return { meterId, quantity, kind, phase, tariff };
}

/** One text for one series, for maps and logs. Meter ids have no spaces. */
export function seriesName({ meterId, quantity, kind, phase, tariff }: ReadingSeries): string {
  return `${meterId} ${quantity} ${kind} ${phase} ${tariff}`;
}
