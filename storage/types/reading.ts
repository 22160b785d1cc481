import { LedgerError } from "../error.ts";
import { MAX_METER_ID_CHARS } from "../limits.ts";

/** What is measured; the unit of `value` follows from it. The position in the list is the code on the wire. */
export const QUANTITIES = [
  "activeEnergyImport", // mWh
  "activeEnergyExport", // mWh
  "activePower", // mW, positive from the grid
  "reactiveEnergyImport", // mvarh
  "reactiveEnergyExport", // mvarh
  "voltage", // mV
  "current", // mA
  "frequency", // mHz
  "stateOfCharge", // thousandths of a percent
  "gasVolume", // mL
  "waterVolume", // mL
  "heat", // kJ
] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** register is cumulative, interval is what flowed in the period before the timestamp. */
export const READING_KINDS = ["register", "interval", "instant", "average", "max"] as const;
export type ReadingKind = (typeof READING_KINDS)[number];

/** Whose clock gave the timestamp. */
export const TIME_SOURCES = ["meter", "concentrator", "network", "receiver"] as const;
export type TimeSource = (typeof TIME_SOURCES)[number];

export const TIME_QUALITIES = ["synced", "dst-ambiguous", "no-zone", "drifting"] as const;
export type TimeQuality = (typeof TIME_QUALITIES)[number];

/** Quality bits; none set means good. */
export const QUALITY = {
  SUSPECT: 1 << 0,
  ESTIMATED: 1 << 1,
  REPLACED: 1 << 2,
  CRC_ABSENT: 1 << 3,
  OUT_OF_ORDER: 1 << 4,
  LATE: 1 << 5,
  RESET: 1 << 6,
  ROLLOVER: 1 << 7,
} as const;
const QUALITY_MASK = 0xff;

/** One value of one meter (research/data.md §1), the same whatever protocol brought it. */
export interface Reading {
  /** Scheme-prefixed, printable ASCII without spaces, at most MAX_METER_ID_CHARS: "lcl:MAC000002". */
  readonly meterId: string;
  readonly quantity: Quantity;
  readonly kind: ReadingKind;
  /** 0 = all phases together, else 1..3. */
  readonly phase: number;
  /** 0 = total register, else the meter's own tariff number 1..4. */
  readonly tariff: number;
  /** Signed integer in the unit of the quantity, |value| <= 2^53 - 1. */
  readonly value: number;
  /** End of the period, Unix ms UTC. */
  readonly timestampMs: number;
  /** Length of the period for interval, average and max; 0 otherwise. */
  readonly periodMs: number;
  /** The receiver's clock when the bytes came in, Unix ms UTC. */
  readonly receivedMs: number;
  readonly timeSource: TimeSource;
  readonly timeQuality: TimeQuality;
  /** Frame counter, invoke id or telegram ordinal of the source, where it has one. */
  readonly seq?: number;
  /** Cumulative register at the timestamp, where the meter shows one beside an interval value. 0..2^53 - 1. */
  readonly registerValue?: number;
  /** Sum of QUALITY bits. */
  readonly quality: number;
  /** SHA-256 of the exact bytes received. */
  readonly rawHash: Uint8Array;
}

export type ReadingErrorDetails =
  | { readonly code: "READING_FIELD_INVALID"; readonly field: keyof Reading; readonly value: unknown }
  | { readonly code: "READING_VERSION_UNKNOWN"; readonly version: number }
  | { readonly code: "READING_FLAGS_UNKNOWN"; readonly flags: number }
  | { readonly code: "READING_LENGTH_WRONG"; readonly length: number; readonly expected: number };

export class ReadingError extends LedgerError<ReadingErrorDetails> {}

/** Periods are kept in a uint32: up to 49 days. */
export const MAX_READING_PERIOD_MS = 2 ** 32 - 1;
/** Year 9999: later is a broken clock, and every Date of the program can show it. */
export const MAX_READING_TIME_MS = 253_402_300_799_999;

