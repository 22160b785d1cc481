import { bucketKey, heightOfKey, writeHeight } from "../db/buckets.ts";
import type { Store } from "../db/store.ts";
import {
  ASSET_POSITION_BYTES,
  assetIdBytes,
  assetPosition,
  fieldPrefix,
  firstPositionOf,
  float64,
  lastPositionOf,
  positionsUnder,
  publicKeyBytes,
  readFloat64,
  readUint32,
  type SearchedDocument,
  spentKey,
  tokenPrefix,
} from "./assetIndexKeys.ts";
import { type CommittedAssetTx, decodeAssetTx } from "./assetIndexRecords.ts";
import { type Json, parseWithDigits, textsOf } from "./assetText.ts";
import { asksForTermsAlone, matchesQuery, parseTextQuery } from "./textQuery.ts";
import { scoreText, tokensOf } from "./textTokens.ts";

/** Index entries that one text search looks at. */
export const MAX_SEARCHED_POSTINGS = 100_000;

/** Documents that one search with phrases or negated words opens, the highest scores first: whoever asks for what is nowhere must not have all of them read. */
export const MAX_MATCHED_DOCUMENTS = 10_000;

/** An output of a transaction. */
export interface OutputPointer {
  readonly transactionId: string;
  readonly outputIndex: number;
}

/** Something found, and the cursor that asks for what comes after it. */
export type Found<T> = T & { readonly cursor: string };

