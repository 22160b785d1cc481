import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { createDrain, type DrainCounts } from "#storage/offchain/drain.ts";
import { followReadingLog } from "#storage/offchain/embeddedQueue.ts";
import type { ReadingLog } from "#storage/offchain/readingLog.ts";
import type { ReadingQueue } from "#storage/offchain/readingQueue.ts";
import { LateStore, type NodeStore } from "./lateStore.ts";
import { openReadingQueue, openReadingStore } from "./openTier.ts";
import { relayReadings } from "./relay.ts";
import { parseStoreAddress, readTierCredentials } from "./tierAddress.ts";
import { brokerOf, forwardNameOf, type SecondTierOptions, storeAddressOf, tierFolders } from "./tierOptions.ts";

/** Of this process, but for the backlog. Readings, where nothing else is said. */
export interface SecondTierState {
  readonly queue: string;
  readonly store: string;
  /** Batches of the log that are neither in the store nor in the queue of a broker yet. */
  readonly backlogBatches: number;
  /** Handed over: confirmed by the broker, or on the store's disks. */
  readonly forwarded: number;
  /** What this node's drain did; absent where another process has the store. */
  readonly drained?: DrainCounts;
  /** The queue or the store does not answer, or fails: it is tried again. */
  readonly isAway: boolean;
  readonly lastError?: { readonly atMs: number; readonly reason: string };
}

/** The way of one log. Dispose of it before the log is closed. */
export interface Forwarding extends AsyncDisposable {
  /** Batches before it need not be kept in the log any more. */
  forwardedBefore(): number;
  /** The log has more. */
  wake(): void;
}

/** Queue and store behind a node's log of readings. */
export interface SecondTier extends AsyncDisposable {
  /** Undefined where another process has the store. */
  readonly store: NodeStore | undefined;
  /** Begins to hand over what the log has and gets. One log at a time. @throws ReadingQueueError READING_QUEUE_CORRUPT */
  forward(log: ReadingLog): Promise<Forwarding>;
  state(): SecondTierState;
}

/** Small on a light node, whose memory is the prosumer's. */
const LIGHT_BUFFERS = { cacheBytes: 256 * 1024, writeBufferBytes: 512 * 1024 };
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;

/**
 * What the options name; undefined where readings stay in the node's log. A broker or a cluster that does not answer now is tried again while the
 * node runs; a database in a folder must open.
 * @throws TierError; StoreError STORE_LOCKED, STORE_CORRUPT
 */
export async function openSecondTier(
  options: SecondTierOptions,
  parts: { readonly log: Logger; readonly nowMs: () => number },
): Promise<SecondTier | undefined> {
  const storeAddress = storeAddressOf(options);
  const queueAddress = brokerOf(options);
  if (storeAddress === undefined && queueAddress === undefined) return undefined;
  // A file that cannot be read is found out now, and not when the broker is back.
  readTierCredentials(options.readingQueueCredentialsFile);
  readTierCredentials(options.readingStoreCredentialsFile);
  const tier = new NodeSecondTier(options, { storeAddress, queueAddress }, parts);
  await tier.begin();
  return tier;
}

class NodeSecondTier implements SecondTier {
  readonly store: LateStore | undefined;
  readonly #options: SecondTierOptions;
  readonly #queueAddress: string | undefined;
  readonly #isFolder: boolean;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #stopping = new AbortController();
  readonly #queue = Promise.withResolvers<ReadingQueue | undefined>();
  readonly #running: Promise<void>[] = [];
  readonly #drained = { stored: 0, duplicates: 0, conflicts: 0, erased: 0, refused: 0, attempts: 0 };
  #drain: { counts(): DrainCounts } | undefined;
  #follower: Awaited<ReturnType<typeof followReadingLog>> | undefined;
  /** Of followers that are closed. */
  #forwarded = 0;
  #isAway = false;
  #lastError: SecondTierState["lastError"];

  constructor(
    options: SecondTierOptions,
    addresses: { readonly storeAddress: string | undefined; readonly queueAddress: string | undefined },
    parts: { readonly log: Logger; readonly nowMs: () => number },
  ) {
    const { storeAddress } = addresses;
    this.#options = options;
    this.#queueAddress = addresses.queueAddress;
    this.#isFolder = storeAddress !== undefined && parseStoreAddress(storeAddress).type === "level";
    this.#log = parts.log.child({ part: "second tier" });
    this.#nowMs = parts.nowMs;
    const credentialsFile = options.readingStoreCredentialsFile;
    const buffers = options.role === "light" ? LIGHT_BUFFERS : {};
    this.store =
      storeAddress === undefined
        ? undefined
        : new LateStore(() => openReadingStore(storeAddress, { credentialsFile, ...buffers }));
  }

