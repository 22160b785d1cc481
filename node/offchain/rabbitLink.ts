import { setTimeout as delay } from "node:timers/promises";
import type { ChannelModel } from "amqplib";
import type { Logger } from "pino";
import { ReadingQueueError } from "#storage/offchain/readingQueue.ts";

/** The part of amqplib's connection that is used; tests put a broker that lies in its place. */
export type BrokerConnection = Pick<ChannelModel, "createConfirmChannel" | "close" | "on">;
export type ConnectBroker = () => Promise<BrokerConnection>;

export interface RabbitLinkOptions {
  /** For the log. */
  readonly name: string;
  readonly connect: ConnectBroker;
  readonly logger: Pick<Logger, "info" | "warn">;
  /** Makes a fresh connection usable; when it fails the connection is given up and tried again. */
  readonly onUp: (connection: BrokerConnection) => Promise<void>;
  readonly onDown: () => void;
  /** Pauses between attempts to connect, doubled each time. Default 100 ms, at most 5 s. */
  readonly retryMs?: { readonly first: number; readonly most: number };
}

/** One connection to the broker that comes back by itself until it is closed. */
export class RabbitLink {
  readonly #options: RabbitLinkOptions;
  readonly #closing = new AbortController();
  #connection: BrokerConnection | undefined;
  #up = Promise.withResolvers<void>();
  #lost = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: RabbitLinkOptions) {
    this.#options = options;
  }

  /** The first connection. @throws ReadingQueueError READING_QUEUE_UNREACHABLE */
  async open(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      const reason = (error as Error).message || (error as NodeJS.ErrnoException).code || "no reason given";
      throw new ReadingQueueError({ code: "READING_QUEUE_UNREACHABLE", reason }, { cause: error });
    }
    this.#running = this.#keepUp();
  }

  /** Undefined while the broker is away. */
  get connection(): BrokerConnection | undefined {
    return this.#connection;
  }

  /** Waits for the connection; undefined when the signal or closing came first. */
  async connected(signal: AbortSignal): Promise<BrokerConnection | undefined> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const stopped = Promise.withResolvers<void>();
    const stop = (): void => stopped.resolve();
    either.addEventListener("abort", stop, { once: true });
    while (this.#connection === undefined && !either.aborted) await Promise.race([this.#up.promise, stopped.promise]);
    either.removeEventListener("abort", stop);
    return either.aborted ? undefined : this.#connection;
  }

  /** Gives the connection up for a new one. */
  reset(reason: string): void {
    if (this.#connection === undefined) return;
    this.#options.logger.warn({ link: this.#options.name, reason }, "Gave up a connection to RabbitMQ");
    void this.#connection.close().catch(() => undefined);
    this.#lost.resolve();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#lost.resolve();
    await this.#running;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const connection = await this.#options.connect();
    const lost = Promise.withResolvers<void>();
    connection.on("error", () => lost.resolve());
    connection.on("close", () => lost.resolve());
    try {
      await Promise.race([this.#options.onUp(connection), lost.promise.then(() => Promise.reject(LOST))]);
    } catch (error) {
      void connection.close().catch(() => undefined);
      throw error;
    }
    this.#lost = lost;
    this.#connection = connection;
    this.#up.resolve();
  }

  async #keepUp(): Promise<void> {
    const { name, logger, onDown, retryMs = { first: 100, most: 5000 } } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#lost.promise;
      if (signal.aborted) return;
      this.#connection = undefined;
      this.#up = Promise.withResolvers();
      onDown();
      for (let [attempt, pauseMs] = [1, retryMs.first]; !signal.aborted; attempt++) {
        try {
          await this.#connect();
          logger.info({ link: name, attempt }, "Connected to RabbitMQ again");
          break;
        } catch (error) {
          logger.warn({ link: name, attempt, reason: (error as Error).message }, "RabbitMQ is away");
          await delay(pauseMs, undefined, { signal }).catch(() => undefined);
          pauseMs = Math.min(2 * pauseMs, retryMs.most);
        }
      }
    }
  }
}

const LOST = new Error("the connection was lost while it was set up");
