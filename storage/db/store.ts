import { StoreError } from "./storeError.ts";

/** Bytes of a key: LevelDB keeps whole keys in its index blocks, and our longest are index entries with their attribute value. */
export const MAX_STORE_KEY_BYTES = 1024;

/** Bytes of a value: the largest block any decoder accepts, with its frame. */
export const MAX_STORE_VALUE_BYTES = 101 * 1024 * 1024;

export type StoreOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface KeyRange {
  /** First key of the range, itself included. */
  readonly gte: Uint8Array;
  /** End of the range, itself not included. */
  readonly lt: Uint8Array;
  /** From the end to the start. */
  readonly reverse?: boolean;
  /** At most this many entries; without it, all. */
  readonly limit?: number;
}

export type StoreEntry = readonly [key: Uint8Array, value: Uint8Array];

/**
 * Ordered keys (bytewise) with values, and atomic batches. Everything the node keeps on disk other than its logs is in one Store.
 * Bytes given to a store may be changed by the caller afterwards, and so may bytes it returned.
 */
export interface Store {
  /**
   * @throws StoreError STORE_CLOSED, STORE_VALUE_CORRUPT, STORE_CORRUPT, STORE_IO_FAILED
   */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;

  /**
   * All operations or none, in order; with `sync` they are on disk when the promise resolves. After a failed batch every further one is
   * refused: what reached the disk is known only after opening anew.
   * @throws StoreError STORE_CLOSED, STORE_DISK_FULL, STORE_FAILED, STORE_IO_FAILED, STORE_KEY_TOO_LONG, STORE_VALUE_TOO_LONG
   */
  batch(operations: readonly StoreOperation[], options: { readonly sync: boolean }): Promise<void>;

  /**
   * The entries of a range as they are at the time of this call, whatever is written while they are read.
   * @throws StoreError as `get`
   */
  iterate(range: KeyRange): AsyncIterable<StoreEntry>;

  /** Bytes this store occupies: on disk for a store on disk, of keys and values for one in memory. */
  sizeBytes(): Promise<number>;

  /** Waits for what is being written. Closing twice is allowed. */
  close(): Promise<void>;
}

/** Everything that a committed height changes, in one batch that is on disk when this resolves. */
export async function commitHeight(store: Store, operations: readonly StoreOperation[]): Promise<void> {
  await store.batch(operations, { sync: true });
}

/** @throws StoreError STORE_KEY_TOO_LONG, STORE_VALUE_TOO_LONG */
export function checkOperation(operation: StoreOperation): void {
  if (operation.key.length > MAX_STORE_KEY_BYTES)
    throw new StoreError({ code: "STORE_KEY_TOO_LONG", bytes: operation.key.length, maxBytes: MAX_STORE_KEY_BYTES });
  if (operation.type === "put" && operation.value.length > MAX_STORE_VALUE_BYTES)
    throw new StoreError({
      code: "STORE_VALUE_TOO_LONG",
      bytes: operation.value.length,
      maxBytes: MAX_STORE_VALUE_BYTES,
    });
}
