import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { decodeReading, type Reading } from "../types/reading.ts";
import { BATCH_HEADER_BYTES, recordsOf } from "./readingLogFormat.ts";
import type { Segment } from "./readingLogRecovery.ts";
import { batchAt, corruptSegment, type Window, windowOn } from "./readingLogSegment.ts";

export interface LogBatch {
  readonly batch: number;
  readonly readings: readonly Reading[];
}

/** Follows a log that is being written, one batch after another, with one file open and one window in memory. */
export class ReadingLogReader {
  readonly #directory: string;
  /** The log's own, which changes. */
  readonly #segments: readonly Segment[];
  #batch: number;
  #open: { readonly file: FileHandle; readonly segment: Segment } | undefined;
  /** What the segment had when the window was made: behind it the file may have bytes that are not on disk yet. */
  #view: { readonly window: Window; readonly endOffset: number } | undefined;
  #offset = 0;

  constructor(directory: string, segments: readonly Segment[], fromBatch: number) {
    this.#directory = directory;
    this.#segments = segments;
    this.#batch = fromBatch;
  }

  /**
   * The next batch that is on disk; undefined when there is none yet.
   * @throws ReadingLogError READING_LOG_CORRUPT when it is not what was written
   */
  async next(): Promise<LogBatch | undefined> {
    const payload = await this.#nextPayload();
    if (payload === undefined) return undefined;
    const readings = Array.from(recordsOf(payload), decodeReading);
    this.#batch += 1;
    return { batch: this.#batch - 1, readings };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }

  async #nextPayload(): Promise<Buffer | undefined> {
    if (this.#open === undefined && !(await this.#openSegment())) return undefined;
    const { segment } = this.#open as { segment: Segment };
    if (this.#offset < segment.bytes) return this.#readBatch(this.#batch);
    const next = this.#segments.find(({ firstBatch }) => firstBatch === this.#batch);
    if (next === undefined || next === segment) return undefined;
    await this.close();
    return this.#nextPayload();
  }

  /** The segment with the next batch, and in it the place of that batch. */
  async #openSegment(): Promise<boolean> {
    const segment = this.#segments.findLast(({ firstBatch }) => firstBatch <= this.#batch);
    if (segment === undefined) return false;
    this.#open = { file: await open(join(this.#directory, segment.name), "r"), segment };
    this.#view = undefined;
    this.#offset = 0;
    for (let batch = segment.firstBatch; batch < this.#batch; batch++) {
      if (this.#offset >= segment.bytes) break;
      await this.#readBatch(batch);
    }
    return true;
  }

  async #readBatch(batch: number): Promise<Buffer> {
    const { file, segment } = this.#open as { file: FileHandle; segment: Segment };
    if (this.#view === undefined || this.#offset >= this.#view.endOffset)
      this.#view = { window: windowOn(file, segment.bytes), endOffset: segment.bytes };
    const bytes = await batchAt(this.#view.window, this.#offset, this.#view.endOffset, batch);
    if (typeof bytes === "string") throw corruptSegment(segment.name, { offset: this.#offset, reason: bytes });
    this.#offset += bytes.length;
    return bytes.subarray(BATCH_HEADER_BYTES);
  }
}
