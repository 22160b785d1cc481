import { readHeight, writeHeight } from "../db/buckets.ts";
import { ASSET_POSITION_BYTES, type AssetPosition, assetPosition, readAssetPosition } from "./assetIndexKeys.ts";

/** A BigchainDB transaction that is in a block and took effect. */
export interface CommittedAssetTx extends AssetPosition {
  /** Hex. */
  readonly id: string;
  /** Unix ms of its block. */
  readonly timeMs: number;
  /** SHA256 of the TxRaw that carries it: what a Merkle proof is of. 32 bytes. */
  readonly ledgerTxId: Uint8Array;
  /** The transaction as JSON, in whatever order of members. */
  readonly json: string;
}

/** How far the index has come. */
export interface AssetCursor {
  /** The last block in it. */
  readonly height: number;
  /** 32 bytes. */
  readonly blockHash: Uint8Array;
  /** The first block in it: 1 unless earlier ones were gone already. */
  readonly firstHeight: number;
}

const HASH_BYTES = 32;
const TIME_OFFSET = ASSET_POSITION_BYTES;
const LEDGER_TX_OFFSET = TIME_OFFSET + 8;
const JSON_OFFSET = LEDGER_TX_OFFSET + HASH_BYTES;
const CURSOR_BYTES = 8 + HASH_BYTES + 8 + 1;

/** Of what stands in the index; one that was made otherwise is made anew. 2: words are stemmed and scored as MongoDB does. */
const INDEX_VERSION = 2;

/** Position (12), block time (8), id of the ledger's transaction (32), JSON in UTF-8. */
export function encodeAssetTx({ height, index, timeMs, ledgerTxId, json }: CommittedAssetTx): Uint8Array {
  const text = Buffer.from(json, "utf8");
  const bytes = new Uint8Array(JSON_OFFSET + text.length);
  bytes.set(assetPosition({ height, index }));
  writeHeight(bytes, TIME_OFFSET, timeMs);
  bytes.set(ledgerTxId, LEDGER_TX_OFFSET);
  bytes.set(text, JSON_OFFSET);
  return bytes;
}

/** @throws RangeError for bytes that are too short; the store's checksums make that a fault of this program */
export function decodeAssetTx(id: Uint8Array, bytes: Uint8Array): CommittedAssetTx {
  return {
    id: Buffer.from(id).toString("hex"),
    ...readAssetPosition(bytes),
    timeMs: readHeight(bytes, TIME_OFFSET),
    ledgerTxId: bytes.slice(LEDGER_TX_OFFSET, JSON_OFFSET),
    json: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8", JSON_OFFSET),
  };
}

/** Height (8), block hash (32), first height (8), version (1). */
export function encodeAssetCursor({ height, blockHash, firstHeight }: AssetCursor): Uint8Array {
  const bytes = new Uint8Array(CURSOR_BYTES);
  writeHeight(bytes, 0, height);
  bytes.set(blockHash, 8);
  writeHeight(bytes, 8 + HASH_BYTES, firstHeight);
  bytes[CURSOR_BYTES - 1] = INDEX_VERSION;
  return bytes;
}

/** Undefined for that of an index of another version. */
export function decodeAssetCursor(bytes: Uint8Array): AssetCursor | undefined {
  if (bytes.length !== CURSOR_BYTES || bytes[CURSOR_BYTES - 1] !== INDEX_VERSION) return undefined;
  return {
    height: readHeight(bytes, 0),
    blockHash: bytes.slice(8, 8 + HASH_BYTES),
    firstHeight: readHeight(bytes, 8 + HASH_BYTES),
  };
}
