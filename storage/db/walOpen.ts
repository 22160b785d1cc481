import type { FileSystem } from "./fileSystem.ts";
import { hasUnwrittenSector } from "./sectors.ts";
import { WAL_CORRUPT_NEXT, WalError } from "./walError.ts";
import { findWalRecordAfter, readWalSegment } from "./walSegment.ts";

export interface WalSegment {
  readonly number: number;
  bytes: number;
  /** The marks of heights in this segment, in order, and where they are. */
  readonly marks: { readonly height: number; readonly offset: number }[];
}

/** What was cut off the end of the log. */
export interface WalRecovery {
  /**
   * torn: the last write did not get to the disk whole, as a crash leaves it; it was not synced.
   * corrupt: all of its bytes are there but wrong, so that it may have been synced: the node should say so loudly.
   */
  readonly kind: "torn" | "corrupt";
  readonly file: string;
  readonly offset: number;
  readonly droppedBytes: number;
  /** Where the dropped bytes were copied to. */
  readonly backup: string;
}

const SEGMENT_NAME = /^wal-(\d{10})$/;

export function segmentPath(directory: string, number: number): string {
  return `${directory}/wal-${number.toString().padStart(10, "0")}`;
}

/**
 * Reads and checks all segments: (a) their numbers have no gap, (b) each starts with its number and the length of the one before,
 * (c) all records of all but the last are good, (d) the last ends in a good record, once an unfinished one has been cut off.
 * @throws WalError WAL_SEGMENT_MISSING (a), WAL_CORRUPT (b, c, and a bad record with a good one behind it)
 */
export function openWalSegments(
  fileSystem: FileSystem,
  directory: string,
): { readonly segments: readonly WalSegment[]; readonly recovery: WalRecovery | undefined } {
  fileSystem.makeDirectory(directory);
  const numbers = fileSystem
    .list(directory)
    .map((name) => SEGMENT_NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number);
  const segments: WalSegment[] = [];
  let recovery: WalRecovery | undefined;
  for (const [index, number] of numbers.entries()) {
    const path = segmentPath(directory, number);
    const previous = segments.at(-1);
    if (previous !== undefined && number !== previous.number + 1)
      throw new WalError({
        code: "WAL_SEGMENT_MISSING",
        file: segmentPath(directory, previous.number + 1),
        next: WAL_CORRUPT_NEXT,
      });
    const bytes = fileSystem.read(path);
    const { records, end } = readWalSegment(bytes, number);
    const start = records[0]?.record;
    if (previous !== undefined && start?.kind === "segmentStart" && start.previousBytes !== previous.bytes)
      throw corruptAt(segmentPath(directory, previous.number), previous.bytes, path, 0);
    if (end < bytes.length) {
      const nextOffset = findWalRecordAfter(bytes, number, end);
      // Good records behind a sector that was never written were not synced either: a sync would have written it.
      if (nextOffset !== undefined && !hasUnwrittenSector(bytes, end, nextOffset))
        throw corruptAt(path, end, path, nextOffset);
      const following = numbers[index + 1];
      if (following !== undefined) throw corruptAt(path, end, segmentPath(directory, following), 0);
      recovery = cutTail(fileSystem, directory, path, bytes, end);
    }
    const marks = records.flatMap(({ offset, record }) =>
      record.kind === "endHeight" ? [{ height: record.height, offset }] : [],
    );
    segments.push({ number, bytes: end, marks });
  }
  return { segments, recovery };
}

export function corruptAt(file: string, offset: number, nextFile: string, nextOffset: number): WalError {
  return new WalError({ code: "WAL_CORRUPT", file, offset, nextFile, nextOffset, next: WAL_CORRUPT_NEXT });
}

/** Copies what is behind `end` to a side file, durably, and only then cuts it off. */
function cutTail(fileSystem: FileSystem, directory: string, path: string, bytes: Uint8Array, end: number): WalRecovery {
  const backup = `${path.replace(/wal-(\d+)$/, "cut-$1")}-${end}`;
  const file = fileSystem.open(backup, "create");
  file.append(bytes.subarray(end));
  file.sync();
  file.close();
  fileSystem.syncDirectory(directory);
  fileSystem.truncate(path, end);
  return {
    kind: isTorn(bytes, end) ? "torn" : "corrupt",
    file: path,
    offset: end,
    droppedBytes: bytes.length - end,
    backup,
  };
}

/** Whether the bad record at `offset` looks cut: it reaches beyond the file, or the disk did not write all of its sectors. */
function isTorn(bytes: Uint8Array, offset: number): boolean {
  if (offset + 8 > bytes.length) return true;
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset + 4);
  if (length === 0 || offset + 8 + length > bytes.length) return true;
  return hasUnwrittenSector(bytes, offset, offset + 8 + length);
}
