import {
  type ReadingConflict,
  type ReadingSeries,
  type ReadingStore,
  ReadingStoreError,
  type StoredReading,
} from "./readingStore.ts";
import { decodeRecordOf, decodeStoredReading } from "./storedReading.ts";

/** Bytes as a store keeps them, and the time at which they stand. */
export interface StoredBytes {
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
}

/** @throws ReadingStoreError READING_STORE_RETENTION_KEPT */
export function checkErasable(store: Pick<ReadingStore, "retentionOf">, series: ReadingSeries): void {
  const { meterId, quantity } = series;
  if (store.retentionOf(series) === "billing")
    throw new ReadingStoreError({ code: "READING_STORE_RETENTION_KEPT", meterId, quantity });
}

/** @throws ReadingStoreError READING_STORE_CORRUPT */
export function storedReadingOf({ timestampMs, bytes }: StoredBytes, series: ReadingSeries): StoredReading {
  const stored = decodeStoredReading(bytes, series, timestampMs);
  if (typeof stored === "string") throw corruptReading(series, timestampMs, stored);
  return stored;
}

/** Conflict records of a series, each with the reading that `storedAt` finds at its time. @throws ReadingStoreError READING_STORE_CORRUPT */
export async function* conflictsOf(
  records: AsyncIterable<StoredBytes>,
  series: ReadingSeries,
  storedAt: (timestampMs: number) => Promise<StoredReading | undefined>,
): AsyncGenerator<ReadingConflict> {
  for await (const { timestampMs, bytes } of records) {
    const rejected = decodeRecordOf(bytes, series, timestampMs);
    if (typeof rejected === "string") throw corruptReading(series, timestampMs, rejected);
    const kept = await storedAt(timestampMs);
    if (kept?.type !== "reading")
      throw corruptReading(series, timestampMs, "the reading it is in conflict with is gone");
    yield { kept: kept.reading, rejected };
  }
}

export function corruptReading(
  { meterId, quantity }: ReadingSeries,
  timestampMs: number,
  reason: string,
): ReadingStoreError {
  return new ReadingStoreError({ code: "READING_STORE_CORRUPT", meterId, quantity, timestampMs, reason });
}
