import type { ReadingSeries, ReadingStore, TimeRange } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import { createCsvSource } from "../meter/csv.ts";
import type { SourceAccount } from "../meter/source.ts";

/** Where an analysis reads from: a file, a store, an array. By time within a series. */
export type ReadingsInput = AsyncIterable<Reading>;

/** The accepted readings of Low Carbon London files, one file after the other; `onFileEnd` gets the account of each. */
export async function* csvReadings(
  paths: readonly string[],
  options: {
    readonly signal: AbortSignal;
    readonly nowMs: () => number;
    readonly onFileEnd?: (path: string, account: SourceAccount) => void;
  },
): AsyncGenerator<Reading> {
  for (const path of paths) {
    const source = createCsvSource({ path, nowMs: options.nowMs });
    for await (const item of source.readings(options.signal)) if (item.type === "reading") yield item.reading;
    options.onFileEnd?.(path, source.account());
  }
}

/** What a store still has of one meter, series by series; erased readings are gaps. */
export async function* storeReadings(
  store: Pick<ReadingStore, "series" | "read">,
  meterId: string | undefined,
  range: TimeRange,
): AsyncGenerator<Reading> {
  const series: ReadingSeries[] = [];
  for await (const one of store.series(meterId)) if (one.kind === "interval" && one.phase === 0) series.push(one);
  for (const one of series)
    for await (const stored of store.read(one, range)) if (stored.type === "reading") yield stored.reading;
}
