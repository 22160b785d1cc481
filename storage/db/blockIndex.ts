import type { ResultEvent } from "./blockResults.ts";
import { bucketKey, heightKey, heightOfKey, heightRange, writeHeight } from "./buckets.ts";
import { decodeRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";
import { indexedPrefixes, prefixListBytes, readPrefixList, writePrefixList } from "./txIndexKeys.ts";

const EMPTY = new Uint8Array(0);

/** What the events of a block itself, not those of its transactions, add to the index. Nothing for a block without indexed events. */
export function blockIndexOperations(height: number, events: readonly ResultEvent[]): readonly StoreOperation[] {
  const prefixes = indexedPrefixes(events);
  if (prefixes.length === 0) return [];
  const list = new Uint8Array(prefixListBytes(prefixes));
  writePrefixList(prefixes, list, 0);
  return [
    { type: "put", key: heightKey("blockAttributes", height), value: list },
    ...prefixes.map((prefix) => ({ type: "put" as const, key: blockAttributeKey(prefix, height), value: EMPTY })),
  ];
}

/** Removes blocks below `retainHeight` from the index, at most `limit` of them. */
export async function pruneBlockIndexOperations(
  store: Store,
  retainHeight: number,
  limit: number,
): Promise<readonly StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key, bytes] of store.iterate({ ...heightRange("blockAttributes", 0, retainHeight), limit })) {
    const prefixes = decodeRecord(key, bytes, (list) => readPrefixList(list, 0));
    operations.push({ type: "del", key });
    for (const prefix of prefixes) operations.push({ type: "del", key: blockAttributeKey(prefix, heightOfKey(key)) });
  }
  return operations;
}

export function blockAttributeKey(prefix: Uint8Array, height: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeHeight(bytes, 0, height);
  return bucketKey("blockByAttribute", prefix, bytes);
}
