import { readHeight, writeHeight } from "#storage/db/buckets.ts";
import type { StoreEntry } from "#storage/db/store.ts";
import type { AggregateMetadata } from "./measurement.ts";

/**
 * The key space of an aggregator's own store. Meter ids and series hold no zero byte, which ends them; times and numbers are 8 bytes big-endian.
 *   0x01 meter, series, time → value of a reading · 0x02 end of interval, meter, series → (none), while it is to be told
 *   0x03 meter, number → what a TRANSFER is to say · 0x04 meter → MeterRecord · 0x05 meter, series, end → times it was told
 */
const [READING, OPEN, OUTBOX, METER, TOLD] = [0x01, 0x02, 0x03, 0x04, 0x05] as const;

/** Where a meter's asset stands. */
export interface MeterRecord {
  readonly meterId: string;
  /** Base58. */
  readonly publicKey: string;
  /** Id of the CREATE. */
  readonly assetId: string;
  /** Whether the CREATE is known to be in a block. */
  readonly registered: boolean;
  /** The transaction whose output 0 the next TRANSFER spends. */
  readonly head: string;
  /** Number of the next outbox entry. */
  readonly next: number;
}

/** An interval of a series that is to be told. */
export interface OpenInterval {
  readonly meterId: string;
  readonly series: string;
  readonly endMs: number;
}

export interface OutboxEntry {
  readonly key: Uint8Array;
  readonly metadata: AggregateMetadata;
}

interface Range {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

export function readingKey(meterId: string, series: string, timestampMs: number): Uint8Array {
  return Buffer.concat([Uint8Array.of(READING), text(meterId), text(series), number(timestampMs)]);
}

/** Readings of one series with `startMs < time <= endMs`. */
export function readingRange({ meterId, series, endMs }: OpenInterval, everyMs: number): Range {
  return { gte: readingKey(meterId, series, endMs - everyMs + 1), lt: readingKey(meterId, series, endMs + 1) };
}

export function openKey({ meterId, series, endMs }: OpenInterval): Uint8Array {
  return Buffer.concat([Uint8Array.of(OPEN), number(endMs), text(meterId), text(series)]);
}

/** Intervals that end at a time or before. */
export function openUntil(endMs: number): Range {
  return { gte: Uint8Array.of(OPEN), lt: Buffer.concat([Uint8Array.of(OPEN), number(endMs + 1)]) };
}

export function openOf([key]: StoreEntry): OpenInterval {
  const [meterId = "", series = ""] = Buffer.from(key.subarray(9)).toString("latin1").split("\0");
  return { meterId, series, endMs: readHeight(key, 1) };
}

export function outboxKey(meterId: string, sequence: number): Uint8Array {
  return Buffer.concat([Uint8Array.of(OUTBOX), text(meterId), number(sequence)]);
}

export function outboxRange(meterId: string): Range {
  return { gte: outboxKey(meterId, 0), lt: outboxKey(meterId, Number.MAX_SAFE_INTEGER) };
}

export function meterKey(meterId: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(METER), text(meterId)]);
}

export const ALL_METERS: Range = { gte: Uint8Array.of(METER), lt: Uint8Array.of(METER + 1) };
export const ALL_OUTBOX: Range = { gte: Uint8Array.of(OUTBOX), lt: Uint8Array.of(OUTBOX + 1) };
export const ALL_READINGS: Range = { gte: Uint8Array.of(READING), lt: Uint8Array.of(READING + 1) };
export const ALL_TOLD: Range = { gte: Uint8Array.of(TOLD), lt: Uint8Array.of(TOLD + 1) };

export function toldKey({ meterId, series, endMs }: OpenInterval): Uint8Array {
  return Buffer.concat([Uint8Array.of(TOLD), text(meterId), text(series), number(endMs)]);
}

/** Time at the end of a key of a reading, or of an interval that was told. */
export function timeOf(key: Uint8Array): number {
  return readHeight(key, key.length - 8);
}

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), "utf8");
}

/** Of what `encodeJson` wrote; the store's checksums vouch for it. */
export function decodeJson<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as T;
}

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`, "latin1");
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeHeight(bytes, 0, value);
  return bytes;
}
