import { hash } from "node:crypto";
import { MAX_CHAIN_ID_BYTES } from "../limits.ts";
import { expectBytes, IntervalError, MAX_INTERVAL_READINGS } from "./interval.ts";
import { isMeterId } from "./reading.ts";

/**
 * Everything secret about an interval comes from one secret of the meter, so that a node that lost its memory computes the same bytes again.
 * Layouts: the table in interval.ts.
 *
 * The secret stays with the meter's owner. An auditor of a period is given that period's seed, a store is given salts. What a store erases
 * (value and salt of one reading) is gone for everyone but the owner, unless the seed was given out too: with the seed and all other
 * readings, a value of low entropy can be found again by trying.
 */
const PERIOD_SEED_PREFIX = 0x14;
const SALT_KEY_PREFIX = 0x15;
const SUM_SALT_PREFIX = 0x16;

/** Bytes of a meter's secret: less would be guessable, and all secrets of this program have this length. */
export const METER_SECRET_BYTES = 32;

/** Whose interval it is: the same meter on another ledger has other seeds and salts. */
export interface IntervalOwner {
  /** The chain id, 1..50 bytes of UTF-8. */
  readonly ledgerId: string;
  readonly meterId: string;
  /** METER_SECRET_BYTES bytes. */
  readonly secret: Uint8Array;
}

/**
 * HASH_SEED of D5.1 for the period that starts at `periodStartMs`: 32 bytes.
 * @throws IntervalError INTERVAL_NAME_INVALID, INTERVAL_BYTES_LENGTH, INTERVAL_NUMBER_OUT_OF_RANGE
 */
export function periodSeed(owner: IntervalOwner, periodStartMs: number): Uint8Array {
  return derive(owner, PERIOD_SEED_PREFIX, [periodStartMs]);
}

/** Key of the salts of the interval's readings, 32 bytes. @throws as periodSeed */
export function readingSaltKey(owner: IntervalOwner, startMs: number, endMs: number): Uint8Array {
  return derive(owner, SALT_KEY_PREFIX, [startMs, endMs]);
}

/** Salt of the interval's sum commitment, 32 bytes. @throws as periodSeed */
export function intervalSumSalt(owner: IntervalOwner, startMs: number, endMs: number): Uint8Array {
  return derive(owner, SUM_SALT_PREFIX, [startMs, endMs]);
}

/** Salt of the reading with this position in its interval, counted from 0: 32 bytes. @throws as readingSalts */
export function readingSalt(saltKey: Uint8Array, index: number): Uint8Array {
  return readingSalts(saltKey)(index);
}

/**
 * The salts of one interval, for all its readings in turn: 0.7 million readings/s salted and rooted against 0.07 million with
 * `createHmac` (Node 24.21), which would be most of a reading's cost.
 * @throws IntervalError INTERVAL_BYTES_LENGTH unless the key has 32 bytes, INTERVAL_NUMBER_OUT_OF_RANGE for an index that is no uint32
 */
export function readingSalts(saltKey: Uint8Array): (index: number) => Uint8Array {
  expectBytes("saltKey", saltKey, 32);
  const message = Buffer.allocUnsafe(4);
  const hmac = keyedHmac(saltKey, message.length);
  return (index) => {
    if (!Number.isInteger(index) || index < 0 || index >= MAX_INTERVAL_READINGS)
      throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field: "index", value: index });
    message.writeUInt32BE(index);
    return hmac(message);
  };
}

/**
 * HMAC-SHA256 by its definition (RFC 2104) on `crypto.hash`, with both pads in place, for a key of 32 bytes and messages of one length. Out of Node's
 * pool of buffers: thousands of meters have one each, and memory of its own for each is what would make a reading dearer with more meters.
 */
function keyedHmac(key: Uint8Array, messageBytes: number): (message: Uint8Array) => Uint8Array {
  const inner = Buffer.allocUnsafe(64 + messageBytes).fill(0x36);
  const outer = Buffer.allocUnsafe(96).fill(0x5c);
  for (let i = 0; i < key.length; i++) {
    inner[i] = (key[i] as number) ^ 0x36;
    outer[i] = (key[i] as number) ^ 0x5c;
  }
  return (message) => {
    inner.set(message, 64);
    outer.write(hash("sha256", inner, "binary"), 64, "latin1");
    return new Uint8Array(Buffer.from(hash("sha256", outer, "binary"), "latin1"));
  };
}

/** `HMAC(secret, prefix ‖ name ‖ uint64 …)`: for this file and amendment.ts. @throws as periodSeed */
export function derive(
  { ledgerId, meterId, secret }: IntervalOwner,
  prefix: number,
  timesMs: readonly number[],
): Uint8Array {
  expectBytes("secret", secret, METER_SECRET_BYTES);
  const ledger = Buffer.from(ledgerId, "utf8");
  if (ledger.length === 0 || ledger.length > MAX_CHAIN_ID_BYTES)
    throw new IntervalError({ code: "INTERVAL_NAME_INVALID", field: "ledgerId", value: ledgerId });
  if (!isMeterId(meterId)) throw new IntervalError({ code: "INTERVAL_NAME_INVALID", field: "meterId", value: meterId });
  const meter = Buffer.from(meterId, "latin1");
  const message = Buffer.alloc(3 + ledger.length + meter.length + 8 * timesMs.length);
  message[0] = prefix;
  message[1] = ledger.length;
  message.set(ledger, 2);
  message[2 + ledger.length] = meter.length;
  message.set(meter, 3 + ledger.length);
  let offset = 3 + ledger.length + meter.length;
  for (const timeMs of timesMs) {
    if (!Number.isSafeInteger(timeMs) || timeMs < 0)
      throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field: "timeMs", value: timeMs });
    offset = message.writeBigUInt64BE(BigInt(timeMs), offset);
  }
  return keyedHmac(secret, message.length)(message);
}
