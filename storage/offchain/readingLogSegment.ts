import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { BATCH_HEADER_BYTES, BATCH_MAGIC, checksumOf, decodeBatchHeader, ReadingLogError } from "./readingLogFormat.ts";

/** Bytes read from a segment at a time: many small batches cost one system call. */
const WINDOW_BYTES = 256 * 1024;

export interface SegmentBatch {
  readonly batch: number;
  readonly offset: number;
  readonly readings: number;
  /** A view, valid until the next batch is asked for. */
  readonly payload: Buffer;
}

/** Where the readable batches of a segment end before the file does. */
export interface SegmentFault {
  readonly offset: number;
  readonly reason: string;
}

/**
 * The batches of one segment up to `endOffset`, numbered from `firstBatch`; ends early with the fault that stopped it.
 * Holds one batch and one window in memory.
 */
export async function* batchesOf(
  directory: string,
  segment: string,
  firstBatch: number,
  endOffset: number,
): AsyncGenerator<SegmentBatch, SegmentFault | undefined> {
  const file = await open(join(directory, segment), "r");
  try {
    const view = windowOn(file, endOffset);
    let batch = firstBatch;
    for (let offset = 0; offset < endOffset; batch++) {
      const bytes = await batchAt(view, offset, endOffset, batch);
      if (typeof bytes === "string") return { offset, reason: bytes };
      const payload = bytes.subarray(BATCH_HEADER_BYTES);
      yield { batch, offset, readings: bytes.readUInt32BE(20), payload };
      offset += bytes.length;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/**
 * Whether an intact batch that comes after `batch` stands at `offset` or behind it: then what is broken at `offset` was once acknowledged
 * (a batch is only written when the one before is on disk), and is no unfinished write.
 */
export async function hasBatchBehind(
  directory: string,
  segment: string,
  { offset, batch, endOffset }: { readonly offset: number; readonly batch: number; readonly endOffset: number },
): Promise<boolean> {
  const file = await open(join(directory, segment), "r");
  try {
    const rest = Buffer.alloc(endOffset - offset);
    await readFully(file, rest, offset);
    for (let at = rest.indexOf(BATCH_MAGIC); at !== -1; at = rest.indexOf(BATCH_MAGIC, at + 1)) {
      if (at + BATCH_HEADER_BYTES > rest.length) return false;
      const header = decodeBatchHeader(rest.subarray(at));
      if (typeof header === "string" || header.batch <= batch) continue;
      const end = at + BATCH_HEADER_BYTES + header.payloadBytes;
      if (end <= rest.length && checksumOf(rest.subarray(at, end)) === header.checksum) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

export function corruptSegment(segment: string, fault: SegmentFault): ReadingLogError {
  return new ReadingLogError({ code: "READING_LOG_CORRUPT", segment, ...fault });
}

export type Window = (offset: number, length: number) => Promise<Buffer>;

/** Header and payload of the batch at `offset`, or what is wrong. */
export async function batchAt(
  view: Window,
  offset: number,
  endOffset: number,
  batch: number,
): Promise<Buffer | string> {
  if (offset + BATCH_HEADER_BYTES > endOffset) return "the file ends within a batch header";
  const header = decodeBatchHeader(await view(offset, BATCH_HEADER_BYTES));
  if (typeof header === "string") return header;
  const length = BATCH_HEADER_BYTES + header.payloadBytes;
  if (offset + length > endOffset) return "the file ends within a batch";
  const bytes = await view(offset, length);
  if (checksumOf(bytes) !== header.checksum) return "the batch does not have its checksum";
  if (header.batch !== batch) return `batch ${header.batch} stands where ${batch} belongs`;
  return bytes;
}

/** Reads a file through a buffer: many small batches cost one system call. */
export function windowOn(file: FileHandle, endOffset: number): Window {
  let buffer = Buffer.alloc(0);
  let start = 0;
  return async (offset, length) => {
    if (offset < start || offset + length > start + buffer.length) {
      buffer = Buffer.allocUnsafe(Math.min(Math.max(length, WINDOW_BYTES), endOffset - offset));
      await readFully(file, buffer, offset);
      start = offset;
    }
    return buffer.subarray(offset - start, offset - start + length);
  };
}

/** Fills `into` from `position` on. */
export async function readFully(file: FileHandle, into: Buffer, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) {
      // The file became shorter while it was read: zeros are no batch, so the caller reports this place.
      into.fill(0, done);
      return;
    }
    done += bytesRead;
  }
}
