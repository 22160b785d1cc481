import { type ArchiveEvery, type ArchivePeriod, archivePeriodOf } from "#storage/archive/archivePeriods.ts";
import {
  type ReadingSeries,
  type ReadingStore,
  type StoredReading,
  seriesName,
  seriesOf,
} from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";

/** Where the readings of an archive come from. */
export interface ArchiveReadings {
  /** Every meter and period that has readings, or tombstones, once. */
  periods(every: ArchiveEvery): AsyncIterable<{ readonly meterId: string; readonly period: ArchivePeriod }>;
  /** Of (fromMs, untilMs]; every series in order of time, no measurement twice. */
  read(meterId: string, period: ArchivePeriod): AsyncIterable<StoredReading>;
}

export function readingsOfStore(store: Pick<ReadingStore, "series" | "read">): ArchiveReadings {
  return {
    async *periods(every) {
      const found = new Map<string, { readonly meterId: string; readonly period: ArchivePeriod }>();
      for await (const series of store.series())
        for (let afterMs = 0; ; ) {
          const timestampMs = await firstAfter(store, series, afterMs);
          if (timestampMs === undefined) break;
          const period = archivePeriodOf(every, timestampMs);
          found.set(`${series.meterId} ${period.fromMs}`, { meterId: series.meterId, period });
          afterMs = period.untilMs;
        }
      yield* found.values();
    },
    async *read(meterId, { fromMs, untilMs }) {
      for await (const series of store.series(meterId)) yield* store.read(series, { afterMs: fromMs, untilMs });
    },
  };
}

async function firstAfter(
  store: Pick<ReadingStore, "read">,
  series: ReadingSeries,
  afterMs: number,
): Promise<number | undefined> {
  for await (const item of store.read(series, { afterMs }))
    return item.type === "reading" ? item.reading.timestampMs : item.timestampMs;
  return undefined;
}

/**
 * The same over a log of readings in the order in which they came: each question reads all of it. Of a measurement that is there twice the first
 * counts, as in a store.
 */
export function readingsOfLog(log: { scan(): AsyncIterable<Reading> }): ArchiveReadings {
  return {
    async *periods(every) {
      const found = new Map<string, { readonly meterId: string; readonly period: ArchivePeriod }>();
      const last = new Map<string, ArchivePeriod>();
      for await (const { meterId, timestampMs } of log.scan()) {
        const before = last.get(meterId);
        if (timestampMs === 0 || (before && timestampMs > before.fromMs && timestampMs <= before.untilMs)) continue;
        const period = archivePeriodOf(every, timestampMs);
        last.set(meterId, period);
        found.set(`${meterId} ${period.fromMs}`, { meterId, period });
      }
      yield* found.values();
    },
    async *read(meterId, { fromMs, untilMs }) {
      const series = new Map<string, Map<number, Reading>>();
      for await (const reading of log.scan()) {
        if (reading.meterId !== meterId || reading.timestampMs <= fromMs || reading.timestampMs > untilMs) continue;
        const name = seriesName(seriesOf(reading));
        const byTime = series.get(name) ?? new Map<number, Reading>();
        series.set(name, byTime);
        if (!byTime.has(reading.timestampMs)) byTime.set(reading.timestampMs, reading);
      }
      for (const byTime of series.values())
        for (const reading of [...byTime.values()].sort((a, b) => a.timestampMs - b.timestampMs))
          yield { type: "reading", reading };
    },
  };
}
