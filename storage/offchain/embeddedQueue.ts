import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Reading } from "../types/reading.ts";
import { type DeadLetterFile, openDeadLetterFile } from "./deadLetterFile.ts";
import { openQueueCursor, type QueueCursor } from "./queueCursor.ts";
import { openReadingLog, type ReadingLog } from "./readingLog.ts";
import type { ReadingLogFile } from "./readingLogFile.ts";
import { encodePayload, firstBatchOf, ReadingLogError } from "./readingLogFormat.ts";
import type { LogBatch } from "./readingLogReader.ts";
import type { ReadingLogReport } from "./readingLogRecovery.ts";
import {
  type ConsumeOptions,
  DEFAULT_PREFETCH,
  type DeadLetter,
  type Delivery,
  type QueueCounts,
  type ReadingQueue,
  ReadingQueueError,
  type RefusedReading,
} from "./readingQueue.ts";

export interface EmbeddedQueueOptions {
  /** Bytes of readings on disk, consumed ones that were not removed yet among them; beyond it publishes wait. Default 1 GiB, 9 million readings. */
  readonly maxBytes?: number;
  /** Publishes that wait for room; the next one is refused. Default 1024. */
  readonly maxWaitingPublishes?: number;
  /** Bytes of the file of dead letters. Default 64 MiB. */
  readonly maxDeadLetterBytes?: number;
  /** See ReadingLogOptions; a segment is removed when all of it is consumed. Default 16 MiB, at most an eighth of maxBytes. */
  readonly segmentBytes?: number;
  readonly openFile?: (path: string, flags: "wx" | "r+") => Promise<ReadingLogFile>;
}

/** What opening found. */
export interface EmbeddedQueueReport extends ReadingLogReport {
  /** Offsets in the file of the consumer's place that are not what was written; at worst, deliveries come again. */
  readonly damagedCursorOffsets: readonly number[];
}

const DEFAULTS = { maxBytes: 2 ** 30, maxWaitingPublishes: 1024, maxDeadLetterBytes: 64 * 2 ** 20 };
const SEGMENT_BYTES = 16 * 2 ** 20;
/** Readings handed out and not acknowledged, whatever the prefetch: batches are large under load, and this bounds their memory to some 20 MB. */
const MAX_UNACKNOWLEDGED_READINGS = 50_000;

/**
 * Opens or creates the queue in `directory`: the segments of a reading log, `consumer.place` and `dead-letters.txt`. One process at a time.
 * @throws ReadingLogError READING_LOG_CORRUPT, ReadingQueueError READING_QUEUE_CORRUPT
 */
export async function openEmbeddedQueue(directory: string, options: EmbeddedQueueOptions = {}): Promise<EmbeddedQueue> {
  const all = { ...DEFAULTS, ...options };
  await mkdir(directory, { recursive: true });
  const { cursor, place, damagedOffsets } = await openQueueCursor(join(directory, "consumer.place"), directory);
  const deadLetters = await openDeadLetterFile(join(directory, "dead-letters.txt"), directory, all.maxDeadLetterBytes);
  const log = await openReadingLog(directory, {
    segmentBytes: Math.min(options.segmentBytes ?? SEGMENT_BYTES, Math.ceil(all.maxBytes / 8)),
    maxWaitingAppends: all.maxWaitingPublishes,
    // A slot that is damaged may have been the one that allowed segments to go: then the log starts where it starts.
    keptFromBatch: damagedOffsets.length === 0 ? place.nextBatch : Math.max(place.nextBatch, await firstIn(directory)),
    ...(options.openFile && { openFile: options.openFile }),
  });
  if (place.nextBatch > log.nextBatch) {
    await log.close();
    const reason = `its consumer took ${place.nextBatch - log.nextBatch} batches that the log has no more`;
    throw new ReadingQueueError({ code: "READING_QUEUE_CORRUPT", file: directory, offset: 0, reason });
  }
  const report = { ...log.report, damagedCursorOffsets: damagedOffsets };
  return new EmbeddedQueue({ log, cursor, deadLetters }, { ...all, place, report });
}

