import { renameSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { decodeReading, type Reading } from "../types/reading.ts";
import { encodeBatch, recordsOf } from "./readingLogFormat.ts";
import type { Segment } from "./readingLogRecovery.ts";
import { batchesOf, corruptSegment } from "./readingLogSegment.ts";

/** What is left of a segment. */
export interface ThinnedSegment {
  readonly removed: number;
  /** Of the file now. */
  readonly bytes: number;
}

/** A record with its length. */
const LENGTH_BYTES = 2;

/**
 * Writes the segment without the readings for which `keep` says false, beside it. Its batches stay, with their numbers, also when nothing is left in them:
 * a lost batch is noticed as before. Nothing is changed until `replaceSegment`.
 * @throws ReadingLogError READING_LOG_CORRUPT
 */
export async function writeThinned(
  directory: string,
  { name, firstBatch, bytes }: Segment,
  keep: (reading: Reading) => boolean,
): Promise<ThinnedSegment> {
  const file = await open(thinnedPath(directory, name), "w", 0o600);
  let [removed, written] = [0, 0];
  try {
    const batches = batchesOf(directory, name, firstBatch, bytes);
    let step = await batches.next();
    for (; !step.done; step = await batches.next()) {
      const pieces: Buffer[] = [];
      for (const record of recordsOf(step.value.payload)) {
        if (keep(decodeReading(record))) pieces.push(withLength(record));
        else removed += 1;
      }
      const batch = encodeBatch(step.value.batch, pieces.length, pieces);
      await file.write(batch, 0, batch.length, written);
      written += batch.length;
    }
    if (step.value !== undefined) throw corruptSegment(name, step.value);
    await file.sync();
  } finally {
    await file.close();
  }
  return { removed, bytes: written };
}

/** Puts what `writeThinned` wrote in the segment's place, before it returns; `syncDirectory` makes it last. After a crash it is the old one or the new one. */
export function replaceSegment(directory: string, { name }: Segment): void {
  renameSync(thinnedPath(directory, name), join(directory, name));
}

function thinnedPath(directory: string, name: string): string {
  return join(directory, `${name}.thinned`);
}

function withLength(record: Buffer): Buffer {
  const piece = Buffer.allocUnsafe(LENGTH_BYTES + record.length);
  piece.writeUInt16BE(record.length);
  record.copy(piece, LENGTH_BYTES);
  return piece;
}
