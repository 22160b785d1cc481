import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { ReadingQueue } from "#storage/offchain/readingQueue.ts";
import type { ReadingSeries, ReadingStore, RetentionClass } from "#storage/offchain/readingStore.ts";
import {
  parseQueueAddress,
  parseStoreAddress,
  readTierCredentials,
  type TierCredentials,
  TierError,
} from "./tierAddress.ts";

export interface OpenTierOptions {
  /** File whose first line is `user:password`; empty or absent: none. */
  readonly credentialsFile?: string;
  /** A folder with nothing in it is an error, for whoever only reads. Otherwise it is made. */
  readonly mustExist?: boolean;
}

/**
 * The store at an address: the folder of a LevelDB, which is this process's alone until it closes, or
 * `cassandra://host[:port][,host…]/keyspace[?dc=NAME&replicas=N]`. Drivers are loaded when one is asked for.
 * @throws TierError, ReadingStoreError READING_STORE_UNREACHABLE, StoreError STORE_LOCKED, STORE_CORRUPT
 */
export async function openReadingStore(
  address: string,
  options: OpenTierOptions & {
    readonly retentionOf?: (series: ReadingSeries) => RetentionClass;
    /** Of a LevelDB, in bytes; its own defaults otherwise. */
    readonly cacheBytes?: number;
    readonly writeBufferBytes?: number;
  } = {},
): Promise<ReadingStore> {
  const { credentialsFile = "", mustExist = false, retentionOf, ...buffers } = options;
  const retention = retentionOf === undefined ? {} : { retentionOf };
  const parsed = parseStoreAddress(address);
  if (parsed.type === "cassandra") {
    const { type: _, replicas, ...place } = parsed;
    const credentials = readTierCredentials(credentialsFile);
    const { openCassandraStore } = await import("./cassandraStore.ts");
    return openCassandraStore({
      ...{ ...place, mustExist },
      ...retention,
      ...(replicas === undefined ? {} : { replication: { [place.localDataCenter ?? "datacenter1"]: replicas } }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  }
  const { folder } = parsed;
  if (mustExist && !existsSync(join(folder, "CURRENT")))
    throw missing(folder, "it holds no readings store", "name the folder of a LevelDB");
  const { openLevelReadingStore } = await import("#storage/offchain/levelReadingStore.ts");
  return openLevelReadingStore(folder, { ...retention, ...buffers });
}

/**
 * The queue at an address: a folder, which is this process's alone until it closes, or
 * `amqp[s]://host[:port]/vhost[?queue=NAME&type=quorum|classic&maxBytes=N]`.
 * @throws TierError, ReadingQueueError READING_QUEUE_UNREACHABLE, READING_QUEUE_CORRUPT, ReadingLogError READING_LOG_CORRUPT
 */
export async function openReadingQueue(
  address: string,
  options: OpenTierOptions & { readonly logger?: Pick<Logger, "info" | "warn"> } = {},
): Promise<ReadingQueue> {
  const { credentialsFile = "", mustExist = false, logger } = options;
  const parsed = parseQueueAddress(address);
  if (parsed.type === "rabbitmq") {
    const { type: _, url, ...about } = parsed;
    const credentials = readTierCredentials(credentialsFile);
    const { openRabbitQueue } = await import("./rabbitQueue.ts");
    return openRabbitQueue({ ...about, url: withCredentials(url, credentials), ...(logger && { logger }) });
  }
  const { folder } = parsed;
  if (mustExist && !(existsSync(folder) && readdirSync(folder).includes("consumer.place")))
    throw missing(folder, "it holds no queue of readings", "name the folder of an embedded queue");
  const { openEmbeddedQueue } = await import("#storage/offchain/embeddedQueue.ts");
  return openEmbeddedQueue(folder);
}

function withCredentials(url: string, credentials: TierCredentials | undefined): string {
  if (credentials === undefined) return url;
  const { username, password } = credentials;
  return url.replace("://", () => `://${encodeURIComponent(username)}:${encodeURIComponent(password)}@`);
}

function missing(folder: string, reason: string, hint: string): TierError {
  return new TierError({ code: "READING_TIER_MISSING", folder, reason, hint });
}
