import type { ArchivePeriod } from "#storage/archive/archivePeriods.ts";
import { type ReadingStore, type StoredReading, seriesName, seriesOf } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";

/** Where the readings of an archive come from. */
export interface ArchiveReadings {
  /** Meters that have readings, each once. */
  meters(): AsyncIterable<string>;
  /** Timestamp of the meter's oldest reading; undefined without any. */
  firstMs(meterId: string): Promise<number | undefined>;
  /** Of (fromMs, untilMs]; every series in order of time, no measurement twice. */
  read(meterId: string, period: ArchivePeriod): AsyncIterable<StoredReading>;
}

export function readingsOfStore(store: ReadingStore): ArchiveReadings {
  return {
    async *meters() {
      const seen = new Set<string>();
      for await (const { meterId } of store.series()) {
        if (seen.has(meterId)) continue;
        seen.add(meterId);
        yield meterId;
      }
    },
    async firstMs(meterId) {
      let first: number | undefined;
      for await (const series of store.series(meterId))
        for await (const item of store.read(series)) {
          const timestampMs = item.type === "reading" ? item.reading.timestampMs : item.timestampMs;
          first = Math.min(first ?? timestampMs, timestampMs);
          break;
        }
      return first;
    },
    async *read(meterId, { fromMs, untilMs }) {
      for await (const series of store.series(meterId)) yield* store.read(series, { afterMs: fromMs, untilMs });
    },
  };
}

/**
 * The same over a log of readings in the order in which they came: each question reads all of it. Of a measurement that is there twice the first
 * counts, as in a store.
 */
export function readingsOfLog(log: { scan(): AsyncIterable<Reading> }): ArchiveReadings {
  return {
    async *meters() {
      const seen = new Set<string>();
      for await (const { meterId } of log.scan()) seen.add(meterId);
      yield* seen;
    },
    async firstMs(meterId) {
      let first: number | undefined;
      for await (const reading of log.scan())
        if (reading.meterId === meterId) first = Math.min(first ?? reading.timestampMs, reading.timestampMs);
      return first;
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
