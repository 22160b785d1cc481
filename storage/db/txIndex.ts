import { type ErrorDetails, LedgerError } from "../error.ts";
import { HASH_BYTES } from "../types/wire.ts";
import type { ResultEvent } from "./blockResults.ts";
import { bucketKey } from "./buckets.ts";
import { decodeRecord, loadRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";
import {
  attributeKey,
  attributePrefix,
  decodePosition,
  encodePosition,
  indexedPrefixes,
  POSITION_BYTES,
  positionKey,
  prefixListBytes,
  readPrefixList,
  type TxPosition,
  writePrefixList,
} from "./txIndexKeys.ts";

/** Transactions in one page of an answer, as in CometBFT's RPC. */
export const MAX_INDEX_PAGE = 100;

const MAX_INDEX = 0xffff_ffff;

export type TxIndexErrorDetails = ErrorDetails &
  (
    | { readonly code: "INDEX_CURSOR_INVALID"; readonly bytes: number }
    | { readonly code: "INDEX_PAGE_TOO_LARGE"; readonly limit: number; readonly maxLimit: number }
  );

export class TxIndexError extends LedgerError<TxIndexErrorDetails> {}

export interface IndexedTx extends TxPosition {
  readonly txId: Uint8Array;
}

export interface TxPage {
  readonly txs: readonly IndexedTx[];
  /** Asks for what comes after this page; undefined when this is all. */
  readonly cursor: Uint8Array | undefined;
}

export interface TxPageRequest {
  readonly limit: number;
  /** Latest first. */
  readonly reverse?: boolean;
  /** Of the page before. */
  readonly cursor?: Uint8Array;
  /** Both included. */
  readonly fromHeight?: number;
  readonly toHeight?: number;
}

/**
 * What the transactions of a block add to the index, for the batch of their height. An event's attribute marked `index` is found as
 * `type.key` and its value: the application's events thus decide what can be looked up (meters, accounts, spent outputs).
 */
export function indexOperations(
  height: number,
  txs: readonly { readonly txId: Uint8Array; readonly events: readonly ResultEvent[] }[],
): readonly StoreOperation[] {
  const operations: StoreOperation[] = [];
  for (const [index, { txId, events }] of txs.entries()) {
    const position = encodePosition({ height, index });
    const prefixes = indexedPrefixes(events);
    operations.push({ type: "put", key: bucketKey("txById", txId), value: position });
    operations.push({ type: "put", key: bucketKey("txByPosition", position), value: encodeEntry(txId, prefixes) });
    for (const prefix of prefixes) operations.push({ type: "put", key: attributeKey(prefix, position), value: txId });
  }
  return operations;
}

/** Where a transaction is; the last place when the same bytes are in several blocks. */
export async function findTx(store: Store, txId: Uint8Array): Promise<TxPosition | undefined> {
  return loadRecord(store, bucketKey("txById", txId), readPosition);
}

/** The transactions of some heights, in the order of the chain. @throws TxIndexError */
export async function findTxsByHeight(store: Store, request: TxPageRequest): Promise<TxPage> {
  return findPage(store, (position) => bucketKey("txByPosition", position), request);
}

/** The transactions with an event attribute `name` (`type.key`) of exactly `value`. @throws TxIndexError */
export async function findTxsByAttribute(
  store: Store,
  attribute: { readonly name: string; readonly value: string },
  request: TxPageRequest,
): Promise<TxPage> {
  const prefix = attributePrefix(attribute.name, attribute.value);
  if (prefix === undefined) return { txs: [], cursor: undefined };
  return findPage(store, (position) => attributeKey(prefix, position), request);
}

/** Removes the transactions of heights below `retainHeight` from the index, at most `limit` of them. */
export async function pruneIndexOperations(
  store: Store,
  retainHeight: number,
  limit: number,
): Promise<readonly StoreOperation[]> {
  const operations: StoreOperation[] = [];
  const range = {
    gte: positionKey({ height: 0, index: 0 }),
    lt: positionKey({ height: retainHeight, index: 0 }),
    limit,
  };
  for await (const [key, bytes] of store.iterate(range)) {
    const { txId, prefixes } = decodeRecord(key, bytes, decodeEntry);
    const position = key.subarray(1);
    operations.push({ type: "del", key });
    for (const prefix of prefixes) operations.push({ type: "del", key: attributeKey(prefix, position) });
    // The same bytes may be in a later block again.
    const latest = await store.get(bucketKey("txById", txId));
    if (latest !== undefined && Buffer.compare(latest, position) === 0)
      operations.push({ type: "del", key: bucketKey("txById", txId) });
  }
  return operations;
}

/** One page of entries whose keys are `keyOf` a position and whose values start with a transaction id. */
async function findPage(
  store: Store,
  keyOf: (position: Uint8Array) => Uint8Array,
  request: TxPageRequest,
): Promise<TxPage> {
  const { limit, reverse = false, cursor, fromHeight = 0, toHeight = Number.MAX_SAFE_INTEGER - 1 } = request;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_INDEX_PAGE)
    throw new TxIndexError({ code: "INDEX_PAGE_TOO_LARGE", limit, maxLimit: MAX_INDEX_PAGE });
  if (cursor !== undefined && cursor.length !== POSITION_BYTES)
    throw new TxIndexError({ code: "INDEX_CURSOR_INVALID", bytes: cursor.length });
  let gte = keyOf(encodePosition({ height: fromHeight, index: 0 }));
  let lt = keyOf(encodePosition({ height: toHeight + 1, index: 0 }));
  if (cursor !== undefined) {
    const { height, index } = decodePosition(cursor);
    // A page goes on behind the last entry of the one before; the cursor cannot widen the heights asked for.
    const next = index === MAX_INDEX ? { height: height + 1, index: 0 } : { height, index: index + 1 };
    if (reverse) lt = smaller(lt, keyOf(cursor));
    else gte = larger(gte, keyOf(encodePosition(next)));
  }
  const txs: IndexedTx[] = [];
  for await (const [key, value] of store.iterate({ gte, lt, reverse, limit: limit + 1 })) {
    const position = decodePosition(key, key.length - POSITION_BYTES);
    txs.push({ ...position, txId: value.slice(0, HASH_BYTES) });
  }
  const hasMore = txs.length > limit;
  const page = txs.slice(0, limit);
  return { txs: page, cursor: hasMore ? encodePosition(page[limit - 1] as IndexedTx) : undefined };
}

/** Transaction id (32), then the prefixes: what pruning must remove. */
function encodeEntry(txId: Uint8Array, prefixes: readonly Uint8Array[]): Uint8Array {
  const entry = new Uint8Array(HASH_BYTES + prefixListBytes(prefixes));
  entry.set(txId);
  writePrefixList(prefixes, entry, HASH_BYTES);
  return entry;
}

function decodeEntry(bytes: Uint8Array): { readonly txId: Uint8Array; readonly prefixes: readonly Uint8Array[] } {
  if (bytes.length < HASH_BYTES) throw new RangeError("an index entry is shorter than a transaction id");
  return { txId: bytes.slice(0, HASH_BYTES), prefixes: readPrefixList(bytes, HASH_BYTES) };
}

function readPosition(bytes: Uint8Array): TxPosition {
  if (bytes.length !== POSITION_BYTES) throw new RangeError(`a position has ${bytes.length} bytes`);
  return decodePosition(bytes);
}

function smaller(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) < 0 ? a : b;
}

function larger(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) > 0 ? a : b;
}
