import { decodeReading, encodeReading, type Reading } from "../types/reading.ts";
import type { ReadingSeries, StoredReading } from "./readingStore.ts";

/**
 * What a store keeps at one time of one series. First byte 1: a reading's record follows (storage/types/reading.ts). First byte 2: erased;
 * the 32 bytes of its readings-root leaf follow, or nothing when it was in no sealed interval.
 */
const READING = 1;
const ERASED = 2;
const LEAF_BYTES = 32;

export function encodeStoredReading(reading: Reading): Uint8Array {
  const record = encodeReading(reading);
  const out = new Uint8Array(1 + record.length);
  out[0] = READING;
  out.set(record, 1);
  return out;
}

export function encodeTombstone(leafHash: Uint8Array | undefined): Uint8Array {
  const out = new Uint8Array(1 + (leafHash === undefined ? 0 : LEAF_BYTES));
  out[0] = ERASED;
  if (leafHash !== undefined) out.set(leafHash, 1);
  return out;
}

/** What is wrong as text when these are no such bytes, or are another place's reading. */
export function decodeStoredReading(
  bytes: Uint8Array,
  series: ReadingSeries,
  timestampMs: number,
): StoredReading | string {
  const rest = bytes.subarray(1);
  if (bytes[0] === ERASED) {
    if (rest.length !== 0 && rest.length !== LEAF_BYTES) return `a tombstone of ${bytes.length} bytes`;
    const leafHash = rest.length === 0 ? undefined : new Uint8Array(rest);
    return { type: "erased", series, timestampMs, leafHash };
  }
  if (bytes[0] !== READING) return `an entry of the unknown type ${bytes[0]}`;
  const reading = decodeRecordOf(rest, series, timestampMs);
  return typeof reading === "string" ? reading : { type: "reading", reading };
}

/** The record of this series and time, or what is wrong. */
export function decodeRecordOf(record: Uint8Array, series: ReadingSeries, timestampMs: number): Reading | string {
  let reading: Reading;
  try {
    reading = decodeReading(record);
  } catch (error) {
    return (error as Error).message;
  }
  const { meterId, quantity, kind, phase, tariff } = reading;
  const isHere =
    meterId === series.meterId &&
    quantity === series.quantity &&
    kind === series.kind &&
    phase === series.phase &&
    tariff === series.tariff &&
    timestampMs === reading.timestampMs;
  return isHere ? reading : `the reading of ${meterId} ${quantity} at ${reading.timestampMs} stands here`;
}
