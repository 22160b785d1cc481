import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { openFollowerLetters } from "#storage/offchain/embeddedQueue.ts";
import { type DeadLetter, type ReadingQueue, ReadingQueueError } from "#storage/offchain/readingQueue.ts";
import { type ReadingStore, ReadingStoreError } from "#storage/offchain/readingStore.ts";
import { openReadingQueue, openReadingStore } from "../offchain/openTier.ts";
import { TierError } from "../offchain/tierAddress.ts";
import { forwardNameOf, storeAddressOf, tierFolders } from "../offchain/tierOptions.ts";
import { type CliError, cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";

export interface TierFlags {
  readonly queue?: string;
  readonly queueCredentials?: string;
  readonly store?: string;
  readonly storeCredentials?: string;
}

/** Looks whether a queue is empty. */
const LOOK_MS = 200;
/** A broker's last message may be on its way to here: then it is neither in the queue nor in hand. */
const LOOKS = 4;

/** The broker's queue of the flags, or of the options. @throws CliError QUEUE_MISSING, and as `told` */
export function openNamedQueue({ options }: CommandContext, flags: TierFlags): Promise<ReadingQueue> {
  const address = flags.queue ?? (options.readingQueue === "embedded" ? undefined : options.readingQueue);
  if (address === undefined) {
    const hint = "name one with --queue; a node's own log is drained by the node itself";
    throw cliError("usage", "QUEUE_MISSING", "neither --queue nor the option readingQueue names a queue", hint);
  }
  const credentialsFile = flags.queueCredentials ?? options.readingQueueCredentialsFile;
  return told(openReadingQueue(address, { credentialsFile, mustExist: true }));
}

/** The store of the flags, or of the options. @throws CliError STORE_MISSING, and as `told` */
export function openNamedStore({ options }: CommandContext, flags: TierFlags): Promise<ReadingStore> {
  const address = flags.store ?? storeAddressOf(options);
  if (address === undefined) {
    const hint = "name one with --store: a folder, or cassandra://host/keyspace";
    throw cliError("usage", "STORE_MISSING", "neither --store nor the option readingStore names a store", hint);
  }
  const credentialsFile = flags.storeCredentials ?? options.readingStoreCredentialsFile;
  return told(openReadingStore(address, { credentialsFile }));
}

/** What could not be opened or used, with the exit code of its kind. */
export async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TierError) throw tierAdvice(error);
    const isAway =
      (error instanceof ReadingQueueError && error.code === "READING_QUEUE_UNREACHABLE") ||
      (error instanceof ReadingStoreError && error.code === "READING_STORE_UNREACHABLE");
    if (isAway) throw cliError("unreachable", error.code, error.message, "start it, or name another one");
    if (error instanceof ReadingStoreError && error.code === "READING_STORE_REFUSED")
      throw cliError("usage", error.code, error.message, "name another store");
    throw error;
  }
}

function tierAdvice({ details }: TierError): CliError {
  switch (details.code) {
    case "READING_TIER_ADDRESS_MALFORMED":
      return cliError("usage", details.code, `${JSON.stringify(details.address)}: ${details.reason}`, details.hint);
    case "READING_TIER_ADDRESS_HAS_CREDENTIALS":
      return cliError("usage", details.code, `${details.address} came with a user or a password`, details.hint);
    case "READING_TIER_CREDENTIALS_UNREADABLE": {
      const hint = "make the file with `user:password` in its first line";
      return cliError("usage", details.code, `cannot use ${details.file}: ${details.reason}`, hint);
    }
    case "READING_TIER_MISSING":
      return cliError("usage", details.code, `${details.folder}: ${details.reason}`, details.hint);
  }
}

/** Resolves when nothing waits and nothing is in hand any more, or when the signal comes. */
export async function untilEmpty(queue: ReadingQueue, signal: AbortSignal): Promise<void> {
  for (let looks = 0; looks < LOOKS && !signal.aborted; ) {
    const before = queue.counts().acknowledged;
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    const isQuiet = (await queue.backlog()) === 0 && queue.counts().acknowledged === before;
    looks = isQuiet ? looks + 1 : 0;
  }
}

/** Refused readings of a queue, or of a stopped node's own way from its log to its store. */
export interface Letters extends AsyncDisposable {
  read(): AsyncIterable<DeadLetter>;
  /** Gives them back to the queue, or to the store; how many. What is refused again is there again. */
  retry(): Promise<number>;
}

/** @throws as openNamedQueue and openNamedStore; StoreError STORE_LOCKED while the home's node runs */
export async function openLetters(context: CommandContext, flags: TierFlags): Promise<Letters> {
  if (flags.queue !== undefined || context.options.readingQueue !== "embedded") {
    const queue = await openNamedQueue(context, flags);
    return {
      read: () => queue.deadLetters(),
      retry: () => told(queue.retryDeadLetters()),
      [Symbol.asyncDispose]: () => queue.close(),
    };
  }
  const { forward } = tierFolders(context.options.home);
  await using opening = new AsyncDisposableStack();
  // The node's own lock: two that write to one file of dead letters would lose some.
  const database = join(context.paths.data, "light");
  if (existsSync(join(database, "CURRENT"))) {
    const lock = await openLevelStore(database);
    opening.defer(() => lock.close());
  }
  const name = forwardNameOf(context.options);
  if (!existsSync(join(forward, `${name}.dead-letters.txt`)))
    return { async *read() {}, retry: async () => 0, async [Symbol.asyncDispose]() {} };
  const file = await openFollowerLetters(forward, name);
  opening.defer(() => file.close());
  const resources = opening.move();
  return {
    async *read() {
      yield* await file.read();
    },
    async retry() {
      await using store = await openNamedStore(context, flags);
      const letters = await file.read();
      let taken = 0;
      // The first that is refused again stays, and all behind it: they are looked at together.
      try {
        for (const { reading } of letters) {
          if (reading !== undefined) await store.put([reading]);
          taken += 1;
        }
      } finally {
        await file.removeFirst(taken);
      }
      return taken;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
