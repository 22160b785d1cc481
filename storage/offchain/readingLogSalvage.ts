import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeReading, MAX_READING_BYTES, READING_METER_ID_OFFSET, type Reading } from "../types/reading.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  checksumOf,
  decodeBatchHeader,
  firstBatchOf,
  recordsOf,
} from "./readingLogFormat.ts";

/** Where a segment is not what was written. */
export interface LogFault {
  readonly segment: string;
  /** Bytes from here on … */
  readonly offset: number;
  /** … so many: up to the next whole batch, or the end of the file. */
  readonly bytes: number;
  readonly reason: string;
  /** Nothing whole stands behind it in the last segment: it may be a write that a crash cut off. */
  readonly isTail: boolean;
}

export type Salvaged =
  | { readonly type: "reading"; readonly reading: Reading; readonly segment: string; readonly offset: number }
  | ({ readonly type: "fault" } & LogFault);

/**
 * Everything that can still be read of a log, in its order, and where it is damaged. It changes nothing, needs no lock, and goes on behind
 * damage: of a damaged batch each record that still is one is given. Holds one segment in memory.
 * fromBatch: the first batch that must be there; undefined: whichever the oldest segment begins with.
 */
export async function* salvageReadingLog(directory: string, fromBatch?: number): AsyncGenerator<Salvaged> {
  const names = (await readdir(directory)).filter((name) => firstBatchOf(name) !== undefined).sort();
  let next = fromBatch ?? firstBatchOf(names[0] ?? "") ?? 1;
  for (const segment of names) {
    const first = firstBatchOf(segment) ?? next;
    const isLast = segment === names.at(-1);
    if (first !== next) {
      const reason = `batches ${next} to ${first - 1} are missing before it`;
      yield { type: "fault", segment, offset: 0, bytes: 0, reason, isTail: false };
    }
    next = first;
    const bytes = await readFile(join(directory, segment));
    for (const { offset, end, number, damage } of stretchesOf(bytes, next)) {
      const isTail = isLast && end === bytes.length;
      if (damage !== undefined) yield { type: "fault", segment, offset, bytes: end - offset, reason: damage, isTail };
      const records = damage === undefined ? intactRecords(bytes, offset, end) : salvagedRecords(bytes, offset, end);
      for (const { record, at } of records) {
        const reading = readingIn(record);
        if (reading !== undefined) yield { type: "reading", reading, segment, offset: at };
        else if (damage === undefined) {
          const reason = "a record is no reading";
          yield { type: "fault", segment, offset: at, bytes: record.length, reason, isTail: false };
        }
      }
      next = number + 1;
    }
  }
}

/** Where the bytes of one segment are not what was written, without looking into whole batches: some 700 MB/s. */
export function faultsOfSegment(bytes: Buffer, segment: string): readonly Omit<LogFault, "isTail">[] {
  return [...stretchesOf(bytes, firstBatchOf(segment) ?? 1)].flatMap(({ offset, end, damage }) =>
    damage === undefined ? [] : [{ segment, offset, bytes: end - offset, reason: damage }],
  );
}

/** A whole batch, or what lies between two of them. */
interface Stretch {
  readonly offset: number;
  readonly end: number;
  /** Of the batch, or the last one that is missing. */
  readonly number: number;
  /** Undefined: whole. */
  readonly damage: string | undefined;
}

function* stretchesOf(bytes: Buffer, firstBatch: number): Generator<Stretch> {
  let next = firstBatch;
  for (let offset = 0; offset < bytes.length; ) {
    const batch = wholeBatchAt(bytes, offset);
    if (batch?.batch === next) yield { offset, end: batch.end, number: next, damage: undefined };
    const end = batch?.batch === next ? batch.end : nextWholeBatch(bytes, offset + 1, next);
    if (batch?.batch !== next) {
      const number = (wholeBatchAt(bytes, end)?.batch ?? next + 1) - 1;
      yield { offset, end, number, damage: reasonOf(bytes, offset, next) };
      next = number;
    }
    next += 1;
    offset = end;
  }
}

function wholeBatchAt(bytes: Buffer, offset: number): { readonly batch: number; readonly end: number } | undefined {
  if (offset + BATCH_HEADER_BYTES > bytes.length) return undefined;
  const header = decodeBatchHeader(bytes.subarray(offset));
  if (typeof header === "string") return undefined;
  const end = offset + BATCH_HEADER_BYTES + header.payloadBytes;
  if (end > bytes.length || checksumOf(bytes.subarray(offset, end)) !== header.checksum) return undefined;
  return { batch: header.batch, end };
}

/** Where the next whole batch begins that is not older than `batch`; the end of the bytes without one. */
function nextWholeBatch(bytes: Buffer, from: number, batch: number): number {
  for (let at = bytes.indexOf(BATCH_MAGIC, from); at !== -1; at = bytes.indexOf(BATCH_MAGIC, at + 1)) {
    const found = wholeBatchAt(bytes, at);
    if (found !== undefined && found.batch >= batch) return at;
  }
  return bytes.length;
}

function reasonOf(bytes: Buffer, offset: number, batch: number): string {
  if (offset + BATCH_HEADER_BYTES > bytes.length) return "the file ends within a batch header";
  const header = decodeBatchHeader(bytes.subarray(offset));
  if (typeof header === "string") return header;
  if (wholeBatchAt(bytes, offset) !== undefined) return `batch ${header.batch} stands where ${batch} belongs`;
  const isShort = offset + BATCH_HEADER_BYTES + header.payloadBytes > bytes.length;
  return isShort ? "the file ends within a batch" : "the batch does not have its checksum";
}

interface PlacedRecord {
  readonly record: Buffer;
  readonly at: number;
}

const LENGTH_BYTES = 2;

function* intactRecords(bytes: Buffer, offset: number, end: number): Generator<PlacedRecord> {
  let at = offset + BATCH_HEADER_BYTES + LENGTH_BYTES;
  for (const record of recordsOf(bytes.subarray(offset + BATCH_HEADER_BYTES, end))) {
    yield { record, at };
    at += LENGTH_BYTES + record.length;
  }
}

/** A record's length is there twice, before it and with the meter id: where both agree one begins, also behind bytes that are none. */
function* salvagedRecords(bytes: Buffer, offset: number, end: number): Generator<PlacedRecord> {
  for (let at = offset + BATCH_HEADER_BYTES; at + LENGTH_BYTES + READING_METER_ID_OFFSET < end; ) {
    const length = bytes.readUInt16BE(at);
    const start = at + LENGTH_BYTES;
    const isRecord =
      length > READING_METER_ID_OFFSET &&
      length <= MAX_READING_BYTES &&
      start + length <= end &&
      bytes[start + READING_METER_ID_OFFSET - 1] === length - READING_METER_ID_OFFSET;
    const record = bytes.subarray(start, start + length);
    if (isRecord && readingIn(record) !== undefined) {
      yield { record, at: start };
      at = start + length;
    } else at += 1;
  }
}

function readingIn(record: Buffer): Reading | undefined {
  try {
    return decodeReading(record);
  } catch {
    return undefined;
  }
}
