import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
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
  type TimeRange,
} from "#storage/offchain/readingStore.ts";
import { checkErasable, conflictsOf, type StoredBytes, storedReadingOf } from "#storage/offchain/readingStoreRules.ts";
import { retentionBy } from "#storage/offchain/retention.ts";
import { encodeStoredReading, encodeTombstone } from "#storage/offchain/storedReading.ts";
import { encodeReading, MAX_READING_TIME_MS, type Reading } from "#storage/types/reading.ts";
import { unreachable } from "./cassandraErrors.ts";
import { LeaseLost, WriterLease } from "./cassandraLease.ts";
import { leaseTable } from "./cassandraLeaseTable.ts";
import { nameOfPartition, type Partition, partitionsOf, routingKeyOf, slicesOf } from "./cassandraPartitions.ts";
import { dayOf, isKeyspaceName, KEYSPACE, schemaOf, statementsOf } from "./cassandraSchema.ts";
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
  /** For whoever only reads: a keyspace that is not there is an error, not made. */
  readonly mustExist?: boolean;
}

/** Rows of one batch: about 15 kB, where Cassandra refuses 50. */
const MAX_BATCH_ROWS = 100;
/** Partitions read at once by one put. */
const MAX_PARTITIONS_AT_ONCE = 256;
const MAX_BATCHES_AT_ONCE = 32;
/** Partitions whose newest time is known, some 150 bytes each. */
const MAX_KNOWN = 200_000;
/** Times that another writer takes over from a put before it gives up. */
const MAX_ATTEMPTS = 5;
/** For the driver to let go of its connections. */
const SHUTDOWN_MS = 5000;
/** Without a put for so long, whoever waits may write. */
const IDLE_MS = 100;

const { consistencies } = types;
/** A majority of the replicas of this data center has it on disk; with reads the same, a read sees what was acknowledged. */
const QUORUM: QueryOptions = { prepare: true, consistency: consistencies.localQuorum, isIdempotent: true };
/** An erasure has happened when every replica has it: one that missed it could bring the value back. */
const EVERYWHERE: QueryOptions = { ...QUORUM, consistency: consistencies.all };

