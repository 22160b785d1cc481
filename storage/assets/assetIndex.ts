import { bucketKey, bucketRange, heightKey, writeHeight } from "../db/buckets.ts";
import type { Store, StoreOperation } from "../db/store.ts";
import {
  assetIdBytes,
  assetPosition,
  fieldPrefix,
  float64,
  publicKeyBytes,
  type SearchedDocument,
  spentKey,
  tokenPrefix,
  uint32,
} from "./assetIndexKeys.ts";
import {
  type AssetCursor,
  type CommittedAssetTx,
  decodeAssetCursor,
  encodeAssetCursor,
  encodeAssetTx,
} from "./assetIndexRecords.ts";
import { fieldsOf, type Json, parseWithDigits, scoreDocument } from "./assetText.ts";

const NONE = new Uint8Array(0);

const INDEX_BUCKETS = [
  "assetTx",
  "assetOrder",
  "assetHistory",
  "assetOutput",
  "assetSpent",
  "assetToken",
  "assetField",
  "assetTime",
  "assetCursor",
] as const;

/** Entries removed in one batch when an index is thrown away. */
const CLEAR_BATCH = 10_000;

/** The BigchainDB transactions of one block that took effect, in their order. */
export interface AssetBlock {
  readonly height: number;
  /** 32 bytes. */
  readonly blockHash: Uint8Array;
  /** Unix ms. */
  readonly timeMs: number;
  readonly transactions: readonly {
    readonly id: string;
    readonly ledgerTxId: Uint8Array;
    readonly json: string;
    /** What `parseWithDigits` makes of the JSON, where that has been done already. */
    readonly content?: Json;
  }[];
}

/** What the index reads of a transaction; everything has been validated before. */
interface IndexedTransaction {
  readonly operation: string;
  readonly asset: { readonly id?: string; readonly data?: Json };
  readonly metadata: Json;
  readonly inputs: readonly {
    readonly fulfills: { readonly transaction_id: string; readonly output_index: unknown } | null;
  }[];
  readonly outputs: readonly {
    readonly public_keys: readonly string[] | null;
    readonly condition: { readonly details: ConditionDetails };
  }[];
}

interface ConditionDetails {
  readonly public_key?: string;
  readonly subconditions?: readonly ConditionDetails[];
}

/** How far the index has come; undefined for an empty one, and for one of another version. */
export async function loadAssetCursor(store: Store): Promise<AssetCursor | undefined> {
  const bytes = await store.get(bucketKey("assetCursor"));
  return bytes === undefined ? undefined : decodeAssetCursor(bytes);
}

/**
 * What one block adds to the index, the cursor with it, for one atomic batch; `cursor` is the one before. The index needs no sync: what a crash
 * takes is taken together with its cursor, and comes from the blocks again.
 */
export function assetIndexOperations(block: AssetBlock, cursor: AssetCursor | undefined): readonly StoreOperation[] {
  const { height, blockHash, timeMs } = block;
  const operations: StoreOperation[] = [];
  for (const [index, { id, ledgerTxId, json, content = parseWithDigits(json) }] of block.transactions.entries())
    addTransaction(operations, { id, ledgerTxId, json, height, index, timeMs }, content as IndexedTransaction);
  if (block.transactions.length > 0) put(operations, timeKey(timeMs, height), NONE);
  const next = { height, blockHash, firstHeight: cursor?.firstHeight ?? height };
  put(operations, bucketKey("assetCursor"), encodeAssetCursor(next));
  return operations;
}

/** Removes everything, the cursor first, so that a crash meanwhile leaves an index that is begun anew. */
export async function clearAssetIndex(store: Store): Promise<void> {
  await store.batch([{ type: "del", key: bucketKey("assetCursor") }], { sync: true });
  for (const bucket of INDEX_BUCKETS)
    for (;;) {
      const operations: StoreOperation[] = [];
      for await (const [key] of store.iterate({ ...bucketRange(bucket), limit: CLEAR_BATCH }))
        operations.push({ type: "del", key });
      if (operations.length === 0) break;
      await store.batch(operations, { sync: false });
    }
}

/** Key of the entry that a block of this time has. */
export function timeKey(timeMs: number, height: number): Uint8Array {
  const time = new Uint8Array(8);
  writeHeight(time, 0, timeMs);
  return bucketKey("assetTime", time, heightKey("assetTime", height).subarray(1));
}

function addTransaction(operations: StoreOperation[], committed: CommittedAssetTx, tx: IndexedTransaction): void {
  const id = bytesOf(committed.id);
  const position = assetPosition(committed);
  const isTransfer = tx.operation === "TRANSFER";
  const assetId = isTransfer ? bytesOf(tx.asset.id ?? "") : id;
  put(operations, bucketKey("assetTx", id), encodeAssetTx(committed));
  put(operations, bucketKey("assetOrder", position), id);
  put(operations, bucketKey("assetHistory", assetId, position), Uint8Array.of(isTransfer ? 2 : 1));

  for (const { fulfills } of tx.inputs)
    if (fulfills !== null)
      put(operations, spentKey(bytesOf(fulfills.transaction_id), indexOf(fulfills.output_index)), id);
  // The real server looks for transactions with the key in any output's public_keys, and then for outputs whose condition names it.
  const named = new Set(tx.outputs.flatMap(({ public_keys: keys }) => keys ?? []));
  for (const [index, { condition }] of tx.outputs.entries())
    for (const owner of ownersOf(condition.details)) {
      const key = named.has(owner) ? publicKeyBytes(owner) : undefined;
      if (key !== undefined) put(operations, bucketKey("assetOutput", key, position, uint32(index)), id);
    }

  if (!isTransfer) addTokens(operations, "asset", tx.asset.data ?? null, position);
  addTokens(operations, "metadata", tx.metadata, position);
  for (const { path, value } of fieldsOf(tx.metadata))
    put(operations, bucketKey("assetField", fieldPrefix(path, value), position), NONE);
}

function addTokens(
  operations: StoreOperation[],
  document: SearchedDocument,
  content: Json,
  position: Uint8Array,
): void {
  for (const [token, score] of scoreDocument(content))
    put(operations, bucketKey("assetToken", tokenPrefix(document, token), position), float64(score));
}

/** The keys that a condition names, nested ones too, each once. */
function ownersOf(details: ConditionDetails): ReadonlySet<string> {
  const owners = new Set<string>();
  const open = [details];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.public_key !== undefined) owners.add(next.public_key);
    open.push(...(next.subconditions ?? []));
  }
  return owners;
}

function put(operations: StoreOperation[], key: Uint8Array, value: Uint8Array): void {
  operations.push({ type: "put", key, value });
}

function bytesOf(idHex: string): Uint8Array {
  const bytes = assetIdBytes(idHex);
  if (bytes === undefined) throw new Error(`no id: ${idHex}`);
  return bytes;
}

/** Of a number with its digits. */
function indexOf(outputIndex: unknown): number {
  return Number(JSON.stringify(outputIndex));
}