/** The consumer's half of a queue, over a log that others write. */
export type LogFollower = Pick<
  EmbeddedQueue,
  "consume" | "deadLetters" | "counts" | "backlogBatches" | "nextBatch" | "wake" | "close"
>;

/**
 * Follows a log whose readings stay where they are: what is acknowledged is let go by the follower and by nobody else. `name`.place and
 * `name`.dead-letters.txt in `directory` are its own; a place that the log has not come to yet belongs to another log, and everything is delivered.
 * `wake` tells it of appends; close it before the log.
 * @throws ReadingQueueError READING_QUEUE_CORRUPT
 */
export async function followReadingLog(log: ReadingLog, directory: string, name: string): Promise<LogFollower> {
  await mkdir(directory, { recursive: true });
  const { cursor, place, damagedOffsets } = await openQueueCursor(join(directory, `${name}.place`), directory);
  const deadLetters = await openFollowerLetters(directory, name);
  const isOfThisLog = place.nextBatch <= log.nextBatch;
  const report = { ...log.report, damagedCursorOffsets: damagedOffsets };
  return new EmbeddedQueue(
    { log, cursor, deadLetters },
    { ...DEFAULTS, place: isOfThisLog ? place : { nextBatch: 1, prefetch: 0 }, report, isFollower: true },
  );
}

/** Those of a follower that does not run, or to be used by it. @throws ReadingQueueError READING_QUEUE_CORRUPT */
export function openFollowerLetters(directory: string, name: string): Promise<DeadLetterFile> {
  return openDeadLetterFile(join(directory, `${name}.dead-letters.txt`), directory, DEFAULTS.maxDeadLetterBytes);
}

async function firstIn(directory: string): Promise<number> {
  const [first = ""] = (await readdir(directory)).filter((name) => firstBatchOf(name) !== undefined).sort();
  return firstBatchOf(first) ?? 1;
}

interface Parts {
  readonly log: ReadingLog;
  readonly cursor: QueueCursor;
  readonly deadLetters: DeadLetterFile;
}

/** Of one iteration of `consume`. */
interface Consumer {
  readonly prefetch: number;
  /** Batches, in order. */
  readonly unacknowledged: Set<number>;
  unacknowledgedReadings: number;
  /** The first batch that it was not handed yet. */
  nextBatch: number;
}

interface WaitingPublish {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * A queue on this machine's disk: publishing is an append to the log, a delivery is a batch of it (what one sync made durable, at most 4 MiB),
 * and a segment is removed when its last batch is acknowledged. Nothing to install, nothing to run.
 */
export class EmbeddedQueue implements ReadingQueue {
  readonly report: EmbeddedQueueReport;
  readonly #log: ReadingLog;
  readonly #cursor: QueueCursor;
  readonly #deadLetters: DeadLetterFile;
  readonly #maxBytes: number;
  readonly #maxWaitingPublishes: number;
  readonly #isFollower: boolean;
  readonly #counts = { published: 0, delivered: 0, redelivered: 0, acknowledged: 0, refused: 0 };
  readonly #waiting: WaitingPublish[] = [];
  /** Of publishes that have room and are not on disk yet. */
  #admittedBytes = 0;
  /** The first batch that is not acknowledged. */
  #nextBatch: number;
  /** The same as the file of the consumer's place has it. */
  #savedBatch: number;
  /** The first batch that was handed out to nobody yet, in this process or the one before. */
  #freshBatch: number;
  #consumer: Consumer | undefined;
  #retrying: Promise<number> | undefined;
  #wake = Promise.withResolvers<void>();
  /** Writes of the consumer's place and of dead letters, one after another. */
  #writing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    { log, cursor, deadLetters }: Parts,
    options: Required<Omit<EmbeddedQueueOptions, "segmentBytes" | "openFile">> & {
      readonly place: { readonly nextBatch: number; readonly prefetch: number };
      readonly report: EmbeddedQueueReport;
      /** The log is another's: nothing is removed from it, and it stays open. */
      readonly isFollower?: boolean;
    },
  ) {
    this.#log = log;
    this.#cursor = cursor;
    this.#deadLetters = deadLetters;
    this.#maxBytes = options.maxBytes;
    this.#maxWaitingPublishes = options.maxWaitingPublishes;
    this.#isFollower = options.isFollower ?? false;
    const { nextBatch, prefetch } = options.place;
    const firstKept = this.#isFollower ? 1 : log.nextBatch - options.report.batches;
    this.#nextBatch = Math.max(nextBatch, firstKept);
    this.#savedBatch = this.#nextBatch;
    this.#freshBatch = Math.min(this.#nextBatch + prefetch, log.nextBatch);
    this.report = options.report;
  }

