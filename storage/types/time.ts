import { FormatError } from "./formatError.ts";
import { FieldReader, FieldWriter } from "./wire.ts";

/**
 * A point in time as CometBFT keeps it: whole seconds since 1970-01-01T00:00:00Z and nanoseconds within the second (0..999 999 999).
 * A JavaScript `Date` would lose the nanoseconds, and with them the sign bytes.
 */
export interface Timestamp {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** Go's zero time, 0001-01-01T00:00:00Z: the timestamp of an absent commit signature. */
export const ZERO_TIME: Timestamp = { seconds: -62135596800n, nanos: 0 };

export const EPOCH: Timestamp = { seconds: 0n, nanos: 0 };

/** 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z: what protobuf's Timestamp and RFC 3339 can both express. */
const MIN_SECONDS = -62_135_596_800n;
const END_SECONDS = 253_402_300_800n;

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** From Unix milliseconds; a fraction of one is dropped. */
export function timestampFromMs(unixMs: number): Timestamp {
  const wholeMs = Math.floor(unixMs);
  const seconds = Math.floor(wholeMs / 1000);
  return { seconds: BigInt(seconds), nanos: (wholeMs - seconds * 1000) * 1_000_000 };
}

/** Unix milliseconds, rounded down. */
export function timestampToMs(time: Timestamp): number {
  return Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000);
}

/** Negative when `a` is earlier than `b`, zero when equal, positive when later. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1;
  return a.nanos - b.nanos;
}

export function addMs(time: Timestamp, ms: number): Timestamp {
  const nanos = BigInt(time.nanos) + BigInt(Math.round(ms * 1_000_000));
  const carry = nanos >= 0n ? nanos / 1_000_000_000n : -((-nanos + 999_999_999n) / 1_000_000_000n);
  return { seconds: time.seconds + carry, nanos: Number(nanos - carry * 1_000_000_000n) };
}

/** RFC 3339 in UTC with trailing zeros of the fraction trimmed, as Go's RFC3339Nano prints it. */
export function formatTimestamp(time: Timestamp): string {
  const date = new Date(Number(time.seconds) * 1000);
  const year = date.getUTCFullYear();
  const whole = year >= 1 && year <= 9999 ? date.toISOString().slice(0, 19) : "0001-01-01T00:00:00";
  const fraction = time.nanos === 0 ? "" : `.${time.nanos.toString().padStart(9, "0").replace(/0+$/, "")}`;
  return `${whole}${fraction}Z`;
}

export function isZeroTime(time: Timestamp): boolean {
  return time.seconds === ZERO_TIME.seconds && time.nanos === 0;
}

/** google.protobuf.Timestamp {seconds = 1 int64, nanos = 2 int32}; 1970-01-01T00:00:00Z is the empty message. */
export function encodeTimestamp(time: Timestamp): Uint8Array {
  return new FieldWriter().int(1, time.seconds).int(2, time.nanos).finish();
}

/** @throws FormatError when the time is outside years 1 to 9999 or nanos outside 0..999 999 999 */
export function readTimestamp(bytes: Uint8Array): Timestamp {
  let seconds = 0n;
  let nanos = 0;
  const fields = new FieldReader("timestamp", bytes);
  while (fields.next()) {
    if (fields.number === 1) seconds = fields.int64("timestamp.seconds");
    else if (fields.number === 2) nanos = fields.count("timestamp.nanos", 999_999_999);
    else fields.refuse();
  }
  return checkedTimestamp({ seconds, nanos });
}

/** Reads RFC 3339 with up to nine digits of fraction, in any offset. @throws FormatError */
export function parseTimestamp(text: string): Timestamp {
  const match = RFC3339.exec(text);
  if (match === null)
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "timestamp", value: text.slice(0, 64) });
  const [, year, month, day, hour, minute, second, fraction = "", zone] = match as unknown as string[];
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const utcMs = Date.parse(`${written}Z`);
  // Date.parse turns 30 February into 1 March and takes hour 24: writing the date back shows it.
  if (!Number.isFinite(utcMs) || new Date(utcMs).toISOString().slice(0, 19) !== written) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "timestamp", value: text.slice(0, 64) });
  }
  const seconds = BigInt(utcMs / 1000) - BigInt(offsetSeconds(zone as string));
  return checkedTimestamp({ seconds, nanos: Number(fraction.padEnd(9, "0")) });
}

function offsetSeconds(zone: string): number {
  if (zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59)
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "timestamp", value: zone });
  return (zone.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/** @throws FormatError when the time is outside years 1 to 9999 */
export function checkedTimestamp(time: Timestamp): Timestamp {
  if (time.seconds < MIN_SECONDS || time.seconds >= END_SECONDS) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "timestamp.seconds", value: time.seconds.toString() });
  }
  return time;
}
