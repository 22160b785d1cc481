import { LedgerError } from "../error.ts";
import type { Reading } from "../types/reading.ts";

/** Deliveries handed out and not yet acknowledged, unless `consume` says otherwise: enough that the way to a broker and back is not what counts. */
export const DEFAULT_PREFETCH = 64;

/**
 * The way of readings to the store (D5.1 §4.2.2's asynchronous messaging layer). Whoever publishes is told when its readings are on disk;
 * one consumer at a time takes them, in order, and a reading leaves the queue only when its consumer has acknowledged it. Delivered at least
 * once: a store behind a queue must be idempotent (ReadingStore is). Two implementations, one suite (readingQueueSuite.ts).
 */
export interface ReadingQueue extends AsyncDisposable {
  /**
   * Resolves when all these readings are on disk; they are delivered together. What was acknowledged before this call comes before it; of
   * publishes under way at the same time the order is open. Waits while the queue is full.
   * @throws ReadingQueueError READING_QUEUE_FULL when too many wait already, READING_QUEUE_CLOSED;
   *   ReadingLogError READING_LOG_APPEND_TOO_LARGE; ReadingError READING_FIELD_INVALID; nothing of the publish is kept then
   */
  publish(readings: readonly Reading[]): Promise<void>;

  /**
   * Deliveries in order, waiting for more until the signal is aborted or the queue is closed. What is not acknowledged when the iteration
   * ends, by crash or by return, is delivered again to the next consumer, before anything younger.
   * @throws ReadingQueueError READING_QUEUE_HAS_CONSUMER
   */
  consume(options: ConsumeOptions): AsyncIterable<Delivery>;

  /** What consumers refused, oldest first; it stays there. */
  deadLetters(): AsyncIterable<DeadLetter>;

  /** Publishes every refused reading once more and then forgets it; gives how many there were. */
  retryDeadLetters(): Promise<number>;

  /** Of this process, since it opened the queue. */
  counts(): QueueCounts;

  /** Deliveries that wait, or are handed out and not acknowledged, of all processes. */
  backlog(): Promise<number>;

  /** Waits for what was published, then lets go. Closing twice is allowed. */
  close(): Promise<void>;
}

export interface ConsumeOptions {
  readonly signal: AbortSignal;
  /** Deliveries that may be unacknowledged before the next one is held back. Default DEFAULT_PREFETCH. */
  readonly prefetch?: number;
}

export interface Delivery {
  /** Whole publishes, in order; at least one reading. */
  readonly readings: readonly Reading[];
  /** It may have been handed out before, and some of it be stored already. */
  readonly isRedelivered: boolean;
  /**
   * The consumer has done with it: kept elsewhere on disk, or refused for good. The refused are on disk among the dead letters before the
   * delivery leaves the queue. Acknowledging twice is allowed.
   * @throws ReadingQueueError READING_QUEUE_DELIVERY_VOID, READING_QUEUE_DEAD_LETTERS_FULL, READING_QUEUE_CLOSED; then it is delivered again
   */
  acknowledge(refused?: readonly RefusedReading[]): Promise<void>;
}

export interface RefusedReading {
  readonly reading: Reading;
  /** For the operator; at most MAX_REFUSAL_CHARS are kept. */
  readonly reason: string;
}

export const MAX_REFUSAL_CHARS = 500;

export interface DeadLetter {
  /** Undefined when the bytes are no readings, which another program's messages may be. */
  readonly reading: Reading | undefined;
  readonly bytes: Uint8Array;
  readonly reason: string;
}

/** Readings, but for `damaged`, `missing` and `waitingPublishes`. */
export interface QueueCounts {
  /** Acknowledged to their publishers. */
  readonly published: number;
  readonly delivered: number;
  /** Of those delivered, such as were handed out before. */
  readonly redelivered: number;
  /** Taken from the queue by their consumer, the refused among them. */
  readonly acknowledged: number;
  readonly refused: number;
  /** Deliveries whose bytes are not what was published: each is a dead letter. */
  readonly damaged: number;
  /** Publishes that the queue acknowledged and never delivered, as far as their numbers tell. More than 0 is a queue that lies. */
  readonly missing: number;
  /** Publishes that wait for room, or for the queue to come back. */
  readonly waitingPublishes: number;
}

export type ReadingQueueErrorDetails =
  /** The queue has no room, and as many publishes as it lets wait are waiting. Publish again when others have been acknowledged. */
  | { readonly code: "READING_QUEUE_FULL"; readonly waitingPublishes: number }
  | { readonly code: "READING_QUEUE_CLOSED" }
  /** Two consumers would tear the order apart. */
  | { readonly code: "READING_QUEUE_HAS_CONSUMER" }
  /** The iteration it came from has ended, or the connection it came by: it is delivered again. */
  | { readonly code: "READING_QUEUE_DELIVERY_VOID" }
  /** An operator must look at the dead letters: nothing is dropped to make room. */
  | { readonly code: "READING_QUEUE_DEAD_LETTERS_FULL"; readonly bytes: number; readonly maxBytes: number }
  /** The file of dead letters or of the consumer's place is not what was written. */
  | { readonly code: "READING_QUEUE_CORRUPT"; readonly file: string; readonly offset: number; readonly reason: string }
  /** The broker cannot be reached, or does not let this queue be. Publishes that are under way wait; opening fails. */
  | { readonly code: "READING_QUEUE_UNREACHABLE"; readonly reason: string };

export class ReadingQueueError extends LedgerError<ReadingQueueErrorDetails> {}
