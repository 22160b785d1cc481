/** One partition is one series on one day (UTC): 17 280 rows and 2.5 MB at 5 s, 86 400 rows and 12 MB at 1 s, far below Cassandra's 100 MB. */
export const PARTITION_MS = 86_400_000;

export function dayOf(timestampMs: number): number {
  return Math.floor(timestampMs / PARTITION_MS);
}

/** Key of the row that says who writes; version 0 is that of a row nobody has changed. */
export const WRITER = "readings";

const NAME = /^[a-z][a-z0-9_]{0,47}$/;

export function isKeyspaceName(name: string): boolean {
  return NAME.test(name);
}

/**
 * replication: per data center the number of replicas, 3 where readings must survive the loss of a node. A keyspace that is there already is left
 * as it is.
 */
export function schemaOf(keyspace: string, replication: Readonly<Record<string, number>>): readonly string[] {
  const replicas = Object.entries(replication).map(([dataCenter, count]) => `'${dataCenter}': ${count}`);
  return [
    `CREATE KEYSPACE IF NOT EXISTS ${keyspace}
       WITH replication = {'class': 'NetworkTopologyStrategy', ${replicas.join(", ")}} AND durable_writes = true`,
    // What a time holds, storage/offchain/storedReading.ts: one cell, so that no two writes can mix.
    `CREATE TABLE IF NOT EXISTS ${keyspace}.readings (
       meter_id text, series text, day int, timestamp_ms bigint, entry blob,
       PRIMARY KEY ((meter_id, series, day), timestamp_ms)
     ) WITH CLUSTERING ORDER BY (timestamp_ms ASC) AND gc_grace_seconds = 864000`,
    `CREATE TABLE IF NOT EXISTS ${keyspace}.conflicts (
       meter_id text, series text, day int, timestamp_ms bigint, value bigint, record blob,
       PRIMARY KEY ((meter_id, series, day), timestamp_ms, value)
     ) WITH CLUSTERING ORDER BY (timestamp_ms ASC, value ASC)`,
    // Which partitions there are: without it a range query would have to try every day there ever was.
    `CREATE TABLE IF NOT EXISTS ${keyspace}.series_days (
       meter_id text, series text, day int,
       PRIMARY KEY ((meter_id), series, day)
     )`,
    // Who writes, cassandraLease.ts.
    `CREATE TABLE IF NOT EXISTS ${keyspace}.writer (
       name text PRIMARY KEY, version bigint, epoch bigint, holder text, wanted text
     )`,
    `INSERT INTO ${keyspace}.writer (name, version, epoch) VALUES ('${WRITER}', 0, 0) IF NOT EXISTS`,
  ];
}

export const KEYSPACE = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";

export function statementsOf(keyspace: string) {
  const row = "meter_id = ? AND series = ? AND day = ?";
  return {
    insert: `INSERT INTO ${keyspace}.readings (meter_id, series, day, timestamp_ms, entry) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`,
    some: `SELECT timestamp_ms, entry FROM ${keyspace}.readings WHERE ${row} AND timestamp_ms IN ?`,
    newest: `SELECT timestamp_ms FROM ${keyspace}.readings WHERE ${row} ORDER BY timestamp_ms DESC LIMIT 1`,
    range: `SELECT timestamp_ms, entry FROM ${keyspace}.readings WHERE ${row} AND timestamp_ms > ? AND timestamp_ms <= ?`,
    written: `SELECT timestamp_ms, entry, WRITETIME(entry) AS written FROM ${keyspace}.readings WHERE ${row} AND timestamp_ms > ? AND timestamp_ms <= ?`,
    conflict: `INSERT INTO ${keyspace}.conflicts (meter_id, series, day, timestamp_ms, value, record) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?`,
    conflictAt: `SELECT record FROM ${keyspace}.conflicts WHERE ${row} AND timestamp_ms = ? AND value = ?`,
    conflicts: `SELECT timestamp_ms, record FROM ${keyspace}.conflicts WHERE ${row} AND timestamp_ms > ? AND timestamp_ms <= ?`,
    forget: `DELETE FROM ${keyspace}.conflicts USING TIMESTAMP ? WHERE ${row} AND timestamp_ms > ? AND timestamp_ms <= ?`,
    writer: `SELECT version, epoch, holder, wanted FROM ${keyspace}.writer WHERE name = ?`,
    takeTurn: `UPDATE ${keyspace}.writer SET version = ?, epoch = ?, holder = ?, wanted = ? WHERE name = ? IF version = ?`,
    day: `INSERT INTO ${keyspace}.series_days (meter_id, series, day) VALUES (?, ?, ?)`,
    daysOf: `SELECT day FROM ${keyspace}.series_days WHERE meter_id = ? AND series = ? AND day >= ? AND day <= ?`,
    seriesOf: `SELECT DISTINCT meter_id FROM ${keyspace}.series_days`,
    seriesOfMeter: `SELECT series, day FROM ${keyspace}.series_days WHERE meter_id = ?`,
  } as const;
}
