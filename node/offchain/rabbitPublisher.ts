import { randomUUID } from "node:crypto";
import type { ConfirmChannel, Message } from "amqplib";
import { ReadingQueueError } from "#storage/offchain/readingQueue.ts";
import type { Reading } from "#storage/types/reading.ts";
import { encodeMessage, READINGS_CONTENT_TYPE } from "./rabbitMessage.ts";

export interface RabbitPublisherOptions {
  readonly queue: string;
  readonly maxWaitingPublishes: number;
  /** A sent message without an answer for so long means that the broker or the way to it is broken. */
  readonly confirmTimeoutMs: number;
  /** Gives up the connection. */
  readonly reset: (reason: string) => void;
}

/** Sent and not confirmed, in messages and bytes: what a broker can usefully have in hand (research/limits.md §8). */
const MAX_UNCONFIRMED = 1000;
const MAX_UNCONFIRMED_BYTES = 16 * 1024 * 1024;

/** How long a publish waits after a nack before it is tried again, doubled each time up to the most. */
const RETRY_MS = { first: 20, most: 1000 };

export const CONFIRMED_HEADER = "confirmed";

interface Publish {
  readonly sequence: number;
  readonly body: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Answers to earlier attempts are not answers to this one. */
  attempt: number;
  /** It had to wait for room or for the broker. */
  hasWaited: boolean;
  /** The broker had no queue for it; it confirms such a message nevertheless. */
  wasReturned: boolean;
}

/**
 * Publishes with confirmations. What the broker refuses (nack: the queue is full) or has not confirmed when the connection goes is sent again,
 * oldest first, and everything younger waits behind it.
 */
