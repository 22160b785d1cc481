import { Client, policies, type QueryOptions, types } from "cassandra-driver";
import {
  type ErasureCounts,
  type PutCounts,
  type ReadingConflict,
  type ReadingSeries,
  type ReadingStore,
  ReadingStoreError,
  type RetentionClass,
  type StoredReading,
  type StoreReport,
  seriesOf,
  type TimeRange,
} from "#storage/offchain/readingStore.ts";
import { retentionBy } from "#storage/offchain/retention.ts";
import {
  decodeRecordOf,
  decodeStoredReading,
  encodeStoredReading,
  encodeTombstone,
} from "#storage/offchain/storedReading.ts";
import { encodeReading, MAX_READING_TIME_MS, type Reading, validateReading } from "#storage/types/reading.ts";
import { dayOf, isKeyspaceName, schemaOf, statementsOf } from "./cassandraSchema.ts";
import { parseSeriesColumn, seriesColumn } from "./cassandraSeries.ts";
import { verifyCassandra } from "./cassandraVerify.ts";
import { eachOf } from "./eachOf.ts";

export interface CassandraStoreOptions {
  /** `host` or `host:port`, of some nodes of the cluster; the driver finds the others. */
  readonly contactPoints: readonly string[];
  /** The data center whose nodes answer. Default "datacenter1". */
  readonly localDataCenter?: string;
  /** Lower-case letters, digits and `_`, at most 48. Default "energy_ledger". */
  readonly keyspace?: string;
  /** Replicas per data center, for a keyspace that has to be made. Default 3 in the local one. */
  readonly replication?: Readonly<Record<string, number>>;
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly retentionOf?: (series: ReadingSeries) => RetentionClass;
}

/** Rows of one conditional batch: about 12 kB. */
const MAX_BATCH_ROWS = 100;
/** Partitions written at once by one put. */
const MAX_PARTITIONS_AT_ONCE = 64;
/** Partitions known to be listed, some 100 bytes each. */
const MAX_LISTED = 200_000;
/** Attempts at a conditional write that others raced. */
const MAX_ATTEMPTS = 10;

const { consistencies } = types;
/** A majority of the replicas of this data center has it on disk; with reads the same, a read sees what was acknowledged. */
const QUORUM: QueryOptions = { prepare: true, consistency: consistencies.localQuorum };
const CONDITIONAL: QueryOptions = { ...QUORUM, serialConsistency: consistencies.localSerial };
/** An erasure has happened when every replica has it: one that missed it could bring the value back. */
const EVERYWHERE: QueryOptions = { ...CONDITIONAL, consistency: consistencies.all };
/** Sees also what a conditional write that broke off has half done. */
const SERIAL_READ: QueryOptions = { prepare: true, consistency: consistencies.localSerial };

/**
 * Connects to a Cassandra cluster, and makes keyspace and tables where they are not there yet.
 * @throws ReadingStoreError READING_STORE_UNREACHABLE, READING_STORE_REFUSED for a keyspace name that is none
 */
export async function openCassandraStore(options: CassandraStoreOptions): Promise<ReadingStore> {
  const { contactPoints, localDataCenter = "datacenter1", keyspace = "energy_ledger" } = options;
  if (!isKeyspaceName(keyspace))
    throw new ReadingStoreError({ code: "READING_STORE_REFUSED", reason: `${keyspace} is no name of a keyspace` });
  const client = new Client({
    contactPoints: [...contactPoints],
    localDataCenter,
    ...(options.credentials && { credentials: { ...options.credentials } }),
    encoding: { useBigIntAsLong: true },
    pooling: { maxRequestsPerConnection: 2048 },
    policies: { reconnection: new policies.reconnection.ExponentialReconnectionPolicy(100, 5000, false) },
    socketOptions: { connectTimeout: 5000, readTimeout: 12_000 },
  });
  try {
    await client.connect();
    // Every node must know the tables before anybody writes into them; the driver waits for that.
    for (const statement of schemaOf(keyspace, options.replication ?? { [localDataCenter]: 3 }))
      await client.execute(statement);
  } catch (error) {
    await client.shutdown();
    throw unreachable(error);
  }
  return new CassandraStore(client, keyspace, options.retentionOf ?? retentionBy());
}

/** Readings of one partition, in the order of the put. */
interface Partition {
  readonly meterId: string;
  readonly column: string;
  readonly series: ReadingSeries;
  readonly day: number;
  readonly readings: Reading[];
}

