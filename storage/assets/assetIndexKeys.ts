import { base58 } from "@scure/base";
import { type BucketName, bucketKey, readHeight, writeHeight } from "../db/buckets.ts";

/** Bytes of a position: height (8), place among the block's BigchainDB transactions (4), both big-endian, so that positions sort as the chain does. */
export const ASSET_POSITION_BYTES = 12;

const PUBLIC_KEY_BYTES = 32;
const MAX_UINT32 = 0xffff_ffff;

/** Where a BigchainDB transaction is. */
export interface AssetPosition {
  readonly height: number;
  /** Among the valid BigchainDB transactions of its block, from 0. */
  readonly index: number;
}

/** Which documents a word is in. */
export type SearchedDocument = "asset" | "metadata";

export function assetPosition({ height, index }: AssetPosition): Uint8Array {
  const bytes = new Uint8Array(ASSET_POSITION_BYTES);
  writeHeight(bytes, 0, height);
  bytes.set(uint32(index), 8);
  return bytes;
}

/** The position that starts at `offset`. */
export function readAssetPosition(bytes: Uint8Array, offset = 0): AssetPosition {
  return { height: readHeight(bytes, offset), index: readUint32(bytes, offset + 8) };
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}

/** Eight bytes, big-endian. */
export function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

export function readFloat64(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0);
}

/** Keys whose bytes are remembered, the last ones met: a transaction names each of its own several times. */
const MAX_KNOWN_KEYS = 4096;
const knownKeys = new Map<string, Uint8Array>();

/** 32 bytes of a key in base58, which nobody may change; undefined for a text that is none. */
export function publicKeyBytes(text: string): Uint8Array | undefined {
  if (text.length < PUBLIC_KEY_BYTES || text.length > 44) return undefined;
  const known = knownKeys.get(text);
  if (known !== undefined) return known;
  try {
    const bytes = base58.decode(text);
    if (bytes.length !== PUBLIC_KEY_BYTES) return undefined;
    if (knownKeys.size >= MAX_KNOWN_KEYS) knownKeys.clear();
    knownKeys.set(text, bytes);
    return bytes;
  } catch {
    return undefined;
  }
}

/** 32 bytes of an id in hex, in either case; undefined for a text that is none. */
export function assetIdBytes(text: string): Uint8Array | undefined {
  return /^[0-9a-fA-F]{64}$/.test(text) ? new Uint8Array(Buffer.from(text, "hex")) : undefined;
}

export function spentKey(txId: Uint8Array, outputIndex: number): Uint8Array {
  return bucketKey("assetSpent", txId, uint32(outputIndex));
}

/** What comes before the position in the key of a word. */
export function tokenPrefix(document: SearchedDocument, token: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(document === "asset" ? 1 : 2), Buffer.from(token, "utf8"), Uint8Array.of(0)]);
}

/** What comes before the position in the key of a metadata field. Neither part can hold the byte that ends it: UTF-8 has no 0xff. */
export function fieldPrefix(path: string, value: string): Uint8Array {
  const end = Uint8Array.of(0xff);
  return Buffer.concat([Buffer.from(path, "utf8"), end, Buffer.from(value, "utf8"), end]);
}

/** Keys of a bucket that begin with `prefix` and go on with a position, and perhaps more; `after` of the entry before the first. */
export function positionsUnder(
  bucket: BucketName,
  prefix: Uint8Array,
  { after, until }: { readonly after?: Uint8Array | undefined; readonly until?: Uint8Array | undefined } = {},
): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  const end = new Uint8Array(ASSET_POSITION_BYTES + 8).fill(0xff);
  return {
    gte: after === undefined ? bucketKey(bucket, prefix) : bucketKey(bucket, prefix, after, Uint8Array.of(0)),
    lt: bucketKey(bucket, prefix, until ?? end),
  };
}

/** The position of the first transaction of a height. */
export function firstPositionOf(height: number): Uint8Array {
  return assetPosition({ height, index: 0 });
}

/** The last place of a height. */
export function lastPositionOf(height: number): Uint8Array {
  return assetPosition({ height, index: MAX_UINT32 });
}
