import { setTimeout as delay } from "node:timers/promises";
import { type ConfirmChannel, connect, type GetMessage, type Message } from "amqplib";
import type { Logger } from "pino";
import {
  type ConsumeOptions,
  DEFAULT_PREFETCH,
  type DeadLetter,
  type Delivery,
  MAX_REFUSAL_CHARS,
  type QueueCounts,
  type ReadingQueue,
  ReadingQueueError,
  type RefusedReading,
} from "#storage/offchain/readingQueue.ts";
import { encodeReading, type Reading } from "#storage/types/reading.ts";
import { RabbitAcks } from "./rabbitAcks.ts";
import { type BrokerConnection, type ConnectBroker, RabbitLink } from "./rabbitLink.ts";
import { type DecodedMessage, decodeMessage, encodeMessage, READINGS_CONTENT_TYPE } from "./rabbitMessage.ts";
import { CONFIRMED_HEADER, RabbitPublisher } from "./rabbitPublisher.ts";
import { assertTopology, deadName, type RabbitTopology } from "./rabbitTopology.ts";
import { SequenceTracker } from "./sequenceTracker.ts";

export interface RabbitQueueOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps:`. */
  readonly url: string;
  /** Name of the queue. Default "readings". */
  readonly name?: string;
  /** Default "quorum". */
  readonly queueType?: RabbitTopology["queueType"];
  /** Bytes of messages in the queue; beyond it publishes wait. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Publishes that wait for room or for the broker; the next one is refused. Default 1024. */
  readonly maxWaitingPublishes?: number;
  /** Default 60 s. */
  readonly confirmTimeoutMs?: number;
  /** A queue that had to be made is published to after this time only, see NEW_QUEUE_MS. */
  readonly newQueueMs?: number;
  readonly logger?: Pick<Logger, "info" | "warn">;
  /** In place of amqplib's `connect`. */
  readonly connect?: ConnectBroker;
}

/** One channel of a consumer. */
interface Session {
  readonly channel: ConfirmChannel;
  readonly acks: RabbitAcks;
  readonly session: { readonly isOver: boolean };
}

const SILENT = { info: () => undefined, warn: () => undefined };
const HEARTBEAT_SECONDS = 10;
const CHANNEL_RETRY_MS = 100;

/**
 * RabbitMQ writes the name of a new quorum queue's Raft server to disk some time after it answered: a broker killed 140 ms after making the queue
 * came back with the queue and without its messages' server, for good (3.10.8); one killed after 3 s did not.
 */
const NEW_QUEUE_MS = 5000;
const REASON_HEADER = "reason";

/**
 * Opens the queue on a RabbitMQ broker, and makes it where it is not there yet.
 * @throws ReadingQueueError READING_QUEUE_UNREACHABLE
 */
export async function openRabbitQueue(options: RabbitQueueOptions): Promise<ReadingQueue> {
  const queue = new RabbitQueue(options);
  try {
    await queue.open();
  } catch (error) {
    await queue.close();
    throw error;
  }
  return queue;
}

/**
 * Publishes and consumes on a connection each: a broker that is short of memory stops reading from publishers, and must still get acknowledgements.
 */
class RabbitQueue implements ReadingQueue {
  readonly #topology: RabbitTopology;
  readonly #logger: Pick<Logger, "info" | "warn">;
  readonly #publisher: RabbitPublisher;
  readonly #publisherLink: RabbitLink;
  readonly #consumerLink: RabbitLink;
  readonly #tracker = new SequenceTracker();
  readonly #counts = { published: 0, delivered: 0, redelivered: 0, acknowledged: 0, refused: 0, damaged: 0 };
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #hasConsumer = false;
  #unacknowledged = 0;
  /** For dead letters and counts: one, so that what is asked comes after what was done. */
  #admin: Promise<ConfirmChannel> | undefined;
  #retrying: Promise<number> | undefined;

  constructor(options: RabbitQueueOptions) {
    const { name = "readings", queueType = "quorum", maxBytes = 2 ** 30, logger = SILENT } = options;
    this.#topology = { name, queueType, maxBytes };
    this.#logger = logger;
    // Nagle's algorithm would hold back small messages for 40 ms (research/limits.md §8).
    const dial = options.connect ?? (() => connect(withHeartbeat(options.url), { noDelay: true }));
    this.#publisher = new RabbitPublisher({
      queue: name,
      maxWaitingPublishes: options.maxWaitingPublishes ?? 1024,
      confirmTimeoutMs: options.confirmTimeoutMs ?? 60_000,
      reset: (reason) => this.#publisherLink.reset(reason),
    });
    this.#publisherLink = new RabbitLink({
      name: "publisher",
      connect: dial,
      logger,
      onUp: async (connection) => {
        const isNew = !(await hasQueue(connection, name));
        const channel = await openChannel(connection, (reason) => this.#publisherLink.reset(reason));
        await assertTopology(channel, this.#topology);
        if (isNew && queueType === "quorum")
          await delay(options.newQueueMs ?? NEW_QUEUE_MS, undefined, { signal: this.#closing.signal });
        this.#publisher.use(channel);
      },
      onDown: () => this.#publisher.lose(),
    });
    this.#consumerLink = new RabbitLink({
      name: "consumer",
      connect: dial,
      logger,
      onUp: () => Promise.resolve(),
      onDown: () => {
        this.#admin = undefined;
      },
    });
  }

  async open(): Promise<void> {
    await this.#publisherLink.open();
    await this.#consumerLink.open();
  }

  async publish(readings: readonly Reading[]): Promise<void> {
    this.#checkOpen();
    if (readings.length === 0) return;
    await this.#publisher.publish(readings);
    this.#counts.published += readings.length;
  }

  async *consume({ signal, prefetch = DEFAULT_PREFETCH }: ConsumeOptions): AsyncGenerator<Delivery> {
    this.#checkOpen();
    if (this.#hasConsumer) throw new ReadingQueueError({ code: "READING_QUEUE_HAS_CONSUMER" });
    this.#hasConsumer = true;
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    try {
      while (!stop.aborted) {
        const connection = await this.#consumerLink.connected(stop);
        if (connection === undefined) return;
        try {
          yield* this.#session(connection, prefetch, stop);
        } catch (reason) {
          this.#logger.warn({ reason: (reason as Error).message }, "Could not consume from RabbitMQ");
        }
        // The connection may be there still: then the broker has closed the channel, and will again if asked at once.
        if (!stop.aborted) await delay(CHANNEL_RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    } finally {
      this.#hasConsumer = false;
    }
  }

  async *deadLetters(): AsyncGenerator<DeadLetter> {
    this.#checkOpen();
    const channel = await this.#adminChannel();
    const seen: GetMessage[] = [];
    try {
      for (;;) {
        const message = await channel.get(deadName(this.#topology.name), { noAck: false });
        if (message === false) return;
        seen.push(message);
        yield* lettersIn(message);
      }
    } finally {
      for (const message of seen) channel.nack(message, false, true);
    }
  }

  retryDeadLetters(): Promise<number> {
    this.#retrying ??= this.#retryDeadLetters().finally(() => {
      this.#retrying = undefined;
    });
    return this.#retrying;
  }

  counts(): QueueCounts {
    const { missing } = this.#tracker;
    return { ...this.#counts, missing, waitingPublishes: this.#publisher.waitingPublishes };
  }

  /** Messages that are ready, and those this process has in hand: another process's are not told. */
  async backlog(): Promise<number> {
    this.#checkOpen();
    const { messageCount } = await (await this.#adminChannel()).checkQueue(this.#topology.name);
    return messageCount + this.#unacknowledged;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await this.#publisher.close();
    await this.#publisherLink.close();
    await this.#consumerLink.close();
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new ReadingQueueError({ code: "READING_QUEUE_CLOSED" });
  }

  /** Deliveries over one channel, until it goes or is told to stop. */
  async *#session(connection: BrokerConnection, prefetch: number, stop: AbortSignal): AsyncGenerator<Delivery> {
    const { name } = this.#topology;
    const inbox: Message[] = [];
    const session = { isOver: false };
    let wake = Promise.withResolvers<void>();
    const end = (): void => {
      session.isOver = true;
      wake.resolve();
    };
    const gone = Promise.withResolvers<void>();
    const channel = await openChannel(connection, () => {
      gone.resolve();
      end();
    });
    const acks = new RabbitAcks(channel);
    stop.addEventListener("abort", end);
    const before = this.#unacknowledged;
    try {
      await assertTopology(channel, this.#topology);
      await channel.prefetch(prefetch);
      await channel.consume(name, (message) => {
        // null: the broker has cancelled the consumer, because the queue was deleted.
        if (message === null) return end();
        inbox.push(message);
        acks.add(message);
        this.#unacknowledged += 1;
        wake.resolve();
      });
      while (!session.isOver && !stop.aborted) {
        const message = inbox.shift();
        if (message === undefined) {
          await wake.promise;
          wake = Promise.withResolvers();
          continue;
        }
        const decoded = decodeMessage(message.content);
        if (typeof decoded === "string") this.#refuseDamaged(acks, message, decoded);
        else yield this.#deliver({ channel, acks, session }, message, decoded);
      }
    } finally {
      session.isOver = true;
      this.#unacknowledged = before;
      stop.removeEventListener("abort", end);
      acks.flush();
      // What is not acknowledged goes back to the head of the queue. The answer never comes when the connection goes first.
      await Promise.race([channel.close().catch(() => undefined), gone.promise]);
    }
  }

  #deliver({ channel, acks, session }: Session, message: Message, { sequence, readings }: DecodedMessage): Delivery {
    const isRedelivered = message.fields.redelivered === true;
    this.#counts.delivered += readings.length;
    if (isRedelivered) this.#counts.redelivered += readings.length;
    const { messageId, headers } = message.properties;
    const confirmed = Number(headers?.[CONFIRMED_HEADER] ?? 0);
    const publisherId = String(messageId).split("/")[0] as string;
    const missing = this.#tracker.note(publisherId, sequence, Number.isSafeInteger(confirmed) ? confirmed : 0);
    if (missing.length > 0)
      this.#logger.warn(
        { publisherId, missing: missing.slice(0, 20), count: missing.length },
        "RabbitMQ confirmed messages that it does not deliver",
      );
    let isAcknowledged = false;
    return {
      readings,
      isRedelivered,
      acknowledge: async (refused = []) => {
        if (isAcknowledged) return;
        const check = (): void => {
          this.#checkOpen();
          if (session.isOver) throw new ReadingQueueError({ code: "READING_QUEUE_DELIVERY_VOID" });
        };
        check();
        await this.#bury(channel, refused);
        check();
        acks.acknowledge(message);
        isAcknowledged = true;
        this.#unacknowledged -= 1;
        this.#counts.acknowledged += readings.length;
        this.#counts.refused += refused.length;
      },
    };
  }

  /** Bytes that are no readings: the broker takes them to the dead letters as they are. */
  #refuseDamaged(acks: RabbitAcks, message: Message, reason: string): void {
    this.#logger.warn({ messageId: message.properties.messageId, reason }, "A message of the queue is not readings");
    acks.refuse(message);
    this.#unacknowledged -= 1;
    this.#counts.damaged += 1;
  }

  /** Resolves when the broker has them on disk among the dead letters. */
  async #bury(channel: ConfirmChannel, refused: readonly RefusedReading[]): Promise<void> {
    await Promise.all(
      refused.map(
        ({ reading, reason }) =>
          new Promise<void>((resolve, reject) => {
            const headers = { [REASON_HEADER]: reason.slice(0, MAX_REFUSAL_CHARS) };
            const properties = { persistent: true, contentType: READINGS_CONTENT_TYPE, headers };
            const body = encodeMessage(0, [reading]);
            channel.publish(deadName(this.#topology.name), "", body, properties, (cause: unknown) => {
              if (cause === null || cause === undefined) resolve();
              else reject(new ReadingQueueError({ code: "READING_QUEUE_DELIVERY_VOID" }, { cause }));
            });
          }),
      ),
    );
  }

  async #retryDeadLetters(): Promise<number> {
    this.#checkOpen();
    const channel = await this.#adminChannel();
    const hopeless: GetMessage[] = [];
    let count = 0;
    try {
      for (;;) {
        const message = await channel.get(deadName(this.#topology.name), { noAck: false });
        if (message === false) return count;
        const decoded = decodeMessage(message.content);
        if (typeof decoded === "string") {
          hopeless.push(message);
          continue;
        }
        await this.publish(decoded.readings);
        channel.ack(message);
        count += decoded.readings.length;
      }
    } finally {
      for (const message of hopeless) channel.nack(message, false, true);
    }
  }

  #adminChannel(): Promise<ConfirmChannel> {
    this.#admin ??= (async () => {
      const connection = await this.#consumerLink.connected(this.#closing.signal);
      if (connection === undefined) throw new ReadingQueueError({ code: "READING_QUEUE_CLOSED" });
      return openChannel(connection, () => {
        this.#admin = undefined;
      });
    })();
    return this.#admin;
  }
}

/** A channel that says when it is gone; amqplib throws where nobody listens. */
async function openChannel(connection: BrokerConnection, onGone: (reason: string) => void): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel();
  channel.on("error", (error: Error) => onGone(error.message));
  channel.on("close", () => onGone("the channel was closed"));
  return channel;
}

async function hasQueue(connection: BrokerConnection, name: string): Promise<boolean> {
  const gone = Promise.withResolvers<void>();
  const channel = await openChannel(connection, () => gone.resolve());
  try {
    await channel.checkQueue(name);
  } catch {
    // The broker closes the channel on which it was asked for a queue it does not have.
    return false;
  }
  await Promise.race([channel.close().catch(() => undefined), gone.promise]);
  return true;
}

function* lettersIn({ content, properties }: GetMessage): Generator<DeadLetter> {
  const decoded = decodeMessage(content);
  if (typeof decoded === "string") {
    yield { reading: undefined, bytes: new Uint8Array(content), reason: decoded };
    return;
  }
  const { headers } = properties;
  const reason = String(headers?.[REASON_HEADER] ?? headers?.["x-first-death-reason"] ?? "");
  for (const reading of decoded.readings) yield { reading, bytes: encodeReading(reading), reason };
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("heartbeat")) parsed.searchParams.set("heartbeat", HEARTBEAT_SECONDS.toString());
  return parsed.href;
}
