import type { ReadingSeries, StoredReading } from "../offchain/readingStore.ts";
import { seriesName } from "../offchain/readingStore.ts";
import { ReadingError, validateReading } from "../types/reading.ts";
import { ReadingsRootStream } from "../types/readingsRoot.ts";
import { BLOCK_READINGS, columnsOf, readingsOf } from "./archiveColumns.ts";
import { ArchiveError } from "./archiveError.ts";
import { type ArchiveHeader, encodeItem, MAX_ARCHIVE_BYTES, readHeader, readItem } from "./archiveFormat.ts";
import { readingRecordLeaf, tombstoneItem } from "./archiveWriter.ts";

export interface OpenArchive {
  readonly header: ArchiveHeader;
  /**
   * Everything in the file, series by series: readings in order of time, then tombstones. The file has been read and checked to its last
   * byte when this ends without an error; what came before an error may be kept or not.
   * @throws ArchiveError ARCHIVE_MALFORMED, ARCHIVE_ROOT_MISMATCH
   */
  items(): Generator<StoredReading>;
}

/**
 * Reads an archive. A file that is accepted is the one file with these readings: numbers, order and blocks have one encoding.
 * @throws ArchiveError ARCHIVE_TOO_LARGE, ARCHIVE_ENCRYPTED, ARCHIVE_FORMAT_UNKNOWN, ARCHIVE_MALFORMED
 */
export function openArchive(bytes: Uint8Array): OpenArchive {
  if (bytes.length > MAX_ARCHIVE_BYTES)
    throw new ArchiveError({ code: "ARCHIVE_TOO_LARGE", what: "bytes", limit: MAX_ARCHIVE_BYTES });
  if (isEncryptedArchive(bytes)) throw new ArchiveError({ code: "ARCHIVE_ENCRYPTED" });
  const { header, next } = readHeader(bytes);
  return { header, items: () => readItems(bytes, header, next) };
}

/** The first bytes of an encrypted archive (encryptArchive.ts); no plain one begins so. */
export const ENCRYPTED_MAGIC = Buffer.from("ELAE\u0001", "latin1");

export function isEncryptedArchive(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, ENCRYPTED_MAGIC.length), ENCRYPTED_MAGIC) === 0;
}

function* readItems(bytes: Uint8Array, header: ArchiveHeader, start: number): Generator<StoredReading> {
  let offset = start;
  for (const { series, readings, erased, root } of header.series) {
    const stream = new ReadingsRootStream();
    let lastMs = header.fromMs;
    for (let left = readings; left > 0; left -= BLOCK_READINGS) {
      const { value, next } = readItem(bytes, offset);
      const block = readingsOf(series, value, Math.min(left, BLOCK_READINGS), lastMs);
      if (block === undefined || !isCanonical(bytes.subarray(offset, next), columnsOf(block, lastMs)))
        throw malformed(offset, "not the columns of a block");
      for (const reading of block) {
        checkTime(reading.timestampMs, lastMs, header, offset);
        try {
          validateReading(reading);
        } catch (error) {
          if (error instanceof ReadingError) throw malformed(offset, error.message);
          throw error;
        }
        lastMs = reading.timestampMs;
        stream.appendLeafHash(readingRecordLeaf(reading));
        yield { type: "reading", reading };
      }
      offset = next;
    }
    if (Buffer.compare(stream.root(), root) !== 0)
      throw new ArchiveError({ code: "ARCHIVE_ROOT_MISMATCH", series: seriesName(series) });
    lastMs = header.fromMs;
    for (let left = erased; left > 0; left -= BLOCK_READINGS) {
      const { value, next } = readItem(bytes, offset);
      const graves = tombstonesOf(series, value, Math.min(left, BLOCK_READINGS), lastMs);
      if (graves === undefined || !isCanonical(bytes.subarray(offset, next), tombstoneItem(graves, lastMs)))
        throw malformed(offset, "not the tombstones of a block");
      for (const grave of graves) {
        checkTime(grave.timestampMs, lastMs, header, offset);
        lastMs = grave.timestampMs;
        yield grave;
      }
      offset = next;
    }
  }
  if (offset !== bytes.length) throw malformed(offset, "bytes behind the last block");
}

function isCanonical(bytes: Uint8Array, value: unknown): boolean {
  return Buffer.compare(encodeItem(value), bytes) === 0;
}

function checkTime(timestampMs: number, lastMs: number, { untilMs }: ArchiveHeader, offset: number): void {
  if (timestampMs <= lastMs || timestampMs > untilMs) throw malformed(offset, `a reading at ${timestampMs}`);
}

function tombstonesOf(
  series: ReadingSeries,
  value: unknown,
  count: number,
  afterMs: number,
): readonly Extract<StoredReading, { type: "erased" }>[] | undefined {
  if (!Array.isArray(value) || value.length !== count) return undefined;
  const graves: Extract<StoredReading, { type: "erased" }>[] = [];
  let timestampMs = afterMs;
  for (const entry of value) {
    if (!Array.isArray(entry) || entry.length !== 2) return undefined;
    const [since, leafHash] = entry;
    if (!Number.isSafeInteger(since)) return undefined;
    if (leafHash !== null && !(leafHash instanceof Uint8Array && leafHash.length === 32)) return undefined;
    timestampMs += since;
    graves.push({
      type: "erased",
      series,
      timestampMs,
      leafHash: leafHash === null ? undefined : new Uint8Array(leafHash),
    });
  }
  return graves;
}

function malformed(offset: number, reason: string): ArchiveError {
  return new ArchiveError({ code: "ARCHIVE_MALFORMED", offset, reason });
}