class CassandraStore implements ReadingStore {
  readonly retentionOf: (series: ReadingSeries) => RetentionClass;
  readonly #client: Client;
  readonly #cql: ReturnType<typeof statementsOf>;
  /** Partitions whose day is in series_days. */
  readonly #listed = new Set<string>();
  readonly #keyspace: string;
  /** Puts and erasures, one after another: side by side they would only get in each other's way. */
  #writing: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(client: Client, keyspace: string, retentionOf: (series: ReadingSeries) => RetentionClass) {
    this.#client = client;
    this.#keyspace = keyspace;
    this.#cql = statementsOf(keyspace);
    this.retentionOf = retentionOf;
  }

  put(readings: readonly Reading[]): Promise<PutCounts> {
    return this.#exclusively(async () => {
      const counts = { stored: 0, duplicates: 0, conflicts: 0, erased: 0 };
      await eachOf(partitionsOf(readings), MAX_PARTITIONS_AT_ONCE, (partition) =>
        this.#putPartition(partition, counts),
      );
      return counts;
    });
  }

  async *series(meterId?: string): AsyncGenerator<ReadingSeries> {
    this.#checkOpen();
    const meters = meterId === undefined ? this.#rows(this.#cql.seriesOf, []) : [{ meter_id: meterId }];
    for await (const { meter_id } of meters) {
      let last: unknown;
      for await (const row of this.#rows(this.#cql.seriesOfMeter, [meter_id])) {
        if (row.series === last) continue;
        last = row.series;
        const series = parseSeriesColumn(meter_id as string, row.series as string);
        if (series !== undefined) yield series;
      }
    }
  }

  async *read(series: ReadingSeries, range: TimeRange = {}): AsyncGenerator<StoredReading> {
    this.#checkOpen();
    for await (const row of this.#inRange(this.#cql.range, series, range)) {
      const timestampMs = Number(row.timestamp_ms);
      const stored = decodeStoredReading(row.entry as Buffer, series, timestampMs);
      if (typeof stored === "string") throw corrupt(series, timestampMs, stored);
      yield stored;
    }
  }

  async *conflicts(series: ReadingSeries, range: TimeRange = {}): AsyncGenerator<ReadingConflict> {
    this.#checkOpen();
    for await (const row of this.#inRange(this.#cql.conflicts, series, range)) {
      const timestampMs = Number(row.timestamp_ms);
      const rejected = decodeRecordOf(row.record as Buffer, series, timestampMs);
      if (typeof rejected === "string") throw corrupt(series, timestampMs, rejected);
      const place = { meterId: series.meterId, column: seriesColumn(series), day: dayOf(timestampMs), series };
      const kept = (await this.#stored(place, [timestampMs])).get(timestampMs)?.stored;
      if (kept?.type !== "reading") throw corrupt(series, timestampMs, "the reading it is in conflict with is gone");
      yield { kept: kept.reading, rejected };
    }
  }

  erase(
    series: ReadingSeries,
    range: TimeRange,
    leafHashOf: (reading: Reading) => Uint8Array | undefined,
  ): Promise<ErasureCounts> {
    return this.#exclusively(async () => {
      const { meterId, quantity } = series;
      if (this.retentionOf(series) === "billing")
        throw new ReadingStoreError({ code: "READING_STORE_RETENTION_KEPT", meterId, quantity });
      const counts = { erased: 0, conflicts: 0, earlier: 0 };
      const column = seriesColumn(series);
      // First the conflicts: as long as one is there, so is the reading that it names.
      for await (const row of this.#inRange(this.#cql.conflicts, series, range)) {
        const timestampMs = Number(row.timestamp_ms);
        const rejected = decodeRecordOf(row.record as Buffer, series, timestampMs);
        if (typeof rejected === "string") throw corrupt(series, timestampMs, rejected);
        const place = [meterId, column, dayOf(timestampMs), BigInt(timestampMs), BigInt(rejected.value)];
        await this.#execute(this.#cql.forget, place, EVERYWHERE);
        counts.conflicts += 1;
      }
      let batch: Erasure[] = [];
      for await (const row of this.#inRange(this.#cql.range, series, range)) {
        const timestampMs = Number(row.timestamp_ms);
        const entry = row.entry as Buffer;
        const stored = decodeStoredReading(entry, series, timestampMs);
        if (typeof stored === "string") throw corrupt(series, timestampMs, stored);
        if (stored.type === "erased") {
          counts.earlier += 1;
          continue;
        }
        const day = dayOf(timestampMs);
        if (batch.length >= MAX_BATCH_ROWS || (batch[0]?.day ?? day) !== day) {
          await this.#bury(series, batch);
          batch = [];
        }
        batch.push({ day, timestampMs, entry, tombstone: encodeTombstone(leafHashOf(stored.reading)) });
        counts.erased += 1;
      }
      await this.#bury(series, batch);
      return counts;
    });
  }

  async verify(): Promise<StoreReport> {
    this.#checkOpen();
    return verifyCassandra(this.#keyspace, (query, parameters = []) => this.#rows(query, parameters));
  }

  close(): Promise<void> {
    this.#closing ??= this.#writing.then(() => this.#client.shutdown());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #putPartition(partition: Partition, counts: Counts): Promise<void> {
    await this.#list(partition);
    /** By time; the first of the put where there are several. */
    const first = new Map<number, Reading>();
    const later: Reading[] = [];
    for (const reading of partition.readings) {
      if (first.has(reading.timestampMs)) later.push(reading);
      else first.set(reading.timestampMs, reading);
    }
    const values = new Map<number, number | "erased">();
    const candidates = [...first.values()];
    for (let at = 0; at < candidates.length; at += MAX_BATCH_ROWS)
      later.push(...(await this.#insert(partition, candidates.slice(at, at + MAX_BATCH_ROWS), values, counts)));
    for (const reading of later) {
      const kept = values.get(reading.timestampMs);
      if (kept === "erased") counts.erased += 1;
      else if (kept === reading.value) counts.duplicates += 1;
      else await this.#putConflict(partition, reading, counts);
    }
  }

  /**
   * Inserts those whose time has nothing yet, all in one conditional batch, and gives the others; `values` gets what stands at each time. Where
   * something is there already the batch does nothing, and goes again without what is there.
   */
  async #insert(
    partition: Partition,
    readings: readonly Reading[],
    values: Map<number, number | "erased">,
    counts: Counts,
  ): Promise<readonly Reading[]> {
    const { meterId, column, day } = partition;
    const entries = new Map(
      readings.map((reading) => [reading.timestampMs, Buffer.from(encodeStoredReading(reading))]),
    );
    const there: Reading[] = [];
    let left = readings;
    /** A write that broke off may have happened: what is found then and is ours to the byte was stored by it. */
    let isUncertain = false;
    for (let attempt = 1; left.length > 0; attempt++) {
      const queries = left.map(({ timestampMs }) => ({
        query: this.#cql.insert,
        params: [meterId, column, day, BigInt(timestampMs), entries.get(timestampMs)],
      }));
      try {
        const result = await this.#client.batch(queries, { ...CONDITIONAL, logged: false });
        if (result.wasApplied()) {
          for (const { timestampMs, value } of left) values.set(timestampMs, value);
          counts.stored += left.length;
          return there;
        }
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isRaced(error)) throw unreachable(error);
        isUncertain = true;
      }
      if (attempt >= 2 * MAX_ATTEMPTS) throw unreachable(new Error("others write the same readings all the time"));
      const times = left.map(({ timestampMs }) => timestampMs);
      const found = await this.#stored(partition, times);
      const missing: Reading[] = [];
      for (const reading of left) {
        const at = found.get(reading.timestampMs);
        if (at === undefined) missing.push(reading);
        else {
          values.set(reading.timestampMs, at.stored.type === "erased" ? "erased" : at.stored.reading.value);
          if (isUncertain && at.entry.equals(entries.get(reading.timestampMs) as Buffer)) counts.stored += 1;
          else there.push(reading);
        }
      }
      left = missing;
    }
    return there;
  }

  async #putConflict({ meterId, column, day }: Partition, reading: Reading, counts: Counts): Promise<void> {
    const { timestampMs, value } = reading;
    const record = Buffer.from(encodeReading(reading));
    const parameters = [meterId, column, day, BigInt(timestampMs), BigInt(value), record];
    const result = await this.#execute(this.#cql.conflict, parameters, CONDITIONAL);
    // Delivered twice, it is one conflict and one duplicate of it.
    if (result.wasApplied()) counts.conflicts += 1;
    else counts.duplicates += 1;
  }

  /** Before the first reading of a partition: a day that is listed and empty does no harm. */
  async #list({ meterId, column, day }: Partition): Promise<void> {
    const name = `${meterId} ${column} ${day}`;
    if (this.#listed.has(name)) return;
    await this.#execute(this.#cql.day, [meterId, column, day], QUORUM);
    this.#listed.add(name);
    if (this.#listed.size <= MAX_LISTED) return;
    const [oldest] = this.#listed;
    this.#listed.delete(oldest as string);
  }

  async #stored(
    { meterId, column, day, series }: Omit<Partition, "readings">,
    times: readonly number[],
  ): Promise<Map<number, { readonly stored: StoredReading; readonly entry: Buffer }>> {
    const { rows } = await this.#execute(this.#cql.some, [meterId, column, day, times.map(BigInt)], SERIAL_READ);
    const found = new Map<number, { readonly stored: StoredReading; readonly entry: Buffer }>();
    for (const row of rows) {
      const timestampMs = Number(row.timestamp_ms);
      const stored = decodeStoredReading(row.entry as Buffer, series, timestampMs);
      if (typeof stored === "string") throw corrupt(series, timestampMs, stored);
      found.set(timestampMs, { stored, entry: row.entry as Buffer });
    }
    return found;
  }

  async #bury({ meterId, ...series }: ReadingSeries, erasures: readonly Erasure[]): Promise<void> {
    if (erasures.length === 0) return;
    const column = seriesColumn(series);
    const queries = erasures.map(({ day, timestampMs, entry, tombstone }) => ({
      query: this.#cql.bury,
      params: [Buffer.from(tombstone), meterId, column, day, BigInt(timestampMs), entry],
    }));
    const result = await this.#client.batch(queries, { ...EVERYWHERE, logged: false }).catch((error: unknown) => {
      throw unreachable(error);
    });
    if (!result.wasApplied()) throw unreachable(new Error("somebody else changes the same readings"));
  }

  /** Rows of a series and time range, partition after partition. */
  async *#inRange(
    query: string,
    series: ReadingSeries,
    { afterMs = -1, untilMs = MAX_READING_TIME_MS }: TimeRange,
  ): AsyncGenerator<types.Row> {
    const [first, last] = [Math.max(afterMs, -1), Math.min(untilMs, MAX_READING_TIME_MS)];
    if (last <= first) return;
    const place = [series.meterId, seriesColumn(series)];
    const days = this.#rows(this.#cql.daysOf, [...place, dayOf(first + 1), dayOf(last)]);
    for await (const { day } of days) yield* this.#rows(query, [...place, day, BigInt(first), BigInt(last)]);
  }

  /** Page by page. */
  async *#rows(query: string, parameters: readonly unknown[]): AsyncGenerator<types.Row> {
    try {
      yield* await this.#client.execute(query, [...parameters], { ...QUORUM, fetchSize: 5000 });
    } catch (error) {
      throw unreachable(error);
    }
  }

  async #execute(query: string, parameters: readonly unknown[], options: QueryOptions): Promise<types.ResultSet> {
    for (let attempt = 1; ; attempt++)
      try {
        return await this.#client.execute(query, [...parameters], options);
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isRaced(error)) throw unreachable(error);
      }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ReadingStoreError({ code: "READING_STORE_CLOSED" });
  }

  async #exclusively<T>(act: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const done = this.#writing.then(act);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

