import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyOf } from "#consensus/application/testLedger.ts";
import { verifyReceipt } from "#node/audit/erasureReceipt.ts";
import { createSealedHome, SEALED_METER, SEALED_START_MS, type SealedHome } from "#node/audit/testSealedHome.ts";
import { saveKey } from "#node/cli/keyStore.ts";
import { TEST_PASSPHRASE } from "#node/cli/testIo.ts";
import { homePaths } from "#node/configurationHome.ts";
import { seriesColumn } from "#node/offchain/cassandraSeries.ts";
import { openCassandraStore } from "#node/offchain/cassandraStore.ts";
import { encodeStoredReading } from "#storage/offchain/storedReading.ts";
import type { Reading } from "#storage/types/reading.ts";
import { type RunningCassandra, startCassandra } from "./cassandra.ts";

/** Each test goes on from the state the one before left: readings sealed, put into Cassandra, tampered with, erased. */
const START_TIMEOUT_MS = 300_000;
const TIMEOUT_MS = 120_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const KEYSPACE = "sealed";
/** Behind what any writer of the store gives its cells. */
const LATER_US = 9_000_000_000_000_000n;

const directory = mkdtempSync(join(tmpdir(), "cassandra-"));
let cassandra: RunningCassandra;
let home: SealedHome;
let address: string;

beforeAll(async () => {
  cassandra = await startCassandra(directory);
  home = await createSealedHome({ intervals: 4, late: [18, 40] });
  const { contactPoint } = cassandra;
  await using store = await openCassandraStore({
    ...{ contactPoints: [contactPoint], keyspace: KEYSPACE },
    replication: { datacenter1: 1 },
  });
  await store.put(home.readings);
  address = `cassandra://${contactPoint}/${KEYSPACE}?dc=${cassandra.dataCenter}`;
  await saveKey(homePaths(home.cli.home).keys, "prosumer", keyOf("prosumer"), TEST_PASSPHRASE);
}, START_TIMEOUT_MS);