  async begin(): Promise<void> {
    if (this.#isFolder) await this.store?.opened();
    const { signal } = this.#stopping;
    if (this.#queueAddress === undefined) return this.#queue.resolve(undefined);
    const address = this.#queueAddress;
    const logger = {
      info: (facts: object, text: string) => {
        this.#isAway = false;
        this.#log.info(facts, text);
      },
      // What has a link is about the connection; a message that is no readings is not.
      warn: (facts: object, text: string) => this.#failed(facts, text, "link" in facts),
    };
    const credentialsFile = this.#options.readingQueueCredentialsFile;
    const options = { credentialsFile, logger: logger as Pick<Logger, "info" | "warn"> };
    const opening = this.#patiently("The queue of readings cannot be opened", signal, async () =>
      this.#queue.resolve(await openReadingQueue(address, options)),
    ).then(() => this.#queue.resolve(undefined));
    this.#running.push(opening);
    if (this.store !== undefined) this.#running.push(this.#drainQueue(signal));
  }

  async forward(log: ReadingLog): Promise<Forwarding> {
    const follower = await followReadingLog(log, tierFolders(this.#options.home).forward, forwardNameOf(this.#options));
    this.#follower = follower;
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#stopping.signal]);
    const running = this.#patiently("Readings cannot be handed over", signal, async () => {
      const queue = await Promise.race([this.#queue.promise, aborted(signal)]);
      if (queue !== undefined) await relayReadings(follower, queue, signal);
      else if (!signal.aborted) await this.#drainInto(follower, signal);
    });
    return {
      forwardedBefore: () => follower.nextBatch,
      wake: () => follower.wake(),
      [Symbol.asyncDispose]: async () => {
        ending.abort();
        await running;
        await follower.close();
        this.#forwarded += follower.counts().acknowledged;
        if (this.#follower === follower) this.#follower = undefined;
      },
    };
  }

  state(): SecondTierState {
    const { readingQueue: queue, readingStore: store } = this.#options;
    const forwarded = this.#forwarded + (this.#follower?.counts().acknowledged ?? 0);
    return {
      ...{ queue, store, backlogBatches: this.#follower?.backlogBatches ?? 0, forwarded },
      ...(this.store === undefined ? {} : { drained: sum(this.#drained, this.#drain?.counts()) }),
      isAway: this.#isAway,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
    await (await this.#queue.promise)?.close();
    await this.store?.[Symbol.asyncDispose]();
  }

  /** What the broker has, of all nodes, into this node's store. */
  async #drainQueue(signal: AbortSignal): Promise<void> {
    const queue = await Promise.race([this.#queue.promise, aborted(signal)]);
    if (queue === undefined) return;
    await this.#patiently("The queue of readings cannot be drained", signal, () => this.#drainInto(queue, signal));
  }

  async #drainInto(queue: Pick<ReadingQueue, "consume">, signal: AbortSignal): Promise<void> {
    if (this.store === undefined) return;
    const drain = createDrain({
      ...{ queue, store: this.store, wait },
      onStoreDown: (error) => {
        this.#isAway = error !== undefined;
        if (error !== undefined) this.#failed({ err: error }, "The store of readings does not answer");
        else this.#log.info("The store of readings answers again");
      },
    });
    this.#drain = drain;
    try {
      await drain.run(signal);
    } finally {
      Object.assign(this.#drained, sum(this.#drained, drain.counts()));
      this.#drain = undefined;
    }
  }

  /** Again and again until it has ended well or the signal came: nothing here is worth that meters are not read. */
  async #patiently(what: string, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS))
      try {
        await act();
        this.#isAway = false;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#failed({ err: error }, what);
        await wait(pauseMs, signal);
      }
  }

  #failed(facts: object, text: string, isAway = true): void {
    const { err, reason = err instanceof Error ? err.message : undefined } = facts as {
      readonly err?: unknown;
      readonly reason?: unknown;
    };
    if (isAway) this.#isAway = true;
    this.#lastError = { atMs: this.#nowMs(), reason: reason === undefined ? text : `${text}: ${String(reason)}` };
    this.#log.warn(facts, text);
  }
}

function sum(before: DrainCounts, now: DrainCounts | undefined): DrainCounts {
  if (now === undefined) return before;
  const entries = Object.entries(before).map(([name, count]) => [name, count + now[name as keyof DrainCounts]]);
  return Object.fromEntries(entries) as DrainCounts;
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => undefined);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
