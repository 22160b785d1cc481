import { crc32c } from "../db/crc32c.ts";
import { LedgerError } from "../error.ts";
import { MAX_READING_BYTES, type Reading, readingLength, writeReading } from "../types/reading.ts";

/**
 * A segment file is one batch after another; a batch is what one sync made durable. Big-endian:
 *   0 uint32 magic "ERLB" · 4 uint32 CRC-32C of everything from byte 8 on · 8 uint64 batch number, from 1, without gaps over all segments
 *   16 uint32 payload bytes · 20 uint32 readings · 24 payload: per reading uint16 length ‖ record (storage/types/reading.ts)
 * A segment's name is the number of its first batch, so a lost segment or batch is noticed.
 */
export const BATCH_MAGIC = Buffer.from("ERLB", "latin1");
export const BATCH_HEADER_BYTES = 24;

/** Payload of one batch: bounds what a scan has to hold, and is about 40 000 readings. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;

const LENGTH_BYTES = 2;
const SEGMENT_NAME = /^(\d{16})\.readings$/;

export type ReadingLogErrorDetails =
  /** More is waiting to be written than the options allow; nothing of this append was kept. Append again when others have been acknowledged. */
  | { readonly code: "READING_LOG_FULL"; readonly pendingBytes: number; readonly waitingAppends: number }
  | { readonly code: "READING_LOG_APPEND_TOO_LARGE"; readonly bytes: number; readonly maxBytes: number }
  | { readonly code: "READING_LOG_CLOSED" }
  /** An earlier write failed: what of it is on disk is known only after the log has been opened anew. */
  | { readonly code: "READING_LOG_FAILED"; readonly earlier: string }
  | { readonly code: "READING_LOG_DISK_FULL"; readonly directory: string; readonly next: string }
  | { readonly code: "READING_LOG_IO_FAILED"; readonly directory: string; readonly reason: string }
  /** A batch that was acknowledged is not what was written: bytes before and behind it are fine. */
  | {
      readonly code: "READING_LOG_CORRUPT";
      readonly segment: string;
      readonly offset: number;
      readonly reason: string;
    };

export class ReadingLogError extends LedgerError<ReadingLogErrorDetails> {}

export interface BatchHeader {
  readonly checksum: number;
  readonly batch: number;
  readonly payloadBytes: number;
  readonly readings: number;
}

export function segmentName(firstBatch: number): string {
  return `${firstBatch.toString().padStart(16, "0")}.readings`;
}

/** First batch of a segment by its name; undefined for any other file. */
export function firstBatchOf(name: string): number | undefined {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** The readings as a piece of a batch's payload. @throws ReadingError READING_FIELD_INVALID, ReadingLogError READING_LOG_APPEND_TOO_LARGE */
export function encodePayload(readings: readonly Reading[]): Buffer {
  let bytes = 0;
  for (const reading of readings) bytes += LENGTH_BYTES + readingLength(reading);
  if (bytes > MAX_BATCH_BYTES)
    throw new ReadingLogError({ code: "READING_LOG_APPEND_TOO_LARGE", bytes, maxBytes: MAX_BATCH_BYTES });
  const payload = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const reading of readings) {
    const end = writeReading(reading, payload, at + LENGTH_BYTES);
    payload.writeUInt16BE(end - at - LENGTH_BYTES, at);
    at = end;
  }
  return payload;
}

export function encodeBatch(batch: number, readings: number, pieces: readonly Buffer[]): Buffer {
  const payloadBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const out = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payloadBytes);
  BATCH_MAGIC.copy(out, 0);
  out.writeBigUInt64BE(BigInt(batch), 8);
  out.writeUInt32BE(payloadBytes, 16);
  out.writeUInt32BE(readings, 20);
  let at = BATCH_HEADER_BYTES;
  for (const piece of pieces) at += piece.copy(out, at);
  out.writeUInt32BE(crc32c(out, 0, 8), 4);
  return out;
}

/** What is wrong with the header as text, or the header; the payload length is checked before anybody allocates it. */
export function decodeBatchHeader(bytes: Buffer): BatchHeader | string {
  if (bytes.compare(BATCH_MAGIC, 0, 4, 0, 4) !== 0) return "no batch starts here";
  const payloadBytes = bytes.readUInt32BE(16);
  if (payloadBytes > MAX_BATCH_BYTES) return `a payload of ${payloadBytes} bytes is more than a batch may have`;
  return {
    checksum: bytes.readUInt32BE(4),
    batch: Number(bytes.readBigUInt64BE(8)),
    payloadBytes,
    readings: bytes.readUInt32BE(20),
  };
}

/** batch: header and payload. */
export function checksumOf(batch: Buffer): number {
  return crc32c(batch, 0, 8);
}

/** The records of a payload as views; their lengths were checksummed, and are checked nevertheless. */
export function* recordsOf(payload: Buffer): Generator<Buffer> {
  for (let at = 0; at < payload.length; ) {
    const length = at + LENGTH_BYTES <= payload.length ? payload.readUInt16BE(at) : MAX_READING_BYTES + 1;
    const end = at + LENGTH_BYTES + length;
    if (length > MAX_READING_BYTES || end > payload.length) throw new RangeError("a record ends behind its batch");
    yield payload.subarray(at + LENGTH_BYTES, end);
    at = end;
  }
}
