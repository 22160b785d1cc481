import { sha256 } from "../crypto/hash.ts";
import { HASH_BYTES } from "../types/wire.ts";
import type { ResultEvent } from "./blockResults.ts";
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

/** What the keys of all transactions or blocks with an attribute of this name start with, whatever its value. */
export function attributeNamePrefix(name: string): Uint8Array | undefined {
  const bytes = Buffer.from(name, "utf8");
  return bytes.length > MAX_ATTRIBUTE_NAME_BYTES ? undefined : Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

/** The attribute's value in an index key whose prefix begins at `offset`; undefined when the key has its hash only. */
export function attributeValueOf(key: Uint8Array, offset: number): string | undefined {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const at = offset + 1 + bytes.readUInt8(offset);
  const length = bytes.readUInt16BE(at);
  return length === HASHED ? undefined : bytes.toString("utf8", at + 2, at + 2 + length);
}

/** The prefixes under which events are found: one for each attribute that is marked `index`, none twice. */
export function indexedPrefixes(events: readonly ResultEvent[]): readonly Uint8Array[] {
  const prefixes: Uint8Array[] = [];
  const seen = new Set<string>();
  for (const { type, attributes } of events) {
    for (const { key, value, index } of attributes) {
      if (!index) continue;
      const name = `${type}.${key}`;
      // The same pair always spells the same text; a different pair that does has a name with a zero in it, which no event has.
      const pair = `${name}\0${value}`;
      if (seen.has(pair)) continue;
      seen.add(pair);
      const prefix = attributePrefix(name, value);
      if (prefix !== undefined) prefixes.push(prefix);
    }
  }
  return prefixes;
}

/** Prefixes one after another, each with its length (2) in front. */
export function prefixListBytes(prefixes: readonly Uint8Array[]): number {
  return prefixes.reduce((bytes, prefix) => bytes + 2 + prefix.length, 0);
}

export function writePrefixList(prefixes: readonly Uint8Array[], into: Uint8Array, offset: number): void {
  let at = offset;
  for (const prefix of prefixes) {
    into[at] = prefix.length >> 8;
    into[at + 1] = prefix.length & 0xff;
    into.set(prefix, at + 2);
    at += 2 + prefix.length;
  }
}

/** @throws RangeError when the list ends early */
export function readPrefixList(bytes: Uint8Array, offset: number): readonly Uint8Array[] {
  const prefixes: Uint8Array[] = [];
  for (let at = offset; at < bytes.length; ) {
    const end = at + 2 + (((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0));
    if (end > bytes.length) throw new RangeError("an index entry ends early");
    prefixes.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return prefixes;
}