  async publish(readings: readonly Reading[]): Promise<void> {
    this.#checkOpen();
    if (readings.length === 0) return;
    const payload = encodePayload(readings);
    const bytes = payload.length;
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) this.#admittedBytes += bytes;
    else await this.#roomLater(bytes);
    try {
      await this.#log.appendEncoded(payload, readings);
    } catch (error) {
      if (!(error instanceof ReadingLogError) || error.code !== "READING_LOG_FULL") throw error;
      throw new ReadingQueueError({ code: "READING_QUEUE_FULL", waitingPublishes: this.#maxWaitingPublishes });
    } finally {
      this.#admittedBytes -= bytes;
      this.#admitWaiting();
    }
    this.#counts.published += readings.length;
    this.#wake.resolve();
  }

  async *consume({ signal, prefetch = DEFAULT_PREFETCH }: ConsumeOptions): AsyncGenerator<Delivery> {
    this.#checkOpen();
    if (this.#consumer !== undefined) throw new ReadingQueueError({ code: "READING_QUEUE_HAS_CONSUMER" });
    const consumer: Consumer = {
      prefetch,
      unacknowledged: new Set(),
      unacknowledgedReadings: 0,
      nextBatch: this.#nextBatch,
    };
    this.#consumer = consumer;
    const reader = this.#log.readerFrom(this.#nextBatch);
    const wake = (): void => this.#wake.resolve();
    signal.addEventListener("abort", wake);
    try {
      await this.#save(prefetch);
      while (!signal.aborted && this.#closing === undefined) {
        const mayHaveMore =
          consumer.unacknowledged.size < prefetch && consumer.unacknowledgedReadings < MAX_UNACKNOWLEDGED_READINGS;
        const next = mayHaveMore ? await reader.next() : undefined;
        if (next === undefined) {
          await this.#wake.promise;
          this.#wake = Promise.withResolvers();
          continue;
        }
        yield this.#deliver(consumer, next);
      }
    } finally {
      this.#consumer = undefined;
      signal.removeEventListener("abort", wake);
      await reader.close();
    }
  }

  async *deadLetters(): AsyncGenerator<DeadLetter> {
    yield* await this.#deadLetters.read();
  }

  retryDeadLetters(): Promise<number> {
    this.#retrying ??= this.#retryDeadLetters().finally(() => {
      this.#retrying = undefined;
    });
    return this.#retrying;
  }

  counts(): QueueCounts {
    return { ...this.#counts, damaged: 0, missing: 0, waitingPublishes: this.#waiting.length };
  }

  backlog(): Promise<number> {
    return Promise.resolve(this.backlogBatches);
  }

  /** Batches that are not acknowledged yet. */
  get backlogBatches(): number {
    return this.#log.nextBatch - this.#nextBatch;
  }

  /** The first batch that is not acknowledged. */
  get nextBatch(): number {
    return this.#nextBatch;
  }

  /** The log has more. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Bytes on disk of readings, consumed ones that were not removed yet among them. */
  get bytes(): number {
    return this.#log.bytes;
  }

  /** Removes what is consumed from the disk now: after an erasure, the queue must not be the place where the values are still found. */
  async removeConsumed(): Promise<void> {
    await this.#exclusively(() => this.#remove({ evenLast: true }));
    this.#admitWaiting();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#wake.resolve();
    for (const { reject } of this.#waiting.splice(0)) reject(new ReadingQueueError({ code: "READING_QUEUE_CLOSED" }));
    if (!this.#isFollower) await this.#log.close();
    await this.#writing;
    await this.#cursor.sync();
    await this.#cursor.close();
    await this.#deadLetters.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ReadingQueueError({ code: "READING_QUEUE_CLOSED" });
  }

  /** Resolves when the disk has room for these bytes, in the order of the calls. */
  async #roomLater(bytes: number): Promise<void> {
    const waitingPublishes = this.#waiting.length;
    if (waitingPublishes >= this.#maxWaitingPublishes)
      throw new ReadingQueueError({ code: "READING_QUEUE_FULL", waitingPublishes });
    await new Promise<void>((resolve, reject) => {
      const waiting: WaitingPublish = { bytes, resolve, reject };
      this.#waiting.push(waiting);
      // Everything may be consumed and still in the last segment: then no acknowledgement will come to make room.
      this.removeConsumed().catch((error: Error) => {
        const at = this.#waiting.indexOf(waiting);
        if (at === -1) return;
        this.#waiting.splice(at, 1);
        reject(error);
      });
    });
  }

  #hasRoom(bytes: number): boolean {
    const taken = this.#log.bytes + this.#admittedBytes;
    return taken === 0 || taken + bytes <= this.#maxBytes;
  }

  #admitWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#admittedBytes += next.bytes;
      next.resolve();
    }
  }

