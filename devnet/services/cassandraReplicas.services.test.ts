import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, errors, policies, types } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyOf } from "#consensus/application/testLedger.ts";
import { verifyReceipt } from "#node/audit/erasureReceipt.ts";
import { createSealedHome, SEALED_METER, SEALED_START_MS, type SealedHome } from "#node/audit/testSealedHome.ts";
import { saveKey } from "#node/cli/keyStore.ts";
import { TEST_PASSPHRASE } from "#node/cli/testIo.ts";
import { homePaths } from "#node/configurationHome.ts";
import { openReadingStore } from "#node/offchain/openTier.ts";
import { eventually } from "#node/testNetwork.ts";
import { ReadingStoreError, seriesOf } from "#storage/offchain/readingStore.ts";
import { storedReadingOf } from "#storage/offchain/readingStoreRules.ts";
import { encodeStoredReading } from "#storage/offchain/storedReading.ts";
import type { Reading } from "#storage/types/reading.ts";
import { type RunningCassandra, startCassandraCluster } from "./cassandra.ts";

/** Three nodes that have every reading each. */
const START_TIMEOUT_MS = 600_000;
const TIMEOUT_MS = 300_000;
const MINUTE_MS = 60_000;
const KEYSPACE = "sealed";

const directory = mkdtempSync(join(tmpdir(), "cassandra-"));
let nodes: readonly RunningCassandra[] = [];
let home: SealedHome;

beforeAll(async () => {
  [nodes, home] = await Promise.all([
    startCassandraCluster(directory, {
      nodes: 3,
      heapMiB: 384,
      // Started quickly rather than fast for long.
      java: ["-XX:TieredStopAtLevel=1"],
      // What a node missed stays missed until somebody writes or reads it, so that the tests see it.
      config: "hinted_handoff_enabled: false\nwrite_request_timeout: 6s\nread_request_timeout: 6s\n",
    }),
    createSealedHome({ intervals: 2 }),
  ]);
  await saveKey(homePaths(home.cli.home).keys, "prosumer", keyOf("prosumer"), TEST_PASSPHRASE);
}, START_TIMEOUT_MS);

