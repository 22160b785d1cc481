import type { types } from "cassandra-driver";
import {
  MAX_REPORTED_FAULTS,
  type ReadingSeries,
  type StoreFault,
  type StoreReport,
} from "#storage/offchain/readingStore.ts";
import { decodeRecordOf, decodeStoredReading } from "#storage/offchain/storedReading.ts";
import { dayOf, statementsOf } from "./cassandraSchema.ts";
import { parseSeriesColumn } from "./cassandraSeries.ts";

type Rows = (query: string, parameters?: readonly unknown[]) => AsyncIterable<types.Row>;

const NO_SERIES: Omit<ReadingSeries, "meterId"> = { quantity: "activePower", kind: "instant", phase: 0, tariff: 0 };

/**
 * Reads every row. (a) its series column has its shape, (b) it stands in the partition of its day, (c) its record is whole and of its series
 * and time, (d) its partition is listed, (e) a conflict has a reading with another value beside it. One fault does not hide the next.
 */
export async function verifyCassandra(keyspace: string, rows: Rows): Promise<StoreReport> {
  const cql = statementsOf(keyspace);
  const counts = { series: 0, readings: 0, erased: 0, conflicts: 0 };
  const faults: StoreFault[] = [];
  let faultCount = 0;

  async function each(
    table: "readings" | "conflicts",
    column: "entry" | "record",
    look: (row: types.Row, series: ReadingSeries, timestampMs: number) => Promise<string | undefined>,
  ): Promise<void> {
    for await (const row of rows(`SELECT meter_id, series, day, timestamp_ms, ${column} FROM ${keyspace}.${table}`)) {
      const timestampMs = Number(row.timestamp_ms);
      const meterId = row.meter_id as string;
      const series = parseSeriesColumn(meterId, row.series as string);
      const reason =
        series === undefined
          ? `there is no series ${row.series}`
          : row.day !== dayOf(timestampMs)
            ? `it stands in the partition of day ${row.day}`
            : row[column] === null
              ? "its record is gone"
              : await look(row, series, timestampMs);
      if (reason === undefined) continue;
      faultCount += 1;
      if (faults.length < MAX_REPORTED_FAULTS)
        faults.push({ series: series ?? { meterId, ...NO_SERIES }, timestampMs, reason });
    }
  }

  let lastSeries = "";
  for await (const { meter_id, series } of rows(`SELECT meter_id, series, day FROM ${keyspace}.series_days`)) {
    if (`${meter_id} ${series}` !== lastSeries) counts.series += 1;
    lastSeries = `${meter_id} ${series}`;
  }

  let listed = "";
  await each("readings", "entry", async (row, series, timestampMs) => {
    const stored = decodeStoredReading(row.entry as Buffer, series, timestampMs);
    if (typeof stored === "string") return stored;
    counts[stored.type === "reading" ? "readings" : "erased"] += 1;
    const place = `${row.meter_id} ${row.series} ${row.day}`;
    if (place === listed) return undefined;
    listed = place;
    for await (const _ of rows(cql.daysOf, [row.meter_id, row.series, row.day, row.day])) return undefined;
    return "its day is not listed";
  });

  await each("conflicts", "record", async (row, series, timestampMs) => {
    const rejected = decodeRecordOf(row.record as Buffer, series, timestampMs);
    if (typeof rejected === "string") return rejected;
    counts.conflicts += 1;
    for await (const { entry } of rows(cql.some, [row.meter_id, row.series, row.day, [row.timestamp_ms]])) {
      const kept = decodeStoredReading(entry as Buffer, series, timestampMs);
      if (typeof kept === "string" || kept.type === "erased") break;
      return kept.reading.value === rejected.value
        ? "it has the value of the reading it is in conflict with"
        : undefined;
    }
    return "the reading it is in conflict with is not there";
  });
  return { ...counts, faults, faultCount };
}
