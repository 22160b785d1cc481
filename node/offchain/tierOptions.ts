import { hash } from "node:crypto";
import { join, resolve } from "node:path";
import { homePaths } from "../configurationHome.ts";
import type { NodeOptions } from "../options.ts";
import { parseQueueAddress, parseStoreAddress, TierError } from "./tierAddress.ts";

export type SecondTierOptions = Pick<
  NodeOptions,
  "home" | "role" | "readingQueue" | "readingQueueCredentialsFile" | "readingStore" | "readingStoreCredentialsFile"
>;

/** Where a node's embedded store lies, and what its forwarding remembers. */
export function tierFolders(home: string): { readonly store: string; readonly forward: string } {
  const { data } = homePaths(home);
  return { store: join(data, "store"), forward: join(data, "forward") };
}

/** The address of a node's store, as `openReadingStore` takes it; undefined where its log is all it has. */
export function storeAddressOf({ home, readingStore }: Pick<NodeOptions, "home" | "readingStore">): string | undefined {
  if (readingStore === "log") return undefined;
  if (readingStore === "embedded") return tierFolders(home).store;
  return parseStoreAddress(readingStore).type === "level" ? resolve(home, readingStore) : readingStore;
}

/** Name of what the forwarding to this place remembers: another place begins with the log's first reading. */
export function forwardNameOf(options: SecondTierOptions): string {
  const { readingQueue } = options;
  return hash("sha256", readingQueue === "embedded" ? `${storeAddressOf(options)}` : readingQueue).slice(0, 16);
}

/** The address of the broker; undefined where the log is the queue. @throws TierError READING_TIER_ADDRESS_MALFORMED */
export function brokerOf({ readingQueue: address }: SecondTierOptions): string | undefined {
  if (address === "embedded") return undefined;
  if (parseQueueAddress(address).type === "rabbitmq") return address;
  const hint = "it is embedded, or amqp[s]://host[:port]/vhost[?queue=NAME&type=quorum|classic]";
  throw new TierError({ code: "READING_TIER_ADDRESS_MALFORMED", address, reason: "it names no broker", hint });
}
