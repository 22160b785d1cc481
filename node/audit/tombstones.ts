import { bucketKey } from "#storage/db/buckets.ts";
import type { Store, StoreOperation } from "#storage/db/store.ts";

/** What an erasure has left of a reading of the light node's log. */
export interface Tombstone {
  readonly timestampMs: number;
  /** 32 bytes; undefined for a reading that was in no sealed interval. */
  readonly leafHash: Uint8Array | undefined;
}

/** Bucket ownTombstone: meter id, zero, timestamp → leaf hash, or nothing. */
export function tombstoneKey(meterId: string, timestampMs: number): Uint8Array {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(timestampMs));
  return bucketKey("ownTombstone", Buffer.from(`${meterId}\0`), time);
}

export function tombstoneRow(meterId: string, { timestampMs, leafHash }: Tombstone): StoreOperation {
  return { type: "put", key: tombstoneKey(meterId, timestampMs), value: leafHash ?? new Uint8Array(0) };
}

/** By time. */
export async function* tombstonesOf(
  store: Store,
  { meterId, afterMs, untilMs }: { readonly meterId: string; readonly afterMs: number; readonly untilMs: number },
): AsyncGenerator<{ readonly type: "tombstone" } & Tombstone> {
  const range = { gte: tombstoneKey(meterId, afterMs + 1), lt: tombstoneKey(meterId, untilMs + 1) };
  for await (const [key, value] of store.iterate(range)) {
    const timestampMs = Number(Buffer.from(key).readBigUInt64BE(key.length - 8));
    yield { type: "tombstone", timestampMs, leafHash: value.length === 32 ? new Uint8Array(value) : undefined };
  }
}