type Counts = { -readonly [Where in keyof PutCounts]: number };

interface Erasure {
  readonly day: number;
  readonly timestampMs: number;
  readonly entry: Buffer;
  readonly tombstone: Uint8Array;
}

/** @throws ReadingError READING_FIELD_INVALID before anything is written */
function partitionsOf(readings: readonly Reading[]): readonly Partition[] {
  const partitions = new Map<string, Partition>();
  for (const reading of readings) {
    validateReading(reading);
    const [column, day] = [seriesColumn(reading), dayOf(reading.timestampMs)];
    const name = `${reading.meterId} ${column} ${day}`;
    let partition = partitions.get(name);
    if (partition === undefined) {
      partition = { meterId: reading.meterId, column, series: seriesOf(reading), day, readings: [] };
      partitions.set(name, partition);
    }
    partition.readings.push(reading);
  }
  return [...partitions.values()];
}

/** Two conditional writes at the same partition at once: the one that gave way cannot tell what became of it. */
function isRaced(error: unknown): boolean {
  const { code, writeType } = error as { readonly code?: unknown; readonly writeType?: unknown };
  return (code === types.responseErrorCodes.writeTimeout && writeType === "CAS") || code === CAS_WRITE_UNKNOWN;
}

/** Native protocol v5 §9; this driver speaks v4 and may be newer one day. */
const CAS_WRITE_UNKNOWN = 0x1700;

/** Whatever the cluster says: no reading is such that Cassandra would refuse it for good, so it is worth another try when somebody has looked. */
function unreachable(error: unknown): unknown {
  if (error instanceof ReadingStoreError) return error;
  const { message, innerErrors } = error as Error & { readonly innerErrors?: Readonly<Record<string, unknown>> };
  const inner = Object.entries(innerErrors ?? {}).map(([host, reason]) => `${host}: ${reason}`);
  const reason = [message, ...inner].join("; ").slice(0, 500);
  return new ReadingStoreError({ code: "READING_STORE_UNREACHABLE", reason }, { cause: error });
}

function corrupt({ meterId, quantity }: ReadingSeries, timestampMs: number, reason: string): ReadingStoreError {
  return new ReadingStoreError({ code: "READING_STORE_CORRUPT", meterId, quantity, timestampMs, reason });
}
