import { readingLeafHash } from "../types/readingsRoot.ts";

/** What a leaf of the readings root is made of beside its salt. */
export interface Measured {
  /** |value| <= 2^53 - 1. */
  readonly value: number;
  /** Unix ms. */
  readonly timestampMs: number;
}

/** Values on either side of a hint that are tried. */
export const MAX_VALUE_DISTANCE = 50_000;

/** Hashes that may still be made for an interval: a second or so, however much of it was changed. */
export interface SearchBudget {
  left: number;
}

export const MAX_SEARCH_HASHES = 1_000_000;

const VALUE_BITS = 64n;
const TIME_BITS = 48n;

export interface RecoverHints {
  /** What other copies have in its place: a log, another replica, conflict records. */
  readonly copies: readonly Measured[];
  /** What stands in its place now. */
  readonly found: Measured | undefined;
  /** Before and after it, as far as they are what was sealed: a value is near its neighbours'. */
  readonly neighbours: readonly Measured[];
  /** Where time alone tells when it was. */
  readonly timestampMs: number | undefined;
}

/**
 * The reading that was sealed in this place, found by its leaf: among the copies, then what differs from the present one in one bit, then
 * values near the present one and its neighbours. Undefined when it is none of them, or the budget is used up: the leaf tells that a reading
 * is another, not which.
 */
export function recoverReading(
  leafHash: Uint8Array,
  salt: Uint8Array,
  hints: RecoverHints,
  budget: SearchBudget,
): Measured | undefined {
  const wanted = Buffer.from(leafHash);
  for (const candidate of candidates(hints)) {
    if (budget.left <= 0) return undefined;
    budget.left -= 1;
    if (wanted.equals(readingLeafHash(salt, candidate.value, candidate.timestampMs))) return candidate;
  }
  return undefined;
}

function* candidates({ copies, found, neighbours, timestampMs }: RecoverHints): Generator<Measured> {
  yield* copies;
  if (found !== undefined) yield* oneBitOff(found);
  const times = [...new Set([found?.timestampMs, timestampMs].filter((time) => time !== undefined))];
  const middles = [...new Set([found, ...neighbours].flatMap((each) => (each === undefined ? [] : [each.value])))];
  for (let distance = 0; distance <= MAX_VALUE_DISTANCE; distance++)
    for (const time of times)
      for (const middle of middles)
        for (const value of distance === 0 ? [middle] : [middle - distance, middle + distance])
          if (Number.isSafeInteger(value)) yield { value, timestampMs: time };
}

/** All that differ in one bit of the int64 value or of the time, as a disk or a memory changes them. */
export function* oneBitOff({ value, timestampMs }: Measured): Generator<Measured> {
  for (const changed of flipped(BigInt.asUintN(64, BigInt(value)), VALUE_BITS)) {
    const other = Number(BigInt.asIntN(64, changed));
    if (Number.isSafeInteger(other)) yield { value: other, timestampMs };
  }
  for (const changed of flipped(BigInt(timestampMs), TIME_BITS)) yield { value, timestampMs: Number(changed) };
}

function* flipped(number: bigint, bits: bigint): Generator<bigint> {
  for (let bit = 0n; bit < bits; bit++) yield number ^ (1n << bit);
}