export class RabbitPublisher {
  readonly id = randomUUID();
  readonly #options: RabbitPublisherOptions;
  readonly #sent = new Map<number, Publish>();
  /** By sequence. */
  readonly #waiting: Publish[] = [];
  #channel: ConfirmChannel | undefined;
  #sentBytes = 0;
  #lastSequence = 0;
  /** All up to this number are confirmed. */
  #confirmed = 0;
  readonly #confirmedAhead = new Set<number>();
  #waitingCount = 0;
  /** After a nack: one publish at a time is tried, until one is taken. */
  #isHeld = false;
  #retryMs = RETRY_MS.first;
  #retryTimer: NodeJS.Timeout | undefined;
  #confirmTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: RabbitPublisherOptions) {
    this.#options = options;
  }

  get waitingPublishes(): number {
    return this.#waitingCount;
  }

  /** Resolves when the broker has confirmed. @throws as ReadingQueue.publish */
  publish(readings: readonly Reading[]): Promise<void> {
    if (this.#closed) return Promise.reject(new ReadingQueueError({ code: "READING_QUEUE_CLOSED" }));
    const waitingPublishes = this.#waitingCount;
    if (waitingPublishes >= this.#options.maxWaitingPublishes)
      return Promise.reject(new ReadingQueueError({ code: "READING_QUEUE_FULL", waitingPublishes }));
    let body: Buffer;
    try {
      body = encodeMessage(this.#lastSequence + 1, readings);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#lastSequence += 1;
    const sequence = this.#lastSequence;
    return new Promise((resolve, reject) => {
      const publish = { sequence, body, resolve, reject, attempt: 0, hasWaited: false, wasReturned: false };
      if (this.#waiting.length === 0 && this.#mayTalk()) this.#send(publish);
      else this.#putBack(publish);
    });
  }

  /** A channel on which the topology stands. */
  use(channel: ConfirmChannel): void {
    channel.on("return", ({ properties }: Message) => {
      const publish = this.#sent.get(Number(String(properties.messageId).split("/")[1]));
      if (publish !== undefined) publish.wasReturned = true;
    });
    this.#channel = channel;
    this.#release();
  }

  /** The connection has gone: what is not confirmed may be there or not, and is sent again. */
  lose(): void {
    this.#channel = undefined;
    this.#clearTimers();
    const unanswered = [...this.#sent.values()];
    this.#sent.clear();
    this.#sentBytes = 0;
    for (const publish of unanswered) {
      publish.attempt += 1;
      this.#putBack(publish);
    }
    this.#idle?.resolve();
  }

  /** Refuses what waits, and resolves when what was sent is answered or the connection is gone, at the latest after the confirm timeout. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectWaiting();
    if (this.#sent.size > 0 && this.#channel !== undefined) {
      this.#idle = Promise.withResolvers();
      await this.#idle.promise;
    }
    this.#clearTimers();
    this.#rejectWaiting();
  }

  #mayTalk(): boolean {
    return (
      this.#channel !== undefined &&
      !this.#isHeld &&
      this.#sent.size < MAX_UNCONFIRMED &&
      this.#sentBytes < MAX_UNCONFIRMED_BYTES
    );
  }

  #send(publish: Publish): void {
    const channel = this.#channel as ConfirmChannel;
    publish.attempt += 1;
    publish.wasReturned = false;
    const { attempt, sequence, body } = publish;
    this.#sent.set(sequence, publish);
    this.#sentBytes += body.length;
    this.#confirmTimer ??= setTimeout(() => this.#giveUp(), this.#options.confirmTimeoutMs);
    const properties = {
      persistent: true,
      mandatory: true,
      contentType: READINGS_CONTENT_TYPE,
      messageId: `${this.id}/${sequence}`,
      headers: { [CONFIRMED_HEADER]: this.#confirmed },
    };
    try {
      channel.publish("", this.#options.queue, body, properties, (refusal: unknown) => {
        if (publish.attempt === attempt && this.#sent.get(sequence) === publish) this.#answer(publish, refusal);
      });
    } catch {
      // The channel closed under our hands; its event is on the way.
      this.#options.reset("the channel was closed");
    }
  }

  #answer(publish: Publish, refusal: unknown): void {
    this.#sent.delete(publish.sequence);
    this.#sentBytes -= publish.body.length;
    // Time runs from the last answer: a slow broker is not a dead one.
    clearTimeout(this.#confirmTimer);
    this.#confirmTimer =
      this.#sent.size === 0 ? undefined : setTimeout(() => this.#giveUp(), this.#options.confirmTimeoutMs);
    const isTaken = (refusal === null || refusal === undefined) && !publish.wasReturned;
    if (isTaken) {
      if (publish.hasWaited) this.#waitingCount -= 1;
      this.#confirmedAhead.add(publish.sequence);
      while (this.#confirmedAhead.delete(this.#confirmed + 1)) this.#confirmed += 1;
      publish.resolve();
      this.#retryMs = RETRY_MS.first;
      if (this.#retryTimer === undefined) this.#release();
    } else {
      this.#putBack(publish);
      if (publish.wasReturned) this.#options.reset("there is no such queue any more");
      else this.#hold();
    }
    if (this.#sent.size === 0) this.#idle?.resolve();
  }

  /** Back to its place among those that wait. */
  #putBack(publish: Publish): void {
    if (!publish.hasWaited) this.#waitingCount += 1;
    publish.hasWaited = true;
    const at = this.#waiting.findLastIndex(({ sequence }) => sequence < publish.sequence);
    this.#waiting.splice(at + 1, 0, publish);
    if (this.#closed) this.#rejectWaiting();
  }

  #release(): void {
    this.#isHeld = false;
    while (this.#waiting.length > 0 && this.#mayTalk()) this.#send(this.#waiting.shift() as Publish);
  }

  #hold(): void {
    this.#isHeld = true;
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      const next = this.#channel === undefined ? undefined : this.#waiting.shift();
      if (next !== undefined) this.#send(next);
    }, this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.most);
  }

  #giveUp(): void {
    this.#confirmTimer = undefined;
    this.#options.reset(`no confirmation for ${this.#options.confirmTimeoutMs} ms`);
  }

  #rejectWaiting(): void {
    for (const { reject } of this.#waiting.splice(0)) {
      this.#waitingCount -= 1;
      reject(new ReadingQueueError({ code: "READING_QUEUE_CLOSED" }));
    }
  }

  #clearTimers(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#confirmTimer);
    this.#retryTimer = undefined;
    this.#confirmTimer = undefined;
  }
}
