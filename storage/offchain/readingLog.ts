import { rm } from "node:fs/promises";
import { join } from "node:path";
import { decodeReading, READING_METER_ID_OFFSET, type Reading } from "../types/reading.ts";
import { openLogFile, type ReadingLogFile } from "./readingLogFile.ts";
import {
  encodeBatch,
  encodePayload,
  MAX_BATCH_BYTES,
  ReadingLogError,
  recordsOf,
  segmentName,
} from "./readingLogFormat.ts";
import { ReadingLogReader } from "./readingLogReader.ts";
import { type ReadingLogReport, recoverLog, type Segment, syncDirectory } from "./readingLogRecovery.ts";
import { batchesOf, corruptSegment } from "./readingLogSegment.ts";
import { replaceSegment, writeThinned } from "./readingLogThin.ts";

export interface ReadingLogOptions {
  /** A segment is left for a new one before it would grow beyond this. Default 16 MiB. */
  readonly segmentBytes?: number;
  /** Encoded readings that are neither on disk nor waiting for room. Default 8 MiB: two batches. */
  readonly maxPendingBytes?: number;
  /** Appends that wait for room; the next one is refused with READING_LOG_FULL. Default 1024. */
  readonly maxWaitingAppends?: number;
  /** Batches before it were let go by removeBefore. Default 1: none. */
  readonly keptFromBatch?: number;
  /** Opens a segment for writing; tests put a failing disk in its place. */
  readonly openFile?: (path: string, flags: "wx" | "r+") => Promise<ReadingLogFile>;
}

/** Readings of one meter, or of all, with afterMs < timestamp <= untilMs. */
export interface ReadingRange {
  readonly meterId?: string;
  readonly afterMs?: number;
  readonly untilMs?: number;
}

