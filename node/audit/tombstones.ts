import { bucketKey, bucketRange } from "#storage/db/buckets.ts";
import type { Store, StoreOperation } from "#storage/db/store.ts";
import type { ReadingSeries } from "#storage/offchain/readingStore.ts";
import type { Quantity, ReadingKind } from "#storage/types/reading.ts";

/** What an erasure has left of a reading of the light node's log. */
export interface Tombstone {
  readonly series: ReadingSeries;
  readonly timestampMs: number;
  /** 32 bytes; undefined for a reading that was in no sealed interval. */
  readonly leafHash: Uint8Array | undefined;
}

const LEAF_BYTES = 32;

/**
 * Bucket ownTombstone: meter id, zero, timestamp (8), series → leaf hash, or nothing. series: `quantity kind phase tariff`, so that a
 * reading that comes once more is known as erased.
 */
export function tombstoneRow({ series, timestampMs, leafHash }: Tombstone): StoreOperation {
  const { meterId, quantity, kind, phase, tariff } = series;
  const key = Buffer.concat([timeKey(meterId, timestampMs), Buffer.from(`${quantity} ${kind} ${phase} ${tariff}`)]);
  return { type: "put", key, value: leafHash ?? new Uint8Array(0) };
}

/** Of one meter, by time. */
export async function* tombstonesOf(
  store: Store,
  { meterId, afterMs, untilMs }: { readonly meterId: string; readonly afterMs: number; readonly untilMs: number },
): AsyncGenerator<Tombstone> {
  const range = { gte: timeKey(meterId, afterMs + 1), lt: timeKey(meterId, untilMs + 1) };
  for await (const [key, value] of store.iterate(range)) yield decode(key, value);
}

/** Of all meters. */
export async function* allTombstones(store: Store): AsyncGenerator<Tombstone> {
  for await (const [key, value] of store.iterate(bucketRange("ownTombstone"))) yield decode(key, value);
}

function timeKey(meterId: string, timestampMs: number): Uint8Array {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(timestampMs));
  return bucketKey("ownTombstone", Buffer.from(`${meterId}\0`), time);
}

function decode(key: Uint8Array, value: Uint8Array): Tombstone {
  const bytes = Buffer.from(key);
  const end = bytes.indexOf(0, 1);
  const [quantity = "", kind = "", phase, tariff] = bytes.toString("latin1", end + 9).split(" ");
  return {
    series: {
      meterId: bytes.toString("latin1", 1, end),
      quantity: quantity as Quantity,
      kind: kind as ReadingKind,
      phase: Number(phase),
      tariff: Number(tariff),
    },
    timestampMs: Number(bytes.readBigUInt64BE(end + 1)),
    leafHash: value.length === LEAF_BYTES ? new Uint8Array(value) : undefined,
  };
}
