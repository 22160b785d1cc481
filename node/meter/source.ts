import { LedgerError } from "#storage/error.ts";
import type { Reading } from "#storage/types/reading.ts";

/** Why a row or message of a source is no reading. Every one of them is counted; none is dropped silently. */
export const REJECTION_REASONS = [
  /** Not as many columns as the header. */
  "column-count",
  "bad-meter-id",
  "bad-timestamp",
  /** The source says that there is no value. */
  "null-value",
  /** A timestamp that is no multiple of the source's period. */
  "off-grid",
  "not-a-number",
  /** Consumption cannot be negative. */
  "negative",
  /** More than the fuse of the connection lets through. */
  "over-limit",
  /** The same meter and time as an earlier row with another value: the first stays. */
  "conflict",
  /** The checksum of the frame is wrong, or missing where the protocol has one. */
  "crc-wrong",
  /** A frame that lost bytes: cut off, begun in its middle, or run into another. */
  "truncated",
  /** A frame, or a text in it, beyond its limit. */
  "too-long",
  /** Not in a form of the protocol that is known here. */
  "unknown-format",
  /** Ciphered, and there is no key for it or the key does not fit. */
  "undecryptable",
  /** A value or time that stands for none: 632525252525W, 0xffff, an id of zeros. */
  "sentinel",
  /** The object is there, its value is not. */
  "empty-value",
  "unknown-unit",
  /** A measured value for which readings have no quantity: reactive power, power factor, objects of the maker's own. */
  "unknown-quantity",
  /** The meter's clock is further ahead of the receiver's than is allowed. */
  "clock-ahead",
  /** The meter's clock is further behind the receiver's than is allowed. */
  "clock-behind",
  /** Does not fit what the same meter said before: a register that falls, or an energy that its power cannot have moved. */
  "implausible",
  /** Another device answers than the one that was named, or that answered before. */
  "wrong-device",
  /** The meter says of its own value that it is wrong. */
  "meter-fault",
  /** A signed value whose signature does not hold under the key of its meter. */
  "signature-wrong",
  /** More messages of a device for the same second than it is allowed. */
  "flood",
  /** A device that meters.json does not name. */
  "unknown-meter",
  /** A channel that meters.json says to ignore. */
  "ignored",
  /** Sooner after the one before than meters.json asks for. */
  "sampled-out",
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

export type SourceItem =
  /** durable: called once the reading is on disk, or was there already, so that its sender may be told; never when storing it failed. */
  | { readonly type: "reading"; readonly reading: Reading; readonly durable?: () => void }
  /** The same meter, time and value once more. row: from 1, without the header. */
  | {
      readonly type: "duplicate";
      readonly row: number;
      readonly meterId: string;
      readonly timestampMs: number;
      /** As that of a reading: what it repeats may be on its way to the disk still. */
      readonly durable?: () => void;
    }
  | { readonly type: "rejected"; readonly row: number; readonly reason: RejectionReason; readonly text: string }
  /**
   * Of live sources, again and again, also while no meter sends: it is `nowMs` for the meters, Unix ms, and every reading that was there by
   * then has been yielded. It closes the intervals of meters that fell silent. A file has none: its readings alone move time on.
   */
  | { readonly type: "time"; readonly nowMs: number };

/** Where every row went: rows = accepted + duplicates + the sum of rejected. */
export interface SourceAccount {
  readonly rows: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: Readonly<Record<RejectionReason, number>>;
  /** Periods between the first and the last reading of a meter for which there is none, over all meters. */
  readonly gaps: number;
  readonly meters: number;
  /** Exact sum of the accepted values, mWh. */
  readonly acceptedMwh: bigint;
}

/** Anything that yields readings. A source is read once. */
export interface MeterSource {
  /** Ends when the source is exhausted or the signal is aborted. @throws MeterSourceError */
  readings(signal: AbortSignal): AsyncIterable<SourceItem>;
  /** The state of the account now; final once `readings` has ended. */
  account(): SourceAccount;
}

export type MeterSourceErrorDetails =
  | {
      readonly code: "METER_CSV_HEADER_UNKNOWN";
      readonly path: string;
      readonly header: string;
      readonly accepted: readonly string[];
    }
  | { readonly code: "METER_CSV_EMPTY"; readonly path: string }
  | { readonly code: "METER_CSV_UNREADABLE"; readonly path: string; readonly reason: string }
  | { readonly code: "METER_FILE_MALFORMED"; readonly path: string; readonly reason: string }
  | {
      readonly code: "METER_OPTION_INVALID";
      readonly option: string;
      readonly value: unknown;
      readonly reason: string;
    };

export class MeterSourceError extends LedgerError<MeterSourceErrorDetails> {}

/** Keeps the account of a source. */
export class SourceTally {
  #rows = 0;
  #accepted = 0;
  #duplicates = 0;
  readonly #rejected = Object.fromEntries(REJECTION_REASONS.map((reason) => [reason, 0])) as Record<
    RejectionReason,
    number
  >;
  /** Below 2^52; carried over into the bigint, which would cost more per row than all the rest. */
  #recentMwh = 0;
  #carriedMwh = 0n;

  accept(valueMwh: number): void {
    this.#rows += 1;
    this.#accepted += 1;
    this.#recentMwh += valueMwh;
    if (Math.abs(this.#recentMwh) < 2 ** 52) return;
    this.#carriedMwh += BigInt(this.#recentMwh);
    this.#recentMwh = 0;
  }

  duplicate(): void {
    this.#rows += 1;
    this.#duplicates += 1;
  }

  reject(reason: RejectionReason): void {
    this.#rows += 1;
    this.#rejected[reason] += 1;
  }

  get rows(): number {
    return this.#rows;
  }

  account(others: { readonly gaps: number; readonly meters: number }): SourceAccount {
    return {
      rows: this.#rows,
      accepted: this.#accepted,
      duplicates: this.#duplicates,
      rejected: { ...this.#rejected },
      acceptedMwh: this.#carriedMwh + BigInt(this.#recentMwh),
      ...others,
    };
  }
}
