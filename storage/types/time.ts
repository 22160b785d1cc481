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

export function timestampFromMs(unixMs: number): Timestamp {
  const seconds = Math.floor(unixMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round(unixMs - seconds * 1000) * 1_000_000 };
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