  #deliver(consumer: Consumer, { batch, readings }: LogBatch): Delivery {
    consumer.unacknowledged.add(batch);
    consumer.unacknowledgedReadings += readings.length;
    consumer.nextBatch = batch + 1;
    const isRedelivered = batch < this.#freshBatch;
    this.#freshBatch = Math.max(this.#freshBatch, batch + 1);
    this.#counts.delivered += readings.length;
    if (isRedelivered) this.#counts.redelivered += readings.length;
    let acknowledged: Promise<void> | undefined;
    return {
      readings,
      isRedelivered,
      acknowledge: (refused = []) => {
        acknowledged ??= this.#acknowledge(consumer, { batch, readings }, refused).catch((error: unknown) => {
          acknowledged = undefined;
          throw error;
        });
        return acknowledged;
      },
    };
  }

  async #acknowledge(
    consumer: Consumer,
    { batch, readings }: LogBatch,
    refused: readonly RefusedReading[],
  ): Promise<void> {
    this.#checkConsuming(consumer);
    if (refused.length > 0) {
      await this.#exclusively(() => this.#deadLetters.append(refused));
      this.#checkConsuming(consumer);
    }
    consumer.unacknowledged.delete(batch);
    consumer.unacknowledgedReadings -= readings.length;
    this.#counts.acknowledged += readings.length;
    this.#counts.refused += refused.length;
    this.#wake.resolve();
    const [first = consumer.nextBatch] = consumer.unacknowledged;
    if (first === this.#nextBatch) return;
    this.#nextBatch = first;
    await this.#save(consumer.prefetch);
  }

  #checkConsuming(consumer: Consumer): void {
    this.#checkOpen();
    if (consumer !== this.#consumer) throw new ReadingQueueError({ code: "READING_QUEUE_DELIVERY_VOID" });
  }

  /** Writes the consumer's place, and lets go of the segments behind it. */
  async #save(prefetch: number): Promise<void> {
    await this.#exclusively(async () => {
      const nextBatch = this.#nextBatch;
      await this.#cursor.save({ nextBatch, prefetch });
      this.#savedBatch = nextBatch;
      await this.#remove({ evenLast: this.#waiting.length > 0 });
    });
    this.#admitWaiting();
  }

  async #remove(options: { readonly evenLast: boolean }): Promise<void> {
    const nextBatch = this.#savedBatch;
    if (this.#isFollower) return;
    if (this.#log.removableBefore(nextBatch, options) === 0) return;
    await this.#cursor.sync();
    await this.#log.removeBefore(nextBatch, options);
  }

  /** A crash between the two publishes them once more the next time: they are stored once. */
  async #retryDeadLetters(): Promise<number> {
    const letters = await this.#exclusively(() => this.#deadLetters.read());
    for (const { reading } of letters) if (reading !== undefined) await this.publish([reading]);
    await this.#exclusively(() => this.#deadLetters.removeFirst(letters.length));
    return letters.length;
  }

  #exclusively<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(act);
    this.#writing = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }
}
