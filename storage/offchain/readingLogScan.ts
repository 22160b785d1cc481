import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { decodeReading, type Reading } from "../types/reading.ts";
import { firstBatchOf, recordsOf } from "./readingLogFormat.ts";
import { batchesOf, corruptSegment, hasBatchBehind } from "./readingLogSegment.ts";

/**
 * Every reading of a log, by another process than the one that has it open, or by none: nothing is written, locked, cut off or made. A batch that
 * is being written at the end is no reading yet. A log whose oldest segments are let go meanwhile is read from what is left.
 * @throws ReadingLogError READING_LOG_CORRUPT for anything broken before the end
 */
export async function* scanReadingLog(directory: string): AsyncGenerator<Reading> {
  const names = (await namesIn(directory)).filter((name) => firstBatchOf(name) !== undefined).sort();
  for (const [at, name] of names.entries()) {
    const firstBatch = firstBatchOf(name) as number;
    const size = (await stat(join(directory, name)).catch(() => undefined))?.size;
    if (size === undefined) continue;
    const batches = batchesOf(directory, name, firstBatch, size);
    let batch = firstBatch;
    let step = await batches.next();
    for (; !step.done; step = await batches.next()) {
      for (const record of recordsOf(step.value.payload)) yield decodeReading(record);
      batch += 1;
    }
    const fault = step.value;
    if (fault === undefined) continue;
    const isLast = at === names.length - 1;
    if (!isLast || (await hasBatchBehind(directory, name, { offset: fault.offset, batch, endOffset: size })))
      throw corruptSegment(name, fault);
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
