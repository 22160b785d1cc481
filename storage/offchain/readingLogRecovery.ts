import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { decodeReading } from "../types/reading.ts";
import { firstBatchOf, recordsOf, segmentName } from "./readingLogFormat.ts";
import { batchesOf, corruptSegment, hasBatchBehind, readFully } from "./readingLogSegment.ts";

export interface Segment {
  readonly name: string;
  readonly firstBatch: number;
  /** Bytes of whole batches in it. */
  bytes: number;
}

/** What opening found. A torn tail is the batch that was being written when the process died: nobody was told it is kept. */
export interface ReadingLogReport {
  readonly segments: number;
  readonly batches: number;
  readonly readings: number;
  readonly bytes: number;
  readonly torn?: {
    readonly segment: string;
    readonly offset: number;
    readonly bytes: number;
    readonly reason: string;
    /** The bytes cut off are kept in this file. */
    readonly keptIn: string;
  };
}

export interface RecoveredLog {
  readonly segments: Segment[];
  readonly nextBatch: number;
  readonly lastTimestampMs: Map<string, number>;
  readonly report: ReadingLogReport;
}

/**
 * Reads every batch of the log. A broken tail of the last segment with nothing intact behind it is cut off and kept beside it.
 * keptFromBatch: batches before it were let go (ReadingLog.removeBefore), so their segments may be missing; those a crash left are removed.
 * @throws ReadingLogError READING_LOG_CORRUPT for anything broken before the tail, with segment and offset
 */
export async function recoverLog(directory: string, keptFromBatch = 1): Promise<RecoveredLog> {
  await mkdir(directory, { recursive: true });
  const names = await keptSegments(directory, keptFromBatch);
  const segments: Segment[] = [];
  const lastTimestampMs = new Map<string, number>();
  const firstBatch = Math.min(keptFromBatch, firstBatchOf(names[0] ?? "") ?? keptFromBatch);
  let [nextBatch, readings, bytes] = [firstBatch, 0, 0];
  let torn: ReadingLogReport["torn"];

  for (const [at, name] of names.entries()) {
    if (name !== segmentName(nextBatch))
      throw corruptSegment(name, { offset: 0, reason: `the segment that starts with batch ${nextBatch} is missing` });
    const { size } = await stat(join(directory, name));
    const segment: Segment = { name, firstBatch: nextBatch, bytes: size };
    const batches = batchesOf(directory, name, nextBatch, size);
    let step = await batches.next();
    for (; !step.done; step = await batches.next()) {
      readings += noteReadings(step.value.payload, lastTimestampMs, name, step.value.offset);
      nextBatch += 1;
    }
    const fault = step.value;
    if (fault !== undefined) {
      const { offset } = fault;
      const last = at === names.length - 1;
      if (!last || (await hasBatchBehind(directory, name, { offset, batch: nextBatch, endOffset: size })))
        throw corruptSegment(name, fault);
      const keptIn = await cutTail(directory, name, offset, size);
      torn = { segment: name, offset, bytes: size - offset, reason: fault.reason, keptIn };
      segment.bytes = offset;
    }
    bytes += segment.bytes;
    segments.push(segment);
  }
  const report = { segments: segments.length, batches: nextBatch - firstBatch, readings, bytes, ...(torn && { torn }) };
  return { segments, nextBatch, lastTimestampMs, report };
}

/** Names of the segments that have batches from `keptFromBatch` on, in order. */
async function keptSegments(directory: string, keptFromBatch: number): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => firstBatchOf(name) !== undefined).sort();
  const kept = names.findLastIndex((name) => (firstBatchOf(name) ?? 0) <= keptFromBatch);
  for (const name of names.slice(0, Math.max(kept, 0))) await rm(join(directory, name));
  return names.slice(Math.max(kept, 0));
}

function noteReadings(payload: Buffer, lastTimestampMs: Map<string, number>, name: string, offset: number): number {
  let readings = 0;
  try {
    for (const record of recordsOf(payload)) {
      const { meterId, timestampMs } = decodeReading(record);
      if (timestampMs > (lastTimestampMs.get(meterId) ?? -1)) lastTimestampMs.set(meterId, timestampMs);
      readings += 1;
    }
  } catch (error) {
    throw corruptSegment(name, { offset, reason: (error as Error).message });
  }
  return readings;
}

async function cutTail(directory: string, name: string, offset: number, size: number): Promise<string> {
  const keptIn = `${name}.torn-${offset}`;
  const file = await open(join(directory, name), "r+");
  try {
    const tail = Buffer.alloc(size - offset);
    await readFully(file, tail, offset);
    const copy = await open(join(directory, keptIn), "w");
    try {
      await copy.writeFile(tail);
      await copy.sync();
    } finally {
      await copy.close();
    }
    await file.truncate(offset);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(directory);
  return keptIn;
}

/** Makes creations and removals in a directory survive a crash. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