afterAll(async () => {
  home?.[Symbol.dispose]();
  await cassandra?.stop();
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

const at = (i: number) => String(SEALED_START_MS + MINUTE_MS * (i + 1));

async function audit() {
  const args = ["audit", "--meter", SEALED_METER, "--offline", "--store", address, "--json"];
  const { exit, json } = await home.cli.run(...args);
  const items = (json.items ?? []) as {
    readonly verdict: string;
    readonly erased: number;
    readonly endMs: number;
    readonly findings?: readonly Record<string, unknown>[];
  }[];
  return { exit, items };
}

/** As somebody would who has the database's password. */
async function write(reading: Reading, as: Reading): Promise<void> {
  const client = new Client({
    contactPoints: [cassandra.contactPoint],
    localDataCenter: cassandra.dataCenter,
    encoding: { useBigIntAsLong: true },
  });
  const statement = `UPDATE ${KEYSPACE}.readings USING TIMESTAMP ? SET entry = ? WHERE meter_id = ? AND series = ? AND day = ? AND timestamp_ms = ?`;
  const day = Math.floor(reading.timestampMs / DAY_MS);
  const place = [reading.meterId, seriesColumn(reading), day, BigInt(reading.timestampMs)];
  const entry = Buffer.from(encodeStoredReading(as));
  // Each time later than before.
  tamperings += 1n;
  await client.execute(statement, [LATER_US + tamperings, entry, ...place], { prepare: true });
  await client.shutdown();
}
let tamperings = 0n;

test("readings in Cassandra are what was sealed", { timeout: TIMEOUT_MS }, async () => {
  const { exit, items } = await audit();
  expect([exit, ...items.map(({ verdict }) => verdict)]).toEqual(["ok", ...Array(6).fill("intact")]);
});

test("a value changed with CQL is found: its interval, itself, and what should be there", {
  timeout: TIMEOUT_MS,
}, async () => {
  const reading = home.readings[13] as Reading;
  await write(reading, { ...reading, value: reading.value + 100 });
  const { exit, items } = await audit();
  expect(exit).toBe("tampered");
  const bad = items.filter(({ verdict }) => verdict !== "intact");
  expect(bad.map(({ verdict, endMs }) => [verdict, endMs])).toEqual([["tampered", Number(at(14))]]);
  expect(JSON.stringify(bad)).toContain(String(reading.timestampMs));
  expect(JSON.stringify(bad)).toContain(String(reading.value + 100));
  expect(JSON.stringify(bad)).toContain(String(reading.value));
  await write(reading, reading);
  expect((await audit()).exit).toBe("ok");
});

test("a keyspace that is not there is no empty store", { timeout: TIMEOUT_MS }, async () => {
  const nowhere = address.replace(KEYSPACE, "nowhere");
  const { exit, err } = await home.cli.run("audit", "--meter", SEALED_METER, "--offline", "--store", nowhere);
  expect([exit, err]).toEqual(["usage", expect.stringContaining("there is no keyspace nowhere")]);
});

test("what is erased is gone from Cassandra, the rest stays proved, and the receipt says so", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { cli } = home;
  const rules = join(cli.folder, "rules.json");
  writeFileSync(rules, '[{"meterId": "modbus:*", "kind": "interval", "retention": "raw"}]');
  const receipt = join(cli.folder, "receipt.json");
  const prove = (name: string) => {
    const args = ["--meter", SEALED_METER, "--at", at(9), "--offline", "-o", join(cli.folder, name), "--json"];
    return cli.run("prove", "reading", ...args);
  };
  const before = await prove("before.json");
  const range = ["--meter", SEALED_METER, "--from", at(9), "--to", at(19)];
  const erase = await cli.run(
    ...["erase", ...range, "-o", receipt, "--retention", rules, "--store", address, "--json"],
  );
  expect(erase.err).toBe("");
  const { exit, items } = await audit();
  expect([exit, ...items.map(({ verdict, erased }) => `${verdict} ${erased}`)]).toEqual([
    "ok",
    ...["erased 5", "erased 4", "erased 1", "intact 0", "intact 0", "intact 0"],
  ]);
  await prove("after.json");
  for (const name of ["before.json", "after.json"]) {
    const verified = await cli.run("verify", join(cli.folder, name), "--trusted-hash", String(before.json.blockHash));
    expect(verified.exit).toBe("ok");
  }
  const { verdict, receipt: signed } = verifyReceipt(readFileSync(receipt, "utf8"));
  expect(verdict).toEqual({ accepted: true });
  expect(signed?.replicas).toEqual([
    { name: "reading log", readings: 10, conflicts: 0 },
    { name: address, readings: 10, conflicts: 0 },
  ]);
});

test("a cluster that is down keeps an erasure open; the same command ends it when it is back", {
  timeout: 2 * TIMEOUT_MS,
}, async () => {
  const { cli } = home;
  const receipt = join(cli.folder, "second.json");
  const range = ["--meter", SEALED_METER, "--from", at(49), "--to", at(54)];
  const args = ["erase", ...range, "-o", receipt, "--retention", join(cli.folder, "rules.json"), "--store", address];
  await cassandra.kill();
  const away = await cli.run(...args);
  expect([away.exit, away.err]).toEqual(["unreachable", expect.stringContaining("ERASE_REPLICA_AWAY")]);
  expect(away.err).toContain(address);
  await cassandra.start();
  const ended = await cli.run(...args, "--json");
  expect([ended.exit, ended.json]).toMatchObject(["ok", { readings: 5 }]);
  const { receipt: signed } = verifyReceipt(readFileSync(receipt, "utf8"));
  expect(signed?.replicas.map(({ name, readings }) => [name, readings])).toEqual([
    ["reading log", 5],
    [address, 5],
  ]);
  expect((await audit()).items.at(-1)).toMatchObject({ verdict: "erased", erased: 5 });
});
