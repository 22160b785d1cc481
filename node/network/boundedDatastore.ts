import { NotFoundError } from "@libp2p/interface";
import type { Libp2pOptions } from "libp2p";
import { LedgerError } from "#storage/error.ts";

type Datastore = NonNullable<Libp2pOptions["datastore"]>;
type Key = Parameters<Datastore["put"]>[0];
type Pair = { readonly key: Key; readonly value: Uint8Array };

/** Bytes of one value: a signed peer record with its addresses is below 8 KiB. */
const MAX_VALUE_BYTES = 16 * 1024;

export class DatastoreError extends LedgerError<{
  readonly code: "DATASTORE_VALUE_TOO_LARGE";
  readonly bytes: number;
  readonly maxBytes: number;
}> {}

/**
 * The memory in which libp2p keeps its peer store and its DHT records. Both hold what strangers say, so the number of
 * entries is bounded (what was written longest ago goes first) and so is the size of each: libp2p's own memory store is not.
 */
export function createBoundedDatastore(maxEntries: number): Datastore {
  const pairs = new Map<string, Pair>();

  const put = (key: Key, value: Uint8Array): Key => {
    if (value.length > MAX_VALUE_BYTES)
      throw new DatastoreError({ code: "DATASTORE_VALUE_TOO_LARGE", bytes: value.length, maxBytes: MAX_VALUE_BYTES });
    const name = key.toString();
    pairs.delete(name);
    pairs.set(name, { key, value });
    if (pairs.size > maxEntries) {
      const oldest = pairs.keys().next();
      if (!oldest.done) pairs.delete(oldest.value);
    }
    return key;
  };

  const get = (key: Key): Uint8Array => {
    const pair = pairs.get(key.toString());
    if (pair === undefined) throw new NotFoundError("Not found");
    return pair.value;
  };

  const select = <T>(items: T[], query: Selection<T>): T[] => {
    let chosen = items.filter((item) => query.filters?.every((matches) => matches(item)) ?? true);
    for (const order of query.orders ?? []) chosen = chosen.toSorted(order);
    const start = query.offset ?? 0;
    return chosen.slice(start, query.limit === undefined ? undefined : start + query.limit);
  };

  const withPrefix = (prefix = ""): Pair[] =>
    [...pairs].filter(([name]) => name.startsWith(prefix)).map(([, pair]) => pair);

  return {
    put,
    get,
    has: (key) => pairs.has(key.toString()),
    delete: (key) => void pairs.delete(key.toString()),
    async *putMany(source) {
      for await (const { key, value } of source) yield put(key, value);
    },
    async *getMany(source) {
      for await (const key of source) yield { key, value: get(key) };
    },
    async *deleteMany(source) {
      for await (const key of source) {
        pairs.delete(key.toString());
        yield key;
      }
    },
    batch() {
      const operations: (() => void)[] = [];
      return {
        put: (key, value) => void operations.push(() => put(key, value)),
        delete: (key) => void operations.push(() => pairs.delete(key.toString())),
        commit() {
          for (const operation of operations.splice(0)) operation();
        },
      };
    },
    *query(query) {
      yield* select(withPrefix(query.prefix), query as Selection<Pair>);
    },
    *queryKeys(query) {
      yield* select(
        withPrefix(query.prefix).map(({ key }) => key),
        query as Selection<Key>,
      );
    },
  };
}

interface Selection<T> {
  readonly filters?: ((item: T) => boolean)[];
  readonly orders?: ((a: T, b: T) => number)[];
  readonly limit?: number;
  readonly offset?: number;
}
