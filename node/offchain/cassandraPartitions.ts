import { type ReadingSeries, seriesOf } from "#storage/offchain/readingStore.ts";
import { type Reading, validateReading } from "#storage/types/reading.ts";
import { dayOf } from "./cassandraSchema.ts";
import { seriesColumn } from "./cassandraSeries.ts";

/** Readings of one partition, in the order of the put. */
export interface Partition {
  readonly meterId: string;
  readonly column: string;
  readonly series: ReadingSeries;
  readonly day: number;
  readonly readings: Reading[];
}

/** Readings written between two confirmations: a second or so. One partition may have more. */
const MAX_SLICE_READINGS = 10_000;

export function nameOfPartition({ meterId, column, day }: Pick<Partition, "meterId" | "column" | "day">): string {
  return `${meterId} ${column} ${day}`;
}

/** What Cassandra hashes to a place on its ring: of each column of the partition key a uint16 length, the bytes and a zero (CompositeType). */
export function routingKeyOf({ meterId, column, day }: Pick<Partition, "meterId" | "column" | "day">): Buffer {
  const days = Buffer.alloc(4);
  days.writeInt32BE(day);
  return Buffer.concat(
    [Buffer.from(meterId), Buffer.from(column), days].flatMap((bytes) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return [length, bytes, Buffer.alloc(1)];
    }),
  );
}

/** @throws ReadingError READING_FIELD_INVALID before anything is written */
export function partitionsOf(readings: readonly Reading[]): readonly Partition[] {
  const partitions = new Map<string, Partition>();
  for (const reading of readings) {
    validateReading(reading);
    const place = { meterId: reading.meterId, column: seriesColumn(reading), day: dayOf(reading.timestampMs) };
    const name = nameOfPartition(place);
    let partition = partitions.get(name);
    if (partition === undefined) {
      partition = { ...place, series: seriesOf(reading), readings: [] };
      partitions.set(name, partition);
    }
    partition.readings.push(reading);
  }
  return [...partitions.values()];
}

/** Partitions that are written and confirmed together. */
export function slicesOf(partitions: readonly Partition[]): readonly (readonly Partition[])[] {
  const slices: Partition[][] = [];
  let [slice, readings]: [Partition[], number] = [[], 0];
  for (const partition of partitions) {
    if (slice.length > 0 && readings + partition.readings.length > MAX_SLICE_READINGS) {
      slices.push(slice);
      [slice, readings] = [[], 0];
    }
    slice.push(partition);
    readings += partition.readings.length;
  }
  return slice.length > 0 ? [...slices, slice] : slices;
}