afterAll(async () => {
  home?.[Symbol.dispose]();
  await Promise.all(nodes.map(({ stop }) => stop()));
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

const at = (i: number) => String(SEALED_START_MS + MINUTE_MS * (i + 1));

const addressOf = (keyspace: string) =>
  `cassandra://${nodes.map(({ contactPoint }) => contactPoint).join(",")}/${keyspace}?dc=datacenter1&replicas=3`;

/** Tries again what a slow or missing node kept from happening. */
function patiently<T>(work: () => Promise<T>): Promise<T> {
  return eventually(async () => {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof ReadingStoreError && error.code === "READING_STORE_UNREACHABLE";
      if (!isAway && !isNotAnswered(error)) throw error;
      return undefined;
    }
  });
}

function isNotAnswered(error: unknown): boolean {
  if (error instanceof errors.NoHostAvailableError || error instanceof errors.OperationTimedOutError) return true;
  const { unavailableException, readTimeout, writeTimeout } = types.responseErrorCodes;
  return (
    error instanceof errors.ResponseError && [unavailableException, readTimeout, writeTimeout].includes(error.code)
  );
}

/** Asks this node and no other one. */
async function ask(node: RunningCassandra, query: string, consistency = types.consistencies.one) {
  const only = new policies.loadBalancing.AllowListPolicy(new policies.loadBalancing.RoundRobinPolicy(), [
    node.contactPoint,
  ]);
  const client = new Client({
    ...{ contactPoints: [node.contactPoint], localDataCenter: node.dataCenter, policies: { loadBalancing: only } },
    queryOptions: { consistency },
    socketOptions: { readTimeout: 30_000 },
  });
  try {
    return (await client.execute(query)).rows;
  } finally {
    // Not waited for: a client that may use one host only sometimes waits for the others for ever.
    client.shutdown().catch(() => undefined);
  }
}

/** Until each node sees all others. */
async function waitUntilWhole(keyspace: string): Promise<void> {
  const query = `SELECT name FROM ${keyspace}.writer`;
  for (const node of nodes) await patiently(() => ask(node, query, types.consistencies.all));
}

/** What a node itself has, by time. */
async function ownReadings(node: RunningCassandra): Promise<ReadonlyMap<number, "reading" | "erased">> {
  const rows = await patiently(() => ask(node, `SELECT timestamp_ms, entry FROM ${KEYSPACE}.readings`));
  const series = seriesOf(home.readings[0] as Reading);
  return new Map(
    rows.map((row) => {
      const timestampMs = Number(row.timestamp_ms);
      return [timestampMs, storedReadingOf({ timestampMs, bytes: row.entry as Buffer }, series).type];
    }),
  );
}

/** Those of the readings that the files of a folder hold. */
function findIn(folder: string, readings: readonly Reading[]): readonly Reading[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  return readings.filter((reading) => files.some((bytes) => bytes.includes(Buffer.from(encodeStoredReading(reading)))));
}

test("an erasure waits for the node that is away; the same command ends it, and then no node has the values", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { cli, readings } = home;
  const third = nodes[2] as RunningCassandra;
  const address = addressOf(KEYSPACE);
  const store = await patiently(() => openReadingStore(address));
  const client = new Client({
    ...{ contactPoints: nodes.map(({ contactPoint }) => contactPoint), localDataCenter: "datacenter1" },
    socketOptions: { readTimeout: 30_000 },
  });
  for (const table of ["readings", "conflicts"]) {
    // A node that is asked answers from its own disk, on which values stand as they are.
    const change = `ALTER TABLE ${KEYSPACE}.${table} WITH speculative_retry = 'NEVER' AND compression = {'enabled': false}`;
    await patiently(() => client.execute(change));
  }
  await client.shutdown();
  const erasable = readings.slice(10, 20);
  await patiently(() => store.put(readings.slice(0, 15)));
  await patiently(() => store.put([{ ...(readings[11] as Reading), value: 7 }]));
  await third.kill();
  // Acknowledged by the two that are there.
  await patiently(() => store.put(readings.slice(15)));
  await store.close();

  const rules = join(cli.folder, "rules.json");
  writeFileSync(rules, '[{"meterId": "modbus:*", "kind": "interval", "retention": "raw"}]');
  const receipt = join(cli.folder, "receipt.json");
  const range = ["--meter", SEALED_METER, "--from", at(9), "--to", at(19)];
  const args = ["erase", ...range, "-o", receipt, "--retention", rules, "--store", address];
  const away = await cli.run(...args);
  expect([away.exit, away.err]).toEqual(["unreachable", expect.stringContaining("ERASE_REPLICA_AWAY")]);
  expect(away.err).toContain(address);
  expect(existsSync(receipt)).toBe(false);

  const foundOnDisk = ({ home: folder }: RunningCassandra) =>
    new Set(["data", "commitlog"].flatMap((part) => findIn(join(folder, part), erasable))).size;
  await third.start();
  await waitUntilWhole(KEYSPACE);
  // It has what it had, and not what it missed.
  const before = await ownReadings(third);
  expect([...before.keys()]).toStrictEqual(readings.slice(0, 15).map(({ timestampMs }) => timestampMs));
  expect(nodes.map(foundOnDisk)).toStrictEqual([10, 10, 5]);

  const ended = await eventually(async () => {
    const answer = await cli.run(...args, "--json");
    return answer.err.includes("ERASE_REPLICA_AWAY") ? undefined : answer;
  });
  expect([ended.exit, ended.json]).toMatchObject(["ok", { readings: 10 }]);
  const { receipt: signed } = verifyReceipt(readFileSync(receipt, "utf8"));
  expect(signed?.replicas).toEqual([
    { name: "reading log", readings: 10, conflicts: 0 },
    { name: address, readings: 10, conflicts: expect.any(Number) },
  ]);
  for (const node of nodes) {
    const own = await ownReadings(node);
    expect(erasable.map(({ timestampMs }) => own.get(timestampMs))).toStrictEqual(erasable.map(() => "erased"));
    expect([...own.values()].filter((type) => type === "reading").length).toBeGreaterThanOrEqual(10);
    expect(await patiently(() => ask(node, `SELECT record FROM ${KEYSPACE}.conflicts`))).toHaveLength(0);
  }
  const { exit } = await cli.run("audit", "--meter", SEALED_METER, "--offline", "--store", address, "--json");
  expect(exit).toBe("ok");

  // Overwritten values are on the disks until the operator does what node/offchain/README.md says.
  await Promise.all(
    nodes.map(async (node) => {
      await node.nodetool("flush", KEYSPACE);
      await node.nodetool("compact", KEYSPACE, "readings", "conflicts");
    }),
  );
  expect(nodes.map(({ home: folder }) => findIn(join(folder, "data"), erasable).length)).toStrictEqual([0, 0, 0]);
  await Promise.all(nodes.map(({ stop }) => stop()));
  expect(findIn(directory, erasable)).toStrictEqual([]);
  // What was not erased is where they were.
  expect(nodes.map(({ home: folder }) => findIn(join(folder, "data"), readings.slice(0, 10)).length)).toStrictEqual([
    10, 10, 10,
  ]);
});
