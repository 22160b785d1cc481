import { createHmac } from "node:crypto";
import { sha256 } from "../crypto/hash.ts";
import { expectBytes, IntervalError } from "./interval.ts";
import { derive, type IntervalOwner } from "./intervalSecrets.ts";
import { isMeterId } from "./reading.ts";

/**
 * The bytes behind MsgAmendInterval. An amendment has a fingerprint, a readings root and a sum of its own, made as an interval's
 * (table in interval.ts) from other secrets, so that none of its bytes is ever equal to one of the interval:
 *
 * | what | bytes |
 * |---|---|
 * | seed of amendment n, from 1 | `HMAC(period seed, 0x18 ‖ uint64 startMs ‖ uint64 endMs ‖ uint64 n ‖ previous fingerprint)` |
 * | salt key of its readings | `HMAC(secret, 0x19 ‖ name ‖ uint64 startMs ‖ uint64 endMs ‖ uint64 n)` |
 * | salt of its sum | `HMAC(secret, 0x1a ‖ name ‖ uint64 startMs ‖ uint64 endMs ‖ uint64 n)` |
 * | origin of the amendments hash | `SHA256(0x1b ‖ meter id, ASCII ‖ int64 startMs ‖ int64 endMs)` |
 * | amendments hash | the period hash (0x11 or 0x13) of the amendment's fingerprint, sum and count, previous = that of n - 1, or the origin |
 *
 * The previous fingerprint is the sealed interval's or that of amendment n - 1, so that amendments are a chain that begins at the interval.
 * It is public and a late reading has few possible values: without the period's seed the fingerprint would be a reading to be guessed.
 * Whoever may audit the period has that seed, and needs no other secret. Vectors: storage/testdata/fingerprint.json.
 */
const AMENDMENT_SEED_PREFIX = 0x18;
const AMENDMENT_SALT_KEY_PREFIX = 0x19;
const AMENDMENT_SUM_SALT_PREFIX = 0x1a;
const AMENDMENTS_ORIGIN_PREFIX = 0x1b;

/** Which amendment of which interval of a meter. */
export interface AmendmentPosition {
  readonly startMs: number;
  readonly endMs: number;
  /** From 1. */
  readonly amendment: number;
}

/**
 * What the fingerprint chain of the amendment begins with, 32 bytes. periodSeed: of the period the interval lies in.
 * @throws IntervalError INTERVAL_BYTES_LENGTH, INTERVAL_NUMBER_OUT_OF_RANGE
 */
export function amendmentSeed(
  periodSeed: Uint8Array,
  position: AmendmentPosition,
  previousFingerprint: Uint8Array,
): Uint8Array {
  expectBytes("periodSeed", periodSeed, 32);
  expectBytes("previousFingerprint", previousFingerprint, 32);
  const input = Buffer.alloc(57);
  input[0] = AMENDMENT_SEED_PREFIX;
  for (const [index, value] of numbersOf(position).entries()) input.writeBigUInt64BE(BigInt(value), 1 + 8 * index);
  input.set(previousFingerprint, 25);
  return new Uint8Array(createHmac("sha256", periodSeed).update(input).digest());
}

/** Key of the salts of the amendment's readings, for `readingSalts`. @throws as periodSeed */
export function amendmentSaltKey(owner: IntervalOwner, position: AmendmentPosition): Uint8Array {
  return derive(owner, AMENDMENT_SALT_KEY_PREFIX, numbersOf(position));
}

/** Salt of the amendment's sum commitment. @throws as periodSeed */
export function amendmentSumSalt(owner: IntervalOwner, position: AmendmentPosition): Uint8Array {
  return derive(owner, AMENDMENT_SUM_SALT_PREFIX, numbersOf(position));
}

/** What the hash over an interval's amendments is chained to. @throws IntervalError INTERVAL_NAME_INVALID, INTERVAL_NUMBER_OUT_OF_RANGE */
export function amendmentsOrigin(meterId: string, startMs: number, endMs: number): Uint8Array {
  if (!isMeterId(meterId)) throw new IntervalError({ code: "INTERVAL_NAME_INVALID", field: "meterId", value: meterId });
  const input = Buffer.alloc(17 + meterId.length);
  input[0] = AMENDMENTS_ORIGIN_PREFIX;
  input.write(meterId, 1, "latin1");
  for (const [index, value] of [startMs, endMs].entries())
    input.writeBigInt64BE(BigInt(safeNumber(value, "timeMs")), 1 + meterId.length + 8 * index);
  return sha256(input);
}

function numbersOf({ startMs, endMs, amendment }: AmendmentPosition): readonly number[] {
  return [safeNumber(startMs, "timeMs"), safeNumber(endMs, "timeMs"), safeNumber(amendment, "amendment")];
}

function safeNumber(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field, value });
}
