import { BUCKETS } from "../db/buckets.ts";
import { QUANTITIES, READING_KINDS, type Reading, writeSafeInt64 } from "../types/reading.ts";
import type { ReadingSeries, TimeRange } from "./readingStore.ts";

/**
 * Keys of the readings in a Store, big-endian, so that a series is one range in the order of time, and a meter one range of series:
 *   series    uint8 length of the meter id ‖ meter id ‖ uint8 quantity ‖ uint8 kind ‖ uint8 phase << 4 | tariff
 *   reading   storedReading ‖ series ‖ uint64 timestampMs
 *   conflict  readingConflict ‖ series ‖ uint64 timestampMs ‖ int64 value, its sign bit flipped
 *   series    readingSeries ‖ series
 */
type Bucket = "storedReading" | "readingConflict" | "readingSeries";

const TIME_BYTES = 8;
/** Behind every time a reading may have: a range's end where none is given. */
const MAX_TIME = Buffer.alloc(TIME_BYTES, 0xff);

export interface KeyBounds {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

export function seriesKey(series: ReadingSeries | Reading, bucket: Bucket = "readingSeries", extraBytes = 0): Buffer {
  const { meterId, quantity, kind, phase, tariff } = series;
  const end = 2 + meterId.length + 3;
  const key = Buffer.alloc(end + extraBytes);
  key[0] = BUCKETS[bucket];
  key[1] = meterId.length;
  key.write(meterId, 2, "latin1");
  key[end - 3] = QUANTITIES.indexOf(quantity);
  key[end - 2] = READING_KINDS.indexOf(kind);
  key[end - 1] = (phase << 4) | tariff;
  return key;
}

export function readingKey(series: ReadingSeries | Reading, timestampMs: number): Buffer {
  const key = seriesKey(series, "storedReading", TIME_BYTES);
  writeSafeInt64(key, timestampMs, key.length - TIME_BYTES);
  return key;
}

export function conflictKey(reading: Reading): Buffer {
  const key = seriesKey(reading, "readingConflict", 2 * TIME_BYTES);
  writeSafeInt64(key, reading.timestampMs, key.length - 2 * TIME_BYTES);
  writeSafeInt64(key, reading.value, key.length - TIME_BYTES);
  key[key.length - TIME_BYTES] = (key[key.length - TIME_BYTES] as number) ^ 0x80;
  return key;
}

/** Everything of a series with afterMs < timestamp <= untilMs. */
export function timeBounds(series: ReadingSeries, bucket: Bucket, { afterMs, untilMs }: TimeRange): KeyBounds {
  const at = (timeMs: number): Buffer => {
    const key = seriesKey(series, bucket, TIME_BYTES);
    writeSafeInt64(key, timeMs, key.length - TIME_BYTES);
    return key;
  };
  const gte = at(Math.max(0, (afterMs ?? -1) + 1));
  const lt =
    untilMs === undefined ? Buffer.concat([seriesKey(series, bucket), MAX_TIME]) : at(Math.max(0, untilMs + 1));
  return { gte, lt };
}

/** All of a bucket, or of one meter in it. */
export function bucketBounds(bucket: Bucket, meterId?: string): KeyBounds {
  if (meterId === undefined) return { gte: Buffer.of(BUCKETS[bucket]), lt: Buffer.of(BUCKETS[bucket] + 1) };
  const gte = Buffer.concat([Buffer.of(BUCKETS[bucket], meterId.length), Buffer.from(meterId, "latin1")]);
  return { gte, lt: Buffer.concat([gte, Buffer.of(0xff)]) };
}

export interface PlaceInKey {
  readonly series: ReadingSeries;
  /** 0 in a key that has none. */
  readonly timestampMs: number;
}

/** Of a key of any of the three buckets; undefined for one that has not its shape. */
export function placeOf(key: Uint8Array): PlaceInKey | undefined {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const end = 2 + (view[1] ?? 0) + 3;
  if (
    view.length !==
    end + TIME_BYTES * (view[0] === BUCKETS.readingSeries ? 0 : view[0] === BUCKETS.storedReading ? 1 : 2)
  )
    return undefined;
  const quantity = QUANTITIES[view[end - 3] as number];
  const kind = READING_KINDS[view[end - 2] as number];
  if (quantity === undefined || kind === undefined) return undefined;
  const phaseAndTariff = view[end - 1] as number;
  const meterId = view.toString("latin1", 2, end - 3);
  return {
    series: { meterId, quantity, kind, phase: phaseAndTariff >> 4, tariff: phaseAndTariff & 15 },
    timestampMs: view.length > end ? Number(view.readBigUInt64BE(end)) : 0,
  };
}
