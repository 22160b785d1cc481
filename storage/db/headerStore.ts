import { bucketKey, heightKey, heightOfKey, heightRange } from "./buckets.ts";
import { decodeNumbers, encodeNumbers, loadRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";

/** Headers removed by one `prune`: a batch of that many operations. */
export const MAX_PRUNED_HEADERS = 10_000;

const TOTALS_KEY = bucketKey("headerTotals");
const TRUSTED_KEY = bucketKey("trustedLightBlock");

export interface HeaderTotals {
  /** Headers stored now, and their bytes without keys and checksums. */
  readonly headers: number;
  readonly headerBytes: number;
}

export interface HeaderReport extends HeaderTotals {
  /** What the whole store occupies on disk. */
  readonly storeBytes: number;
}

/** What a light node keeps: one compact header a block, whose bytes are the caller's, and the latest block it trusts. */
export interface HeaderStore {
  /** Stores verified headers and the light block they lead to, in one synced batch; a header that is there already is replaced. */
  save(
    headers: readonly { readonly height: number; readonly bytes: Uint8Array }[],
    trustedLightBlock: Uint8Array,
  ): Promise<void>;
  load(height: number): Promise<Uint8Array | undefined>;
  /** Undefined before the first `save`. */
  loadTrusted(): Promise<Uint8Array | undefined>;
  /** Lowest and highest height stored; undefined when there is none. */
  range(): Promise<{ readonly from: number; readonly to: number } | undefined>;
  /** Removes headers below `height`, at most MAX_PRUNED_HEADERS of them; the number removed. */
  prune(height: number): Promise<number>;
  report(): Promise<HeaderReport>;
}

/** Calls that write must not overlap. */
export async function openHeaderStore(store: Store): Promise<HeaderStore> {
  const numbers = await loadRecord(store, TOTALS_KEY, (bytes) => decodeNumbers(bytes, 2));
  let totals: HeaderTotals = { headers: numbers?.[0] ?? 0, headerBytes: numbers?.[1] ?? 0 };

  async function write(operations: readonly StoreOperation[], next: HeaderTotals): Promise<void> {
    const value = encodeNumbers(next.headers, next.headerBytes);
    await store.batch([...operations, { type: "put", key: TOTALS_KEY, value }], { sync: true });
    totals = next;
  }

  async function edge(reverse: boolean): Promise<number | undefined> {
    const range = { ...heightRange("compactHeader", 0, Number.MAX_SAFE_INTEGER), reverse, limit: 1 };
    for await (const [key] of store.iterate(range)) return heightOfKey(key);
    return undefined;
  }

  return {
    async save(headers, trustedLightBlock) {
      let next = totals;
      const operations: StoreOperation[] = [{ type: "put", key: TRUSTED_KEY, value: trustedLightBlock }];
      for (const [height, bytes] of new Map(headers.map((header) => [header.height, header.bytes]))) {
        const key = heightKey("compactHeader", height);
        const replaced = await store.get(key);
        next = {
          headers: next.headers + (replaced === undefined ? 1 : 0),
          headerBytes: next.headerBytes + bytes.length - (replaced?.length ?? 0),
        };
        operations.push({ type: "put", key, value: bytes });
      }
      await write(operations, next);
    },

    load: (height) => store.get(heightKey("compactHeader", height)),

    loadTrusted: () => store.get(TRUSTED_KEY),

    async range() {
      const [from, to] = [await edge(false), await edge(true)];
      return from === undefined || to === undefined ? undefined : { from, to };
    },

    async prune(height) {
      const operations: StoreOperation[] = [];
      let bytes = 0;
      for await (const [key, value] of store.iterate({
        ...heightRange("compactHeader", 0, height),
        limit: MAX_PRUNED_HEADERS,
      })) {
        operations.push({ type: "del", key });
        bytes += value.length;
      }
      const next = { headers: totals.headers - operations.length, headerBytes: totals.headerBytes - bytes };
      if (operations.length > 0) await write(operations, next);
      return operations.length;
    },

    async report() {
      return { ...totals, storeBytes: await store.sizeBytes() };
    },
  };
}