/**
 * Connects to a Cassandra cluster, and makes keyspace and tables where they are not there yet.
 * @throws ReadingStoreError READING_STORE_UNREACHABLE, READING_STORE_REFUSED for a keyspace name that is none, or one that must exist and does not
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
    if (options.mustExist === true) {
      const { rowLength } = await client.execute(KEYSPACE, [keyspace], { prepare: true });
      const reason = `there is no keyspace ${keyspace}`;
      if (rowLength === 0) throw new ReadingStoreError({ code: "READING_STORE_REFUSED", reason });
    }
    // Every node must know the tables before anybody writes into them; the driver waits for that.
    for (const statement of schemaOf(keyspace, options.replication ?? { [localDataCenter]: 3 }))
      await client.execute(statement);
  } catch (error) {
    await client.shutdown();
    throw unreachable(error);
  }
  const lease = new WriterLease(leaseTable(client, keyspace), {
    name: randomUUID(),
    nowUs: () => BigInt(Date.now()) * 1000n,
    monotonicMs: () => performance.now(),
    wait: delay,
  });
  return new CassandraStore(client, lease, keyspace, options.retentionOf ?? retentionBy());
}

class CassandraStore implements ReadingStore {
  readonly retentionOf: (series: ReadingSeries) => RetentionClass;
  readonly #client: Client;
  readonly #cql: ReturnType<typeof statementsOf>;
  readonly #lease: WriterLease;
  /** Newest time of partitions, -1 in an empty one: what nobody else writes need not be read again. All of these are in series_days. */
  readonly #newest = new Map<string, number>();
  readonly #keyspace: string;
  #idle: NodeJS.Timeout | undefined;
  /** Puts and erasures, one after another: each reads before it writes. */
  #writing: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    client: Client,
    lease: WriterLease,
    keyspace: string,
    retentionOf: (series: ReadingSeries) => RetentionClass,
  ) {
    this.#client = client;
    this.#lease = lease;
    this.#keyspace = keyspace;
    this.#cql = statementsOf(keyspace);
    this.retentionOf = retentionOf;
  }

  put(readings: readonly Reading[]): Promise<PutCounts> {
    return this.#exclusively(async () => {
      const counts = { stored: 0, duplicates: 0, conflicts: 0, erased: 0 };
      for (const slice of slicesOf(partitionsOf(readings))) {
        const put = await this.#putSlice(slice);
        for (const where of ["stored", "duplicates", "conflicts", "erased"] as const) counts[where] += put[where];
      }
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
    for await (const row of this.#inRange(this.#cql.range, series, range))
      yield storedReadingOf(bytesOf(row, "entry"), series);
  }

  async *conflicts(series: ReadingSeries, range: TimeRange = {}): AsyncGenerator<ReadingConflict> {
    this.#checkOpen();
    const rows = this.#inRange(this.#cql.conflicts, series, range);
    async function* records() {
      for await (const row of rows) yield bytesOf(row, "record");
    }
    yield* conflictsOf(records(), series, async (timestampMs) => {
      const place = { meterId: series.meterId, column: seriesColumn(series), day: dayOf(timestampMs), series };
      return (await this.#stored(place, [timestampMs])).get(timestampMs)?.stored;
    });
  }

  erase(
    series: ReadingSeries,
    range: TimeRange,
    leafHashOf: (reading: Reading) => Uint8Array | undefined,
  ): Promise<ErasureCounts> {
    return this.#exclusively(async () => {
      checkErasable(this, series);
      await this.#hold();
      const counts = { erased: 0, conflicts: 0, earlier: 0 };
      const column = seriesColumn(series);
      // First the conflicts: as long as one is there, so is the reading that it names.
      for await (const _conflict of this.#inRange(this.#cql.conflicts, series, range)) counts.conflicts += 1;
      for await (const { day, firstMs, lastMs } of this.#days(series, range)) {
        const place = [this.#lease.writeTime(), series.meterId, column, day, firstMs, lastMs];
        await this.#execute(this.#cql.forget, place, EVERYWHERE);
      }
      let batch: Erasure[] = [];
      for await (const row of this.#inRange(this.#cql.written, series, range)) {
        const stored = storedReadingOf(bytesOf(row, "entry"), series);
        if (stored.type === "erased") {
          counts.earlier += 1;
          continue;
        }
        const { timestampMs } = stored.reading;
        const day = dayOf(timestampMs);
        if (batch.length >= MAX_BATCH_ROWS || (batch[0]?.day ?? day) !== day) {
          await this.#bury(series, batch);
          batch = [];
        }
        const tombstone = encodeTombstone(leafHashOf(stored.reading));
        batch.push({ day, timestampMs, tombstone, written: BigInt(row.written as bigint) });
        counts.erased += 1;
      }
      await this.#bury(series, batch);
      await this.#confirm();
      return counts;
    });
  }

  async verify(): Promise<StoreReport> {
    this.#checkOpen();
    return verifyCassandra(this.#keyspace, (query, parameters = []) => this.#rows(query, parameters));
  }

  close(): Promise<void> {
    this.#closing ??= this.#writing.then(async () => {
      clearTimeout(this.#idle);
      // Where that fails, others wait until they see that nobody is there.
      await this.#lease.release().catch(() => undefined);
      // The driver sometimes waits for ever for a connection to a node that went away; nothing is written any more.
      const ended = new AbortController();
      const patience = delay(SHUTDOWN_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      await Promise.race([this.#client.shutdown(), patience]);
      ended.abort();
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Counted when nobody had taken over before all of it was written; else it is done again, over what is there by then. */
  async #putSlice(slice: readonly Partition[]): Promise<Counts> {
    for (let attempt = 1; ; attempt++) {
      await this.#hold();
      const counts = { stored: 0, duplicates: 0, conflicts: 0, erased: 0 };
      const isUncertain = attempt > 1;
      const writing: Writing = {
        counts,
        writeTime: this.#lease.writeTime(),
        isUncertain,
        days: [],
        fresh: [],
        rejected: [],
      };
      try {
        await eachOf(slice, MAX_PARTITIONS_AT_ONCE, (partition) => this.#lookInto(partition, writing));
        await this.#insert(writing);
        const { rejected } = writing;
        await eachOf(rejected, MAX_PARTITIONS_AT_ONCE, ([place, reading]) =>
          this.#putConflict(place, reading, writing),
        );
        await this.#lease.confirm();
        return counts;
      } catch (error) {
        this.#newest.clear();
        if (!(error instanceof LeaseLost) || attempt >= MAX_ATTEMPTS) throw unreachable(error);
      }
    }
  }

  /** What of a partition is to be written, and what is there already. */
  async #lookInto(partition: Partition, writing: Writing): Promise<void> {
    const newest = await this.#newestOf(partition);
    if (newest === undefined) writing.days.push(partition);
    const { counts } = writing;
    /** By time; the first of the put where there are several. */
    const first = new Map<number, Reading>();
    const others: Reading[] = [];
    for (const reading of partition.readings) {
      if (first.has(reading.timestampMs)) others.push(reading);
      else first.set(reading.timestampMs, reading);
    }
    const earlier = [...first.keys()].filter((timestampMs) => timestampMs <= (newest ?? -1));
    const found = await this.#stored(partition, earlier);
    const fresh: Row[] = [];
    const later: Reading[] = [];
    const values = new Map<number, number | "erased">();
    for (const [timestampMs, reading] of first) {
      const there = found.get(timestampMs);
      const entry = Buffer.from(encodeStoredReading(reading));
      if (there === undefined) {
        fresh.push({ timestampMs, entry });
        values.set(timestampMs, reading.value);
        counts.stored += 1;
        continue;
      }
      values.set(timestampMs, there.stored.type === "erased" ? "erased" : there.stored.reading.value);
      // Of an attempt that was not confirmed: it is this put that stored it.
      if (writing.isUncertain && there.entry.equals(entry)) counts.stored += 1;
      else later.push(reading);
    }
    if (fresh.length > 0) writing.fresh.push({ partition, rows: fresh });
    this.#know(
      partition,
      fresh.reduce((most, { timestampMs }) => Math.max(most, timestampMs), newest ?? -1),
    );
    const rejected = new Map<string, Reading>();
    for (const reading of [...later, ...others]) {
      const kept = values.get(reading.timestampMs);
      const name = `${reading.timestampMs} ${reading.value}`;
      if (kept === "erased") counts.erased += 1;
      else if (kept === reading.value || rejected.has(name)) counts.duplicates += 1;
      else rejected.set(name, reading);
    }
    for (const reading of rejected.values()) writing.rejected.push([partition, reading]);
  }

  /** Of times that have nothing, as far as this writer has seen. A day is listed before its first reading: one that is listed and empty does no harm. */
  async #insert({ days, fresh, writeTime }: Writing): Promise<void> {
    await this.#spread(
      this.#cql.day,
      days.map(({ meterId, column, day }) => ({ key: Buffer.from(meterId), values: [meterId, column, day] })),
    );
    await this.#spread(
      this.#cql.insert,
      fresh.flatMap(({ partition, rows }) => {
        const { meterId, column, day } = partition;
        const key = routingKeyOf(partition);
        return rows.map(({ timestampMs, entry }) => {
          return { key, values: [meterId, column, day, BigInt(timestampMs), entry, writeTime] };
        });
      }),
    );
  }

  /** In batches of rows that are for the same nodes: each of those gets one message for all. */
  async #spread(query: string, rows: readonly { readonly key: Buffer; readonly values: Values }[]): Promise<void> {
    const open = new Map<string, Values[]>();
    const batches: Values[][] = [];
    for (const { key, values } of rows) {
      const replicas = (this.#client.getReplicas(this.#keyspace, key) ?? []).map(({ address }) => address);
      const name = replicas.sort().join(" ");
      const batch = open.get(name) ?? [];
      batch.push(values);
      if (batch.length < MAX_BATCH_ROWS) open.set(name, batch);
      else {
        open.delete(name);
        batches.push(batch);
      }
    }
    batches.push(...open.values());
    await eachOf(batches, MAX_BATCHES_AT_ONCE, (batch) => this.#batch(query, batch, QUORUM));
  }

  #know(partition: Partition, newestMs: number): void {
    const name = nameOfPartition(partition);
    this.#newest.delete(name);
    this.#newest.set(name, newestMs);
    if (this.#newest.size <= MAX_KNOWN) return;
    const [oldest] = this.#newest.keys();
    this.#newest.delete(oldest as string);
  }

  async #putConflict({ meterId, column, day }: Partition, reading: Reading, writing: Writing): Promise<void> {
    const { timestampMs, value } = reading;
    const record = Buffer.from(encodeReading(reading));
    const place = [meterId, column, day, BigInt(timestampMs), BigInt(value)];
    const { rows } = await this.#execute(this.#cql.conflictAt, place, QUORUM);
    const there = rows[0]?.record as Buffer | undefined;
    // Delivered twice, it is one conflict and one duplicate of it.
    if (there !== undefined && !(writing.isUncertain && there.equals(record))) writing.counts.duplicates += 1;
    else {
      await this.#execute(this.#cql.conflict, [...place, record, writing.writeTime], QUORUM);
      writing.counts.conflicts += 1;
    }
  }

  /** Undefined: there is nothing, and its day may not be listed. */
  async #newestOf(partition: Partition): Promise<number | undefined> {
    const known = this.#newest.get(nameOfPartition(partition));
    if (known !== undefined) return known;
    const place = [partition.meterId, partition.column, partition.day];
    const { rows } = await this.#execute(this.#cql.newest, place, QUORUM);
    return rows[0] === undefined ? undefined : Number(rows[0].timestamp_ms);
  }

  async #stored(
    { meterId, column, day, series }: Omit<Partition, "readings">,
    times: readonly number[],
  ): Promise<Map<number, { readonly stored: StoredReading; readonly entry: Buffer }>> {
    const found = new Map<number, { readonly stored: StoredReading; readonly entry: Buffer }>();
    for (let at = 0; at < times.length; at += MAX_BATCH_ROWS) {
      const some = times.slice(at, at + MAX_BATCH_ROWS).map(BigInt);
      const { rows } = await this.#execute(this.#cql.some, [meterId, column, day, some], QUORUM);
      for (const row of rows) {
        const stored = storedReadingOf(bytesOf(row, "entry"), series);
        found.set(Number(row.timestamp_ms), { stored, entry: row.entry as Buffer });
      }
    }
    return found;
  }

  async #bury({ meterId, ...series }: ReadingSeries, erasures: readonly Erasure[]): Promise<void> {
    if (erasures.length === 0) return;
    const [column, writeTime] = [seriesColumn(series), this.#lease.writeTime()];
    const parameters = erasures.map(({ day, timestampMs, tombstone, written }) => {
      // Somebody may have written it with another clock.
      const time = written < writeTime ? writeTime : written + 1n;
      return [meterId, column, day, BigInt(timestampMs), Buffer.from(tombstone), time];
    });
    await this.#batch(this.#cql.insert, parameters, EVERYWHERE);
    await this.#confirm();
  }

  async #hold(): Promise<void> {
    try {
      if (!(await this.#lease.hold())) this.#newest.clear();
    } catch (error) {
      throw unreachable(error);
    }
  }

  /** What an erasure has done so far stands: it goes on when it is called again. */
  async #confirm(): Promise<void> {
    try {
      await this.#lease.confirm();
    } catch (error) {
      this.#newest.clear();
      throw unreachable(error);
    }
  }

  /** Rows of a series and time range, partition after partition. */
  async *#inRange(query: string, series: ReadingSeries, range: TimeRange): AsyncGenerator<types.Row> {
    for await (const { day, firstMs, lastMs } of this.#days(series, range))
      yield* this.#rows(query, [series.meterId, seriesColumn(series), day, firstMs, lastMs]);
  }

  /** Partitions of a range, and which part of each: firstMs < timestamp <= lastMs. */
  async *#days(
    series: ReadingSeries,
    { afterMs = -1, untilMs = MAX_READING_TIME_MS }: TimeRange,
  ): AsyncGenerator<{ readonly day: number; readonly firstMs: bigint; readonly lastMs: bigint }> {
    const [first, last] = [Math.max(afterMs, -1), Math.min(untilMs, MAX_READING_TIME_MS)];
    if (last <= first) return;
    const place = [series.meterId, seriesColumn(series)];
    const days = this.#rows(this.#cql.daysOf, [...place, dayOf(first + 1), dayOf(last)]);
    for await (const { day } of days) yield { day: day as number, firstMs: BigInt(first), lastMs: BigInt(last) };
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
    try {
      return await this.#client.execute(query, [...parameters], options);
    } catch (error) {
      throw unreachable(error);
    }
  }

  async #batch(query: string, parameters: readonly Values[], options: QueryOptions): Promise<void> {
    const queries = parameters.map((params) => ({ query, params: [...params] }));
    try {
      await this.#client.batch(queries, { ...options, logged: false });
    } catch (error) {
      throw unreachable(error);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ReadingStoreError({ code: "READING_STORE_CLOSED" });
  }

  async #exclusively<T>(act: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    clearTimeout(this.#idle);
    const done = this.#writing.then(act);
    const settled = done.then(
      () => this.#lease.yield().catch(() => undefined),
      () => undefined,
    );
    this.#writing = settled;
    void settled.then(() => {
      if (this.#writing !== settled || this.#closing !== undefined) return;
      this.#idle = setTimeout(() => {
        this.#writing = this.#writing.then(() => this.#lease.release()).catch(() => undefined);
      }, IDLE_MS);
    });
    return done;
  }
}

type Counts = { -readonly [Where in keyof PutCounts]: number };

type Values = readonly unknown[];

/** One attempt at writing. */
interface Writing {
  readonly counts: Counts;
  readonly writeTime: bigint;
  /** An attempt before this one may have written some of it. */
  readonly isUncertain: boolean;
  /** Not listed yet. */
  readonly days: Partition[];
  readonly fresh: { readonly partition: Partition; readonly rows: readonly Row[] }[];
  /** Second values, as they were put. */
  readonly rejected: [Partition, Reading][];
}

interface Row {
  readonly timestampMs: number;
  readonly entry: Buffer;
}

interface Erasure {
  readonly day: number;
  readonly timestampMs: number;
  readonly tombstone: Uint8Array;
  readonly written: bigint;
}

function bytesOf(row: types.Row, column: "entry" | "record"): StoredBytes {
  return { timestampMs: Number(row.timestamp_ms), bytes: row[column] as Buffer };
}
