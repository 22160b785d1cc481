import { type BucketName, bucketKey, readHeight, writeHeight } from "./buckets.ts";
import type { KeyRange, Store } from "./store.ts";
import {
  attributeNamePrefix,
  attributePrefix,
  attributeValueOf,
  decodePosition,
  POSITION_BYTES,
  type TxPosition,
} from "./txIndexKeys.ts";

/** What is scanned: every entry of an attribute's name, or only those of one value. */
export interface ScannedAttribute {
  /** `type.key` of an event's attribute. */
  readonly name: string;
  readonly value?: string;
}

/** Both included. */
export interface ScannedHeights {
  readonly from: number;
  readonly to: number;
}

export interface ScannedTx extends TxPosition {
  /** Undefined when the value is so long that the index has its hash only. */
  readonly value: string | undefined;
}

export interface ScannedBlock {
  readonly height: number;
  readonly value: string | undefined;
}

const HEIGHT_BYTES = 8;

/**
 * The index entries of an attribute: of one value in the order of the chain, of all values by value. A transaction with several values
 * of a name comes several times. Reads one entry after another, so that the caller can stop.
 */
export async function* scanTxs(
  store: Store,
  attribute: ScannedAttribute,
  heights: ScannedHeights,
): AsyncIterable<ScannedTx> {
  const range = rangeOf("txByAttribute", attribute, heights);
  if (range === undefined) return;
  for await (const [key] of store.iterate(range)) {
    const position = decodePosition(key, key.length - POSITION_BYTES);
    if (position.height < heights.from || position.height > heights.to) continue;
    yield { ...position, value: attributeValueOf(key, 1) };
  }
}

/** As scanTxs, of the events of blocks. */
export async function* scanBlocks(
  store: Store,
  attribute: ScannedAttribute,
  heights: ScannedHeights,
): AsyncIterable<ScannedBlock> {
  const range = rangeOf("blockByAttribute", attribute, heights);
  if (range === undefined) return;
  for await (const [key] of store.iterate(range)) {
    const height = readHeight(key, key.length - HEIGHT_BYTES);
    if (height < heights.from || height > heights.to) continue;
    yield { height, value: attributeValueOf(key, 1) };
  }
}

/** Every transaction of some heights, in the order of the chain. */
export async function* scanTxPositions(store: Store, { from, to }: ScannedHeights): AsyncIterable<TxPosition> {
  const range = {
    gte: bucketKey("txByPosition", heightBytes(from)),
    lt: bucketKey("txByPosition", heightBytes(to + 1)),
  };
  for await (const [key] of store.iterate(range)) yield decodePosition(key, 1);
}

function rangeOf(bucket: BucketName, { name, value }: ScannedAttribute, heights: ScannedHeights): KeyRange | undefined {
  if (value === undefined) {
    const prefix = attributeNamePrefix(name);
    // A value length is below 0xffff or is 0xffff; the height behind it begins with a byte below 0xff.
    return prefix && { gte: bucketKey(bucket, prefix), lt: bucketKey(bucket, prefix, Uint8Array.of(0xff, 0xff, 0xff)) };
  }
  const prefix = attributePrefix(name, value);
  return (
    prefix && {
      gte: bucketKey(bucket, prefix, heightBytes(heights.from)),
      lt: bucketKey(bucket, prefix, heightBytes(heights.to + 1)),
    }
  );
}

function heightBytes(height: number): Uint8Array {
  const bytes = new Uint8Array(HEIGHT_BYTES);
  writeHeight(bytes, 0, height);
  return bytes;
}