/**
 * Version 1 of the record, big-endian, 85 bytes before the meter id:
 *   0 uint8 version = 1 · 1 uint8 quantity · 2 uint8 kind · 3 uint8 phase << 4 | tariff · 4 uint8 timeSource << 4 | timeQuality
 *   5 uint8 flags (1 = seq, 2 = registerValue; an absent field is zero) · 6 uint16 quality · 8 int64 value · 16 uint64 timestampMs
 *   24 uint32 periodMs · 28 uint64 receivedMs · 36 uint64 seq · 44 uint64 registerValue · 52 rawHash (32)
 *   84 uint8 length of the meter id · 85 meter id, ASCII
 */
const READING_VERSION = 1;
const FIXED_BYTES = 85;
/** Where the meter id stands, up to the end of the record: a scan compares it without decoding. */
export const READING_METER_ID_OFFSET = FIXED_BYTES;
const FLAG_SEQ = 1;
const FLAG_REGISTER = 2;
export const MAX_READING_BYTES = FIXED_BYTES + MAX_METER_ID_CHARS;

const METER_ID = /^[\x21-\x7e]+$/;

export function isMeterId(text: string): boolean {
  return text.length <= MAX_METER_ID_CHARS && METER_ID.test(text);
}

/** @throws ReadingError READING_FIELD_INVALID, naming the first field outside its documented range */
export function validateReading(reading: Reading): void {
  check(isMeterId(reading.meterId), reading, "meterId");
  check(QUANTITIES.includes(reading.quantity), reading, "quantity");
  check(READING_KINDS.includes(reading.kind), reading, "kind");
  check(isWithin(reading.phase, 3), reading, "phase");
  check(isWithin(reading.tariff, 4), reading, "tariff");
  check(Number.isSafeInteger(reading.value), reading, "value");
  check(isWithin(reading.timestampMs, MAX_READING_TIME_MS), reading, "timestampMs");
  const hasPeriod = reading.kind === "interval" || reading.kind === "average" || reading.kind === "max";
  check(isWithin(reading.periodMs, MAX_READING_PERIOD_MS), reading, "periodMs");
  check(hasPeriod === reading.periodMs > 0, reading, "periodMs");
  check(isWithin(reading.receivedMs, MAX_READING_TIME_MS), reading, "receivedMs");
  check(TIME_SOURCES.includes(reading.timeSource), reading, "timeSource");
  check(TIME_QUALITIES.includes(reading.timeQuality), reading, "timeQuality");
  check(reading.seq === undefined || isWithin(reading.seq, Number.MAX_SAFE_INTEGER), reading, "seq");
  check(
    reading.registerValue === undefined || isWithin(reading.registerValue, Number.MAX_SAFE_INTEGER),
    reading,
    "registerValue",
  );
  check(isWithin(reading.quality, QUALITY_MASK), reading, "quality");
  check(reading.rawHash.length === 32, reading, "rawHash");
}

/** Bytes that encodeReading will take. */
export function readingLength(reading: Reading): number {
  return FIXED_BYTES + reading.meterId.length;
}

/** @throws ReadingError READING_FIELD_INVALID */
export function encodeReading(reading: Reading): Uint8Array {
  const out = Buffer.allocUnsafe(readingLength(reading));
  writeReading(reading, out, 0);
  return out;
}

/**
 * Writes the record into `out` at `offset` and returns the offset behind it.
 * @throws ReadingError READING_FIELD_INVALID before anything is written
 */
export function writeReading(reading: Reading, out: Buffer, offset: number): number {
  validateReading(reading);
  out[offset] = READING_VERSION;
  out[offset + 1] = QUANTITIES.indexOf(reading.quantity);
  out[offset + 2] = READING_KINDS.indexOf(reading.kind);
  out[offset + 3] = (reading.phase << 4) | reading.tariff;
  out[offset + 4] = (TIME_SOURCES.indexOf(reading.timeSource) << 4) | TIME_QUALITIES.indexOf(reading.timeQuality);
  out[offset + 5] =
    (reading.seq === undefined ? 0 : FLAG_SEQ) | (reading.registerValue === undefined ? 0 : FLAG_REGISTER);
  out.writeUInt16BE(reading.quality, offset + 6);
  writeSafeInt64(out, reading.value, offset + 8);
  writeSafeInt64(out, reading.timestampMs, offset + 16);
  out.writeUInt32BE(reading.periodMs, offset + 24);
  writeSafeInt64(out, reading.receivedMs, offset + 28);
  writeSafeInt64(out, reading.seq ?? 0, offset + 36);
  writeSafeInt64(out, reading.registerValue ?? 0, offset + 44);
  out.set(reading.rawHash, offset + 52);
  out[offset + 84] = reading.meterId.length;
  out.write(reading.meterId, offset + FIXED_BYTES, "latin1");
  return offset + readingLength(reading);
}