export interface PageStart {
  /** Cursor of the entry before; undefined for the beginning. One that is none finds nothing. */
  readonly after?: string | undefined;
  /** Unix ms of the blocks, both included. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Questions about committed BigchainDB transactions. Lists are in the order of the chain and are read as they are taken. */
export interface AssetQueries {
  transaction(id: string): Promise<CommittedAssetTx | undefined>;
  /** Of a CREATE and its TRANSFERs; hex in either case. `last`: only the newest. */
  transactionsOf(
    assetId: string,
    options?: PageStart & { readonly operation?: "CREATE" | "TRANSFER" | undefined; readonly last?: boolean },
  ): AsyncIterable<Found<CommittedAssetTx>>;
  /** All in a stretch of time. */
  transactionsBetween(options: PageStart): AsyncIterable<Found<CommittedAssetTx>>;
  /** Those whose metadata has this value at this path, numbers by their digits. */
  transactionsByField(path: string, value: string, options?: PageStart): AsyncIterable<Found<CommittedAssetTx>>;
  transactionsOfBlock(height: number): AsyncIterable<CommittedAssetTx>;
  /** Outputs that a key (base58) may spend alone or with others. `spent` undefined: spent ones and others. */
  outputsOf(
    publicKey: string,
    options?: PageStart & { readonly spent?: boolean | undefined },
  ): AsyncIterable<Found<OutputPointer>>;
  /** Id of the transaction that spent an output. */
  spenderOf(output: OutputPointer): Promise<string | undefined>;
  /** As MongoDB's text search does (textQuery.ts), the highest score first, then in the order of the chain. */
  search(document: SearchedDocument, text: string, after?: string): AsyncIterable<Found<CommittedAssetTx>>;
}

export function createAssetQueries(
  store: Store,
  { maxMatchedDocuments = MAX_MATCHED_DOCUMENTS }: { readonly maxMatchedDocuments?: number } = {},
): AssetQueries {
  async function load(id: Uint8Array): Promise<CommittedAssetTx | undefined> {
    const bytes = await store.get(bucketKey("assetTx", id));
    return bytes === undefined ? undefined : decodeAssetTx(id, bytes);
  }

  async function loadAt(position: Uint8Array): Promise<CommittedAssetTx | undefined> {
    const id = await store.get(bucketKey("assetOrder", position));
    return id === undefined ? undefined : load(id);
  }

  /** The transactions at the positions that are under a prefix, within the times. */
  async function* positioned(
    bucket: "assetHistory" | "assetField" | "assetOrder",
    prefix: Uint8Array,
    { after, fromMs, toMs }: PageStart,
    filter: (value: Uint8Array) => boolean = () => true,
    reverse = false,
  ): AsyncIterable<Found<CommittedAssetTx>> {
    const start = cursorBytes(after, ASSET_POSITION_BYTES);
    if (start === null) return;
    const from = fromMs === undefined ? undefined : await firstHeightSince(store, fromMs);
    if (fromMs !== undefined && from === undefined) return;
    const earliest = from === undefined ? undefined : firstPositionOf(from);
    const range = positionsUnder(bucket, prefix, { after: start });
    const gte = earliest === undefined ? range.gte : larger(range.gte, bucketKey(bucket, prefix, earliest));
    for await (const [key, value] of store.iterate({ gte, lt: range.lt, reverse })) {
      if (!filter(value)) continue;
      const position = key.subarray(key.length - ASSET_POSITION_BYTES);
      const tx = await loadAt(position);
      if (tx === undefined) continue;
      if (toMs !== undefined && tx.timeMs > toMs) return;
      yield { ...tx, cursor: hex(position) };
    }
  }

  return {
    async transaction(id) {
      const bytes = assetIdBytes(id);
      return bytes === undefined || id !== id.toLowerCase() ? undefined : load(bytes);
    },

    async *transactionsOf(assetId, options = {}) {
      const id = assetIdBytes(assetId);
      if (id === undefined) return;
      const { operation, last = false } = options;
      const wanted = operation === undefined ? undefined : operation === "CREATE" ? 1 : 2;
      const found = positioned("assetHistory", id, options, ([tag]) => wanted === undefined || tag === wanted, last);
      for await (const tx of found) {
        yield tx;
        if (last) return;
      }
    },

    transactionsBetween: (options) => positioned("assetOrder", new Uint8Array(0), options),

    transactionsByField: (path, value, options = {}) => positioned("assetField", fieldPrefix(path, value), options),

    async *transactionsOfBlock(height) {
      const range = {
        gte: bucketKey("assetOrder", firstPositionOf(height)),
        lt: bucketKey("assetOrder", lastPositionOf(height)),
      };
      for await (const [, id] of store.iterate(range)) {
        const tx = await load(id);
        if (tx !== undefined) yield tx;
      }
    },

    async *outputsOf(publicKey, { spent, after } = {}) {
      const key = publicKeyBytes(publicKey);
      const start = cursorBytes(after, ASSET_POSITION_BYTES + 4);
      if (key === undefined || start === null) return;
      for await (const [entry, id] of store.iterate(positionsUnder("assetOutput", key, { after: start }))) {
        const outputIndex = readUint32(entry, entry.length - 4);
        if (spent !== undefined && ((await store.get(spentKey(id, outputIndex))) !== undefined) !== spent) continue;
        const cursor = hex(entry.subarray(entry.length - ASSET_POSITION_BYTES - 4));
        yield { transactionId: hex(id), outputIndex, cursor };
      }
    },

    async spenderOf({ transactionId, outputIndex }) {
      const id = assetIdBytes(transactionId);
      if (id === undefined || !Number.isInteger(outputIndex) || outputIndex < 0 || outputIndex > 0xffff_ffff)
        return undefined;
      const spender = await store.get(spentKey(id, outputIndex));
      return spender === undefined ? undefined : hex(spender);
    },

    async *search(document, text, after) {
      const start = after === undefined ? undefined : readSearchCursor(after);
      if (start === null) return;
      const query = parseTextQuery(text);
      const isDecided = asksForTermsAlone(query);
      const scores = await scoreOf(store, document, query.terms);
      for (const id of query.ids) {
        const tx = await load(assetIdBytes(id) as Uint8Array);
        if (tx === undefined || (document === "asset" && isTransfer(tx))) continue;
        const position = hex(assetPosition(tx));
        scores.set(position, (scores.get(position) ?? 0) + (scoreText(id).get(tokensOf(id)[0] ?? "") ?? 0));
      }
      const sorted = [...scores].sort(compareScored);
      let opened = 0;
      for (const [position, score] of sorted) {
        if (start !== undefined && compareScored([position, score], start) <= 0) continue;
        if (!isDecided && opened >= maxMatchedDocuments) return;
        opened += 1;
        const tx = await loadAt(Buffer.from(position, "hex"));
        if (tx === undefined || !(isDecided || matchesQuery(query, searchedTexts(document, tx)))) continue;
        yield { ...tx, cursor: `${hex(float64(score))}-${position}` };
      }
    },
  };
}

type Scored = readonly [positionHex: string, score: number];

function compareScored([a, scoreA]: Scored, [b, scoreB]: Scored): number {
  return scoreB - scoreA || (a < b ? -1 : a > b ? 1 : 0);
}

/** The texts of what a search of assets or of metadata looks at. */
function searchedTexts(document: SearchedDocument, { id, json }: CommittedAssetTx): readonly string[] {
  const { asset, metadata } = parseWithDigits(json) as { readonly asset: { readonly data?: Json }; metadata: Json };
  return [id, ...textsOf(document === "asset" ? asset.data : metadata)];
}

function isTransfer({ json }: CommittedAssetTx): boolean {
  return (parseWithDigits(json) as { readonly operation: string }).operation === "TRANSFER";
}

/** What every transaction with any of the words counts for. */
async function scoreOf(
  store: Store,
  document: SearchedDocument,
  terms: readonly string[],
): Promise<Map<string, number>> {
  const scores = new Map<string, number>();
  let left = MAX_SEARCHED_POSTINGS;
  for (const token of terms) {
    if (left === 0) break;
    const range = { ...positionsUnder("assetToken", tokenPrefix(document, token)), limit: left };
    for await (const [key, score] of store.iterate(range)) {
      const position = hex(key.subarray(key.length - ASSET_POSITION_BYTES));
      scores.set(position, (scores.get(position) ?? 0) + readFloat64(score));
      left -= 1;
    }
  }
  return scores;
}

/** Height of the first block with transactions at or after a time; undefined when there is none. */
async function firstHeightSince(store: Store, timeMs: number): Promise<number | undefined> {
  const time = new Uint8Array(8);
  writeHeight(time, 0, timeMs);
  const range = {
    gte: bucketKey("assetTime", time),
    lt: bucketKey("assetTime", new Uint8Array(17).fill(0xff)),
    limit: 1,
  };
  for await (const [key] of store.iterate(range)) return heightOfKey(key.subarray(8));
  return undefined;
}

/** Undefined without a cursor, null for one that is none. */
function cursorBytes(cursor: string | undefined, bytes: number): Uint8Array | undefined | null {
  if (cursor === undefined) return undefined;
  return new RegExp(`^[0-9a-f]{${2 * bytes}}$`).test(cursor) ? Buffer.from(cursor, "hex") : null;
}

function readSearchCursor(cursor: string): Scored | null {
  const match = new RegExp(`^([0-9a-f]{16})-([0-9a-f]{${2 * ASSET_POSITION_BYTES}})$`).exec(cursor);
  return match === null ? null : [match[2] ?? "", readFloat64(Buffer.from(match[1] ?? "", "hex"))];
}

function larger(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) < 0 ? b : a;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
