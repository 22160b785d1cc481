import type { ReadingStore } from "#storage/offchain/readingStore.ts";
import { QUALITY } from "#storage/types/reading.ts";
import type { AuditItem, RowsRequest } from "./auditRows.ts";

/** What an off-chain store has of one meter; second values are marked REPLACED, so that they count as copies and nothing more. */
export async function* storeRows(
  store: Pick<ReadingStore, "series" | "read" | "conflicts">,
  { meterId, afterMs, untilMs }: RowsRequest,
): AsyncGenerator<AuditItem> {
  for await (const series of store.series(meterId)) {
    for await (const stored of store.read(series, { afterMs, untilMs }))
      if (stored.type === "reading") yield stored;
      else yield { type: "tombstone", timestampMs: stored.timestampMs, leafHash: stored.leafHash };
    for await (const { rejected } of store.conflicts(series, { afterMs, untilMs }))
      yield { type: "reading", reading: { ...rejected, quality: rejected.quality | QUALITY.REPLACED } };
  }
}