/**
 * Exactly one record: no byte missing, none left over, every field in range, absent fields zero, so that one reading has one encoding.
 * @throws ReadingError READING_LENGTH_WRONG, READING_VERSION_UNKNOWN, READING_FLAGS_UNKNOWN, READING_FIELD_INVALID
 */
export function decodeReading(bytes: Uint8Array): Reading {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expected = view.length < FIXED_BYTES ? FIXED_BYTES : FIXED_BYTES + view[84]!;
  if (view.length !== expected) throw new ReadingError({ code: "READING_LENGTH_WRONG", length: view.length, expected });
  if (view[0] !== READING_VERSION) throw new ReadingError({ code: "READING_VERSION_UNKNOWN", version: view[0]! });
  const flags = view[5]!;
  if (flags > (FLAG_SEQ | FLAG_REGISTER)) throw new ReadingError({ code: "READING_FLAGS_UNKNOWN", flags });
  const seq = readSafeInt64(view, 36);
  const registerValue = readSafeInt64(view, 44);
  const reading: Reading = {
    meterId: view.toString("latin1", FIXED_BYTES),
    quantity: QUANTITIES[view[1]!]!,
    kind: READING_KINDS[view[2]!]!,
    phase: view[3]! >> 4,
    tariff: view[3]! & 15,
    value: readSafeInt64(view, 8),
    timestampMs: readSafeInt64(view, 16),
    periodMs: view.readUInt32BE(24),
    receivedMs: readSafeInt64(view, 28),
    timeSource: TIME_SOURCES[view[4]! >> 4]!,
    timeQuality: TIME_QUALITIES[view[4]! & 15]!,
    ...((flags & FLAG_SEQ) === 0 ? {} : { seq }),
    ...((flags & FLAG_REGISTER) === 0 ? {} : { registerValue }),
    quality: view.readUInt16BE(6),
    rawHash: new Uint8Array(view.subarray(52, 84)),
  };
  validateReading(reading);
  check((flags & FLAG_SEQ) !== 0 || seq === 0, { seq }, "seq");
  check((flags & FLAG_REGISTER) !== 0 || registerValue === 0, { registerValue }, "registerValue");
  return reading;
}

/**
 * The total order in which readings of one meter enter the hash chain: (timestamp, seq, rawHash); a reading without seq comes first.
 * Negative when `a` is first.
 */
export function compareReadings(a: Reading, b: Reading): number {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs - b.timestampMs;
  const [aSeq, bSeq] = [a.seq ?? -1, b.seq ?? -1];
  if (aSeq !== bSeq) return aSeq - bSeq;
  return Buffer.compare(a.rawHash, b.rawHash);
}

/**
 * Two readings with this key in common are the same measurement: equal values make the second a duplicate, different values a conflict.
 * Meter ids have no spaces, so the parts cannot run into each other.
 */
export function idempotencyKey(reading: Reading): string {
  const { meterId, quantity, phase, tariff, kind, timestampMs } = reading;
  return `${meterId} ${quantity} ${phase} ${tariff} ${kind} ${timestampMs}`;
}

/** Two's complement of a safe integer without a BigInt, which would cost about 10 % of a fingerprint step (research/limits.md §3). */
export function writeSafeInt64(out: Buffer, value: number, offset: number): void {
  const high = Math.floor(value / 2 ** 32);
  out.writeInt32BE(high, offset);
  out.writeUInt32BE(value - high * 2 ** 32, offset + 4);
}

/** NaN when the number needs more than 53 bits, which every range check refuses. */
function readSafeInt64(view: Buffer, offset: number): number {
  const value = view.readInt32BE(offset) * 2 ** 32 + view.readUInt32BE(offset + 4);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function isWithin(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function check(valid: boolean, reading: Partial<Reading>, field: keyof Reading): void {
  if (!valid) throw new ReadingError({ code: "READING_FIELD_INVALID", field, value: reading[field] });
}
