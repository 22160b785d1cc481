import { sha256 } from "../crypto/hash.ts";
import { HASH_BYTES } from "../types/wire.ts";
import { bucketKey, readHeight, writeHeight } from "./buckets.ts";

/** Height (8) and index in the block (4), big-endian: positions sort as the chain does. */
export const POSITION_BYTES = 12;

/** Longer attribute names are not indexed; ours are `event.key` with some 20 characters. */
export const MAX_ATTRIBUTE_NAME_BYTES = 255;

/** A longer attribute value is indexed by its hash. */
export const MAX_ATTRIBUTE_VALUE_BYTES = 256;
const HASHED = 0xffff;

export interface TxPosition {
  readonly height: number;
  /** Position in the block, from 0. */
  readonly index: number;
}

export function encodePosition({ height, index }: TxPosition): Uint8Array {
  const bytes = new Uint8Array(POSITION_BYTES);
  writeHeight(bytes, 0, height);
  new DataView(bytes.buffer).setUint32(8, index);
  return bytes;
}

/** The position in the 12 bytes at `offset`. */
export function decodePosition(bytes: Uint8Array, offset = 0): TxPosition {
  const index = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset + 8);
  return { height: readHeight(bytes, offset), index };
}

export function positionKey(position: TxPosition): Uint8Array {
  return bucketKey("txByPosition", encodePosition(position));
}

/**
 * What the keys of all transactions with one attribute start with: name length (1), name, value length (2), value. Lengths come first, so
 * that no value can be taken for the start of another. Undefined for a name that is too long.
 */
export function attributePrefix(name: string, value: string): Uint8Array | undefined {
  const nameBytes = Buffer.byteLength(name, "utf8");
  if (nameBytes > MAX_ATTRIBUTE_NAME_BYTES) return undefined;
  const valueBytes = Buffer.byteLength(value, "utf8");
  const isLong = valueBytes > MAX_ATTRIBUTE_VALUE_BYTES;
  const prefix = Buffer.allocUnsafe(1 + nameBytes + 2 + (isLong ? HASH_BYTES : valueBytes));
  prefix[0] = nameBytes;
  prefix.write(name, 1, "utf8");
  prefix.writeUInt16BE(isLong ? HASHED : valueBytes, 1 + nameBytes);
  if (isLong) prefix.set(sha256(Buffer.from(value, "utf8")), 3 + nameBytes);
  else prefix.write(value, 3 + nameBytes, "utf8");
  return prefix;
}

export function attributeKey(prefix: Uint8Array, position: Uint8Array): Uint8Array {
  return bucketKey("txByAttribute", prefix, position);
}
