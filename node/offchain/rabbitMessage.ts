import {
  BATCH_HEADER_BYTES,
  checksumOf,
  decodeBatchHeader,
  encodeBatch,
  encodePayload,
  recordsOf,
} from "#storage/offchain/readingLogFormat.ts";
import { decodeReading, type Reading } from "#storage/types/reading.ts";

/** MIME type of a message: one batch as in a log's segment (storage/offchain/readingLogFormat.ts); its number is the publisher's sequence. */
export const READINGS_CONTENT_TYPE = "application/vnd.energy-ledger.readings";

/** @throws ReadingError READING_FIELD_INVALID, ReadingLogError READING_LOG_APPEND_TOO_LARGE */
export function encodeMessage(sequence: number, readings: readonly Reading[]): Buffer {
  return encodeBatch(sequence, readings.length, [encodePayload(readings)]);
}

export interface DecodedMessage {
  readonly sequence: number;
  readonly readings: readonly Reading[];
}

/** What is wrong as text for bytes that are no such message: another program may write into the queue, and a broker's disk may rot. */
export function decodeMessage(bytes: Buffer): DecodedMessage | string {
  if (bytes.length < BATCH_HEADER_BYTES) return `${bytes.length} bytes are no message of readings`;
  const header = decodeBatchHeader(bytes);
  if (typeof header === "string") return header;
  if (bytes.length !== BATCH_HEADER_BYTES + header.payloadBytes) return "the message has not the length it says";
  if (checksumOf(bytes) !== header.checksum) return "the message does not have its checksum";
  try {
    const readings = Array.from(recordsOf(bytes.subarray(BATCH_HEADER_BYTES)), decodeReading);
    if (readings.length === 0) return "the message has no reading";
    return { sequence: header.batch, readings };
  } catch (error) {
    return (error as Error).message;
  }
}
