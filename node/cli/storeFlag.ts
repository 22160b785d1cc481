import type { Command } from "commander";
import type { ReadingSeries, ReadingStore, RetentionClass } from "#storage/offchain/readingStore.ts";
import { openReadingStore } from "../offchain/openTier.ts";
import { told } from "./readingsTier.ts";

export interface StoreFlags {
  readonly store?: string;
  readonly storeCredentials?: string;
}

/** A store of readings that is there already, in place of what the command reads otherwise. */
export function withStoreFlags(command: Command, about: string): Command {
  return command
    .option("--store <address>", `${about}: folder of a LevelDB, or cassandra://host/keyspace`)
    .option("--store-credentials <file>", "file whose first line is user:password for a store on Cassandra");
}

/**
 * The store of the flags, which must be there.
 * @throws CliError READING_TIER_…, READING_STORE_UNREACHABLE, READING_STORE_REFUSED; StoreError STORE_LOCKED, STORE_CORRUPT
 */
export function openStore(
  address: string,
  { storeCredentials }: Pick<StoreFlags, "storeCredentials">,
  options: { readonly retentionOf?: (series: ReadingSeries) => RetentionClass } = {},
): Promise<ReadingStore> {
  const credentials = storeCredentials === undefined ? {} : { credentialsFile: storeCredentials };
  return told(openReadingStore(address, { ...credentials, ...options, mustExist: true }));
}
