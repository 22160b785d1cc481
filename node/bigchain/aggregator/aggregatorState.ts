import type { Store, StoreOperation } from "#storage/db/store.ts";
import type { Reading } from "#storage/types/reading.ts";
import {
  ALL_METERS,
  ALL_OUTBOX,
  ALL_READINGS,
  ALL_TOLD,
  decodeJson,
  encodeJson,
  type MeterRecord,
  meterKey,
  type OpenInterval,
  type OutboxEntry,
  openKey,
  openOf,
  openUntil,
  outboxKey,
  outboxRange,
  readingKey,
  readingRange,
  timeOf,
  toldKey,
} from "./aggregatorRecords.ts";
import { AGGREGATIONS, aggregate, intervalEndOf, metadataOf, seriesName, seriesOf } from "./measurement.ts";

/** Entries removed in one batch. */
const REMOVED_AT_ONCE = 5_000;

/** How far a reading's time may be ahead of this clock: what is beyond comes of a broken one, and would wait here for its day, ms. */
const MAX_AHEAD_MS = 3_600_000;

/** What became of readings that were offered. */
export interface TakenReadings {
  readonly taken: number;
  /** Known already, with the same value or another one: the first counts. */
  readonly duplicates: number;
  /** Older than what is kept: their interval cannot be told anew. */
  readonly tooLate: number;
  /** More than MAX_AHEAD_MS ahead. */
  readonly tooEarly: number;
}

/** Readings, the intervals to be told, and what waits to be sent, on disk. One user at a time. */
export interface AggregatorState {
  /** On disk when it resolves; at most `keepMs` old. */
  take(readings: readonly Reading[], nowMs: number): Promise<TakenReadings>;
  /**
   * Puts the intervals that ended at `untilMs` or before into the outbox. Answers the meters that have something to send now. `meterOf` makes the record of a
   * meter that has none.
   */
  closeIntervals(untilMs: number, meterOf: (meterId: string) => MeterRecord): Promise<readonly string[]>;
  /** Oldest first. */
  waiting(meterId: string, limit: number): Promise<readonly OutboxEntry[]>;
  meter(meterId: string): Promise<MeterRecord | undefined>;
  meters(): Promise<readonly MeterRecord[]>;
  /** Replaces the meter's record and forgets entries of its outbox at once. */
  save(record: MeterRecord, sent?: readonly OutboxEntry[]): Promise<void>;
  countWaiting(): Promise<number>;
  /** Forgets readings older than `keepMs`, and which intervals of that time were told. */
  prune(nowMs: number): Promise<void>;
}

export function createAggregatorState(
  store: Store,
  { everyMs, keepMs }: { readonly everyMs: number; readonly keepMs: number },
): AggregatorState {
  // Batches that read and then write must not run into each other.
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
  }

  async function meter(meterId: string): Promise<MeterRecord | undefined> {
    const bytes = await store.get(meterKey(meterId));
    return bytes === undefined ? undefined : decodeJson<MeterRecord>(bytes);
  }

  async function valuesOf(interval: OpenInterval): Promise<readonly number[]> {
    const values: number[] = [];
    for await (const [, value] of store.iterate(readingRange(interval, everyMs)))
      values.push(decodeJson<number>(value));
    return values;
  }

  /** One interval into the outbox of its meter, in one batch with all that says so. */
  async function close(interval: OpenInterval, record: MeterRecord): Promise<void> {
    const values = await valuesOf(interval);
    const operations: StoreOperation[] = [{ type: "del", key: openKey(interval) }];
    if (values.length > 0) {
      const series = seriesOf(interval.series);
      const told = await store.get(toldKey(interval));
      const revision = told === undefined ? 0 : decodeJson<number>(told);
      const result = aggregate(values, AGGREGATIONS[series.kind]);
      const metadata = metadataOf(series, { endMs: interval.endMs, intervalMs: everyMs, revision }, result);
      operations.push(
        { type: "put", key: outboxKey(record.meterId, record.next), value: encodeJson(metadata) },
        { type: "put", key: toldKey(interval), value: encodeJson(revision + 1) },
        { type: "put", key: meterKey(record.meterId), value: encodeJson({ ...record, next: record.next + 1 }) },
      );
    }
    await store.batch(operations, { sync: true });
  }

  return {
    take: (readings, nowMs) =>
      inTurn(async () => {
        const operations: StoreOperation[] = [];
        const seen = new Set<string>();
        let [duplicates, tooLate, tooEarly] = [0, 0, 0];
        for (const reading of readings) {
          const { meterId, timestampMs, value } = reading;
          const series = seriesName(reading);
          if (timestampMs <= nowMs - keepMs) {
            tooLate += 1;
            continue;
          }
          if (timestampMs > nowMs + MAX_AHEAD_MS) {
            tooEarly += 1;
            continue;
          }
          const key = readingKey(meterId, series, timestampMs);
          const name = Buffer.from(key).toString("latin1");
          if (seen.has(name) || (await store.get(key)) !== undefined) {
            duplicates += 1;
            continue;
          }
          seen.add(name);
          const endMs = intervalEndOf(timestampMs, everyMs);
          operations.push({ type: "put", key, value: encodeJson(value) });
          operations.push({ type: "put", key: openKey({ meterId, series, endMs }), value: new Uint8Array(0) });
        }
        if (operations.length > 0) await store.batch(operations, { sync: true });
        return { taken: seen.size, duplicates, tooLate, tooEarly };
      }),

    closeIntervals: (untilMs, meterOf) =>
      inTurn(async () => {
        const meters = new Set<string>();
        const due: OpenInterval[] = [];
        for await (const entry of store.iterate(openUntil(untilMs))) due.push(openOf(entry));
        for (const interval of due) {
          await close(interval, (await meter(interval.meterId)) ?? meterOf(interval.meterId));
          meters.add(interval.meterId);
        }
        return [...meters];
      }),

    async waiting(meterId, limit) {
      const entries: OutboxEntry[] = [];
      for await (const [key, value] of store.iterate({ ...outboxRange(meterId), limit }))
        entries.push({ key, metadata: decodeJson(value) });
      return entries;
    },

    meter,

    async meters() {
      const records: MeterRecord[] = [];
      for await (const [, value] of store.iterate(ALL_METERS)) records.push(decodeJson(value));
      return records;
    },

    save: (record, sent = []) =>
      inTurn(async () => {
        // Intervals may have been closed since the caller read the record: numbers given away stay so.
        const next = Math.max(record.next, (await meter(record.meterId))?.next ?? 0);
        const operations: StoreOperation[] = [
          { type: "put", key: meterKey(record.meterId), value: encodeJson({ ...record, next }) },
        ];
        for (const { key } of sent) operations.push({ type: "del", key });
        await store.batch(operations, { sync: true });
      }),

    async countWaiting() {
      let count = 0;
      for await (const _ of store.iterate(ALL_OUTBOX)) count += 1;
      return count;
    },

    prune: (nowMs) =>
      inTurn(async () => {
        const before = nowMs - keepMs - everyMs;
        for (const range of [ALL_READINGS, ALL_TOLD]) {
          const operations: StoreOperation[] = [];
          for await (const [key] of store.iterate(range)) {
            if (timeOf(key) > before) continue;
            operations.push({ type: "del", key });
            if (operations.length >= REMOVED_AT_ONCE) await store.batch(operations.splice(0), { sync: false });
          }
          if (operations.length > 0) await store.batch(operations, { sync: false });
        }
      }),
  };
}