interface Append {
  readonly payload: Buffer;
  readonly readings: readonly Reading[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const DEFAULTS = {
  segmentBytes: 16 * 1024 * 1024,
  maxPendingBytes: 8 * 1024 * 1024,
  maxWaitingAppends: 1024,
  keptFromBatch: 1,
  openFile: openLogFile,
};

/**
 * Opens or creates the log in `directory`. One process at a time may have it open.
 * @throws ReadingLogError READING_LOG_CORRUPT with segment and offset; a torn tail is no error but in the report
 */
export async function openReadingLog(directory: string, options: ReadingLogOptions = {}): Promise<ReadingLog> {
  const all = { ...DEFAULTS, ...options };
  return new ReadingLog(directory, all, await recoverLog(directory, all.keptFromBatch));
}

/**
 * Append-only log of readings with group commit: while one batch is being written and synced, appends gather for the next, so that the cost
 * of a sync is shared by all that came meanwhile. Readings keep the order in which `append` was called.
 * After a failed write or sync nothing more is accepted: a later sync could succeed without the lost pages.
 */
export class ReadingLog {
  readonly report: ReadingLogReport;
  readonly #directory: string;
  readonly #options: Required<ReadingLogOptions>;
  readonly #segments: Segment[];
  readonly #lastTimestampMs: Map<string, number>;
  #nextBatch: number;
  #file: ReadingLogFile | undefined;
  /** Admitted, in order; those of the batch being written are no longer here but still count as pending. */
  #queue: Append[] = [];
  readonly #waiting: Append[] = [];
  #pendingBytes = 0;
  /** Scans between looking at a segment's size and having it open. */
  readonly #opening = new Set<Promise<void>>();
  #writing: Promise<void> | undefined;
  #failure: ReadingLogError | undefined;
  #closed = false;

  constructor(
    directory: string,
    options: Required<ReadingLogOptions>,
    recovered: Awaited<ReturnType<typeof recoverLog>>,
  ) {
    this.#directory = directory;
    this.#options = options;
    this.#segments = recovered.segments;
    this.#nextBatch = recovered.nextBatch;
    this.#lastTimestampMs = recovered.lastTimestampMs;
    this.report = recovered.report;
  }

  /** Encoded bytes admitted and not yet on disk. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Bytes of whole batches on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The number that the next batch will have. All before it that were not let go are on disk. */
  get nextBatch(): number {
    return this.#nextBatch;
  }

  /** Latest timestamp on disk of a meter; undefined when the log has none of it. */
  lastTimestampMs(meterId: string): number | undefined {
    return this.#lastTimestampMs.get(meterId);
  }

  /** Meters with a reading on disk. */
  meterIds(): IterableIterator<string> {
    return this.#lastTimestampMs.keys();
  }

  /**
   * Resolves when all these readings are on disk (readingLogFile.ts); they are never torn apart by a crash. Waits while more than maxPendingBytes
   * are pending.
   * @throws ReadingLogError READING_LOG_FULL, READING_LOG_APPEND_TOO_LARGE, READING_LOG_CLOSED, READING_LOG_FAILED, READING_LOG_DISK_FULL,
   *   READING_LOG_IO_FAILED; ReadingError READING_FIELD_INVALID
   */
  async append(readings: readonly Reading[]): Promise<void> {
    this.#checkUsable();
    if (readings.length > 0) await this.appendEncoded(encodePayload(readings), readings);
  }

  /** The same with what encodePayload gave for these readings, for who had to know its length before. */
  appendEncoded(payload: Buffer, readings: readonly Reading[]): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#checkUsable();
      const append: Append = { payload, readings, resolve, reject };
      if (this.#waiting.length === 0 && this.#hasRoom(append)) this.#admit(append);
      else if (this.#waiting.length < this.#options.maxWaitingAppends) this.#waiting.push(append);
      else {
        const [pendingBytes, waitingAppends] = [this.#pendingBytes, this.#waiting.length];
        reject(new ReadingLogError({ code: "READING_LOG_FULL", pendingBytes, waitingAppends }));
      }
      this.#writing ??= this.#writeQueue();
    });
  }

  /**
   * Readings on disk when this is called, in the order they were appended.
   * @throws ReadingLogError READING_LOG_CORRUPT when a batch changed since it was written
   */
  async *scan(range: ReadingRange = {}): AsyncGenerator<Reading> {
    const { meterId, afterMs = -1, untilMs = Number.POSITIVE_INFINITY } = range;
    const wanted = meterId === undefined ? undefined : Buffer.from(meterId, "latin1");
    const bytesNow = this.#segments.map((segment) => [segment, segment.bytes] as const);
    for (const [segment, bytes] of bytesNow) {
      const { name, firstBatch } = segment;
      // Fewer than before when the segment was thinned meanwhile; what is opened here stays readable to its end.
      const opened = Promise.withResolvers<void>();
      const opening = opened.promise;
      this.#opening.add(opening);
      const batches = batchesOf(this.#directory, name, firstBatch, Math.min(bytes, segment.bytes));
      try {
        let step = await batches.next();
        this.#opening.delete(opening);
        opened.resolve();
        for (; !step.done; step = await batches.next())
          for (const record of recordsOf(step.value.payload)) {
            if (wanted !== undefined && record.compare(wanted, 0, wanted.length, READING_METER_ID_OFFSET) !== 0)
              continue;
            const reading = decodeReading(record);
            if (reading.timestampMs > afterMs && reading.timestampMs <= untilMs) yield reading;
          }
        if (step.value !== undefined) throw corruptSegment(name, step.value);
      } finally {
        this.#opening.delete(opening);
        opened.resolve();
        await batches.return(undefined);
      }
    }
  }

  /**
   * Nothing more is written to the segment that was written to: all that is on disk now is in closed segments.
   * @throws ReadingLogError READING_LOG_CLOSED, READING_LOG_FAILED, READING_LOG_IO_FAILED
   */
  async endSegment(): Promise<void> {
    this.#checkUsable();
    while (this.#writing !== undefined) await this.#writing;
    if ((this.#segments.at(-1)?.bytes ?? 0) === 0) return;
    await this.#startSegment().catch((cause: unknown) => {
      const reason = (cause as Error).message;
      throw new ReadingLogError({ code: "READING_LOG_IO_FAILED", directory: this.#directory, reason }, { cause });
    });
  }

  /** Names of the segments that nothing is written to any more, oldest first. */
  closedSegments(): readonly string[] {
    return this.#segments.slice(0, -1).map(({ name }) => name);
  }

  /**
   * Removes the readings of a closed segment for which `keep` says false; answers how many. `beforeRemoval` is called with that number when it is
   * more than 0, before anything is gone: what it throws keeps the segment as it is.
   * @throws ReadingLogError READING_LOG_CORRUPT, READING_LOG_IO_FAILED
   */
  async thin(
    name: string,
    keep: (reading: Reading) => boolean,
    beforeRemoval: (removed: number) => Promise<void>,
  ): Promise<number> {
    const segment = this.#segments.slice(0, -1).find((each) => each.name === name);
    if (segment === undefined) return 0;
    try {
      const { removed, bytes } = await writeThinned(this.#directory, segment, keep);
      if (removed === 0) return 0;
      await beforeRemoval(removed);
      // Whoever has looked at the segment's size opens it by name: size and file change in one turn, when nobody is between the two.
      while (this.#opening.size > 0) await Promise.all(this.#opening);
      replaceSegment(this.#directory, segment);
      segment.bytes = bytes;
      await syncDirectory(this.#directory);
      return removed;
    } catch (cause) {
      if (cause instanceof ReadingLogError) throw cause;
      const reason = (cause as Error).message;
      throw new ReadingLogError({ code: "READING_LOG_IO_FAILED", directory: this.#directory, reason }, { cause });
    }
  }

  /** Reads batches from this number on while others are appended. */
  readerFrom(batch: number): ReadingLogReader {
    return new ReadingLogReader(this.#directory, this.#segments, batch);
  }

  /** Segments that removeBefore would remove. */
  removableBefore(batch: number, { evenLast = false } = {}): number {
    const end = this.#segments.length - (evenLast ? 0 : 1);
    let gone = 0;
    while (gone < end && (this.#segments[gone + 1]?.firstBatch ?? this.#nextBatch) <= batch) gone += 1;
    return gone;
  }

  /**
   * Removes the segments that have only batches before `batch`; the one that is being written only with `evenLast`. Before this is called, the
   * caller has on disk that it wants no batch before `batch`: it gives that number as keptFromBatch when it opens the log again.
   * @throws ReadingLogError READING_LOG_IO_FAILED
   */
  async removeBefore(batch: number, { evenLast = false } = {}): Promise<void> {
    // Between two batches: the segment that is being written has batches that are not counted yet.
    while (evenLast && this.#writing !== undefined) await this.#writing;
    const gone = this.removableBefore(batch, { evenLast });
    if (gone === 0) return;
    const removed = this.#segments.splice(0, gone);
    const file = this.#segments.length === 0 ? this.#file : undefined;
    if (file !== undefined) this.#file = undefined;
    try {
      await file?.close();
      for (const { name } of removed) await rm(join(this.#directory, name));
      await syncDirectory(this.#directory);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new ReadingLogError({ code: "READING_LOG_IO_FAILED", directory: this.#directory, reason }, { cause });
    }
  }

  /** Waits for what was appended, then closes. Closing twice is allowed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  #checkUsable(): void {
    if (this.#closed) throw new ReadingLogError({ code: "READING_LOG_CLOSED" });
    if (this.#failure !== undefined)
      throw new ReadingLogError(
        { code: "READING_LOG_FAILED", earlier: this.#failure.message },
        { cause: this.#failure },
      );
  }

  #hasRoom({ payload }: Append): boolean {
    return this.#pendingBytes === 0 || this.#pendingBytes + payload.length <= this.#options.maxPendingBytes;
  }

  #admit(append: Append): void {
    this.#queue.push(append);
    this.#pendingBytes += append.payload.length;
  }

  async #writeQueue(): Promise<void> {
    // Appends of the same turn of the event loop belong to the same batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const appends = this.#takeBatch();
      const payloadBytes = appends.reduce((sum, { payload }) => sum + payload.length, 0);
      try {
        await this.#writeBatch(appends);
      } catch (error) {
        this.#fail(error as NodeJS.ErrnoException, appends);
        break;
      }
      this.#pendingBytes -= payloadBytes;
      for (const { readings, resolve } of appends) {
        for (const { meterId, timestampMs } of readings)
          if (timestampMs > (this.#lastTimestampMs.get(meterId) ?? -1)) this.#lastTimestampMs.set(meterId, timestampMs);
        resolve();
      }
      let next = this.#waiting[0];
      while (next !== undefined && this.#hasRoom(next)) {
        this.#admit(next);
        this.#waiting.shift();
        next = this.#waiting[0];
      }
    }
    this.#writing = undefined;
  }

  /** As many appends as fit into one batch, at least one. */
  #takeBatch(): readonly Append[] {
    let [count, bytes] = [0, 0];
    for (const { payload } of this.#queue) {
      if (bytes + payload.length > MAX_BATCH_BYTES) break;
      bytes += payload.length;
      count += 1;
    }
    const appends = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return appends;
  }

  async #writeBatch(appends: readonly Append[]): Promise<void> {
    const readings = appends.reduce((sum, append) => sum + append.readings.length, 0);
    const pieces = appends.map(({ payload }) => payload);
    const bytes = encodeBatch(this.#nextBatch, readings, pieces);
    const segment = await this.#segmentFor(bytes.length);
    const file = this.#file as ReadingLogFile;
    for (let written = 0; written < bytes.length; ) {
      const result = await file.write(bytes, written, bytes.length - written, segment.bytes + written);
      written += result.bytesWritten;
    }
    await file.datasync();
    segment.bytes += bytes.length;
    this.#nextBatch += 1;
  }

  /** The last segment if the batch fits, else a new one whose name is on disk before anything is acknowledged in it. */
  async #segmentFor(batchBytes: number): Promise<Segment> {
    const { openFile, segmentBytes } = this.#options;
    const last = this.#segments.at(-1);
    if (last !== undefined && (last.bytes === 0 || last.bytes + batchBytes <= segmentBytes)) {
      this.#file ??= await openFile(join(this.#directory, last.name), "r+");
      return last;
    }
    return this.#startSegment();
  }

  async #startSegment(): Promise<Segment> {
    await this.#file?.close();
    this.#file = undefined;
    const segment: Segment = { name: segmentName(this.#nextBatch), firstBatch: this.#nextBatch, bytes: 0 };
    this.#file = await this.#options.openFile(join(this.#directory, segment.name), "wx");
    await syncDirectory(this.#directory);
    this.#segments.push(segment);
    return segment;
  }

  #fail(cause: NodeJS.ErrnoException, appends: readonly Append[]): void {
    const directory = this.#directory;
    const next = "Free space on this disk and start the node again: nothing acknowledged was lost.";
    this.#failure =
      cause.code === "ENOSPC" || cause.code === "EDQUOT" || cause.code === "EFBIG"
        ? new ReadingLogError({ code: "READING_LOG_DISK_FULL", directory, next }, { cause })
        : new ReadingLogError({ code: "READING_LOG_IO_FAILED", directory, reason: cause.message }, { cause });
    for (const { reject } of [...appends, ...this.#queue, ...this.#waiting]) reject(this.#failure);
    this.#queue = [];
    this.#waiting.length = 0;
    this.#pendingBytes = 0;
  }
}
