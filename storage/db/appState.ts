import { bucketKey, bucketRange } from "./buckets.ts";
import type { Store, StoreEntry, StoreOperation } from "./store.ts";

/** One change of the application's state: an absent value deletes the key. */
export interface AppStateWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** What a commit of the application changes, for the batch of its height. */
export function appStateOperations(writes: readonly AppStateWrite[]): readonly StoreOperation[] {
  return writes.map(({ key, value }) =>
    value === undefined
      ? { type: "del", key: bucketKey("appState", key) }
      : { type: "put", key: bucketKey("appState", key), value },
  );
}

/**
 * All entries of the application's state in the order of their keys, as they are now. That none is missing is for the caller to check:
 * the root over them is the application hash of the last block.
 */
export async function* loadAppState(store: Store): AsyncGenerator<StoreEntry> {
  for await (const [key, value] of store.iterate(bucketRange("appState"))) yield [key.subarray(1), value];
}
