import { timingSafeEqual } from "node:crypto";
import { sha256 } from "../crypto/hash.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { expectBytes, IntervalError, MAX_INTERVAL_READINGS } from "./interval.ts";

/** Layouts: the table in interval.ts. */
const PERIOD_CLEAR_PREFIX = 0x11;
const SUM_COMMITMENT_PREFIX = 0x12;
const PERIOD_COMMITTED_PREFIX = 0x13;

const INT64_MAX = 2n ** 63n - 1n;

/** What opens a sum commitment. */
export interface SumOpening {
  /** int64. */
  readonly sum: bigint;
  /** uint32. */
  readonly count: number;
  /** 32 bytes that nobody can guess: the sum of an interval has far too few values to be hidden by the hash alone. */
  readonly salt: Uint8Array;
}

/**
 * H^{T_i} of D5.1 Fig. 23 for an interval whose sum is public. previous: H^{T_{i-1}}, or what the chain starts from.
 * @throws IntervalError INTERVAL_BYTES_LENGTH, INTERVAL_NUMBER_OUT_OF_RANGE
 */
export function periodHashClear(fingerprint: Uint8Array, sum: bigint, count: number, previous: Uint8Array): Uint8Array {
  expectBytes("fingerprint", fingerprint, 32);
  expectBytes("previous", previous, 32);
  const input = Buffer.allocUnsafe(77);
  input[0] = PERIOD_CLEAR_PREFIX;
  input.set(fingerprint, 1);
  writeSum(input, sum, count, 33);
  input.set(previous, 45);
  return sha256(input);
}

/** H^{T_i} for an interval whose sum is committed. @throws as periodHashClear */
export function periodHashCommitted(
  fingerprint: Uint8Array,
  commitment: Uint8Array,
  count: number,
  previous: Uint8Array,
): Uint8Array {
  expectBytes("fingerprint", fingerprint, 32);
  expectBytes("commitment", commitment, 32);
  expectBytes("previous", previous, 32);
  const input = Buffer.allocUnsafe(101);
  input[0] = PERIOD_COMMITTED_PREFIX;
  input.set(fingerprint, 1);
  input.set(commitment, 33);
  writeCount(input, count, 65);
  input.set(previous, 69);
  return sha256(input);
}

/** @throws IntervalError INTERVAL_BYTES_LENGTH, INTERVAL_NUMBER_OUT_OF_RANGE */
export function commitSum({ sum, count, salt }: SumOpening): Uint8Array {
  expectBytes("salt", salt, 32);
  const input = Buffer.allocUnsafe(45);
  input[0] = SUM_COMMITMENT_PREFIX;
  input.set(salt, 1);
  writeSum(input, sum, count, 33);
  return sha256(input);
}

/** Whether the opening is the one committed to; for openings from outside, so it returns a verdict. */
export function verifySumOpening(commitment: Uint8Array, opening: SumOpening): Verdict {
  const { sum, count, salt } = opening;
  if (salt.length !== 32) return rejected("SUM_OPENING_MALFORMED", `the salt has ${salt.length} bytes, not 32`);
  if (!isInt64(sum)) return rejected("SUM_OPENING_MALFORMED", "the sum is not an int64");
  if (!isCount(count)) return rejected("SUM_OPENING_MALFORMED", "the count is not a uint32");
  if (commitment.length !== 32 || !timingSafeEqual(commitment, commitSum(opening)))
    return rejected("SUM_OPENING_MISMATCH", "the commitment is to another sum, count or salt");
  return ACCEPTED;
}

function writeSum(input: Buffer, sum: bigint, count: number, offset: number): void {
  if (!isInt64(sum)) throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field: "sum", value: sum });
  input.writeBigInt64BE(sum, offset);
  writeCount(input, count, offset + 8);
}

function writeCount(input: Buffer, count: number, offset: number): void {
  if (!isCount(count)) throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field: "count", value: count });
  input.writeUInt32BE(count, offset);
}

function isInt64(sum: bigint): boolean {
  return sum >= -INT64_MAX - 1n && sum <= INT64_MAX;
}

function isCount(count: number): boolean {
  return Number.isInteger(count) && count >= 0 && count <= MAX_INTERVAL_READINGS;
}
