import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCassandraStore } from "#node/offchain/cassandraStore.ts";
import { eventually } from "#node/testNetwork.ts";
import { createDrain } from "#storage/offchain/drain.ts";
import { openEmbeddedQueue } from "#storage/offchain/embeddedQueue.ts";
import { numbers } from "#storage/offchain/readingQueueSuite.ts";
import { type PutCounts, type ReadingStore, seriesOf } from "#storage/offchain/readingStore.ts";
import { testReadingStore } from "#storage/offchain/readingStoreSuite.ts";
import { collect, testReading, testReadings } from "#storage/offchain/testReadings.ts";
import { type RunningCassandra, startCassandra } from "./cassandra.ts";

/** Fetching the jars takes half a minute the first time. */
const START_TIMEOUT_MS = 300_000;
const TIMEOUT_MS = 120_000;

const home = mkdtempSync(join(tmpdir(), "cassandra-"));
let cassandra: RunningCassandra;
let keyspaces = 0;

beforeAll(async () => {
  cassandra = await startCassandra(home);
}, START_TIMEOUT_MS);

afterAll(async () => {
  await cassandra?.stop();
  rmSync(home, { recursive: true, force: true });
}, TIMEOUT_MS);

const openStore = (keyspace: string): Promise<ReadingStore> =>
  openCassandraStore({ contactPoints: [cassandra.contactPoint], keyspace, replication: { datacenter1: 1 } });

async function execute(statement: string): Promise<void> {
  const client = new Client({ contactPoints: [cassandra.contactPoint], localDataCenter: "datacenter1" });
  await client.execute(statement);
  await client.shutdown();
}

testReadingStore(
  "Cassandra",
  async () => {
    const keyspace = `suite${++keyspaces}`;
    let store = await openStore(keyspace);
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await openStore(keyspace);
        return store;
      },
      dispose: async () => {
        await store.close();
        await execute(`DROP KEYSPACE ${keyspace}`);
      },
    };
  },
  TIMEOUT_MS,
);

test("two writers at once: one of them is first, whoever it is", { timeout: TIMEOUT_MS }, async () => {
  const [one, other] = [await openStore("writers"), await openStore("writers")];
  const puts = [one.put(testReadings(1, 150, { value: 1 })), other.put(testReadings(1, 150, { value: 2 }))];
  const [first, second] = await Promise.all(puts);
  expect((first?.stored ?? 0) + (second?.stored ?? 0)).toBe(150);
  expect((first?.conflicts ?? 0) + (second?.conflicts ?? 0)).toBe(150);
  expect(await one.verify()).toMatchObject({ readings: 150, conflicts: 150, faultCount: 0 });
  await Promise.all([one.close(), other.close()]);
});

test("two drains into one keyspace, with other values of the same measurements", { timeout: TIMEOUT_MS }, async () => {
  const readings = 4000;
  const stop = new AbortController();
  const wait = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined);
  const drains = await Promise.all(
    [1, 2].map(async (value) => {
      const directory = mkdtempSync(join(tmpdir(), "queue-"));
      const queue = await openEmbeddedQueue(directory);
      const store = await openStore("drains");
      const drain = createDrain({ queue, store, wait }, { maxReadings: 200 });
      const running = drain.run(stop.signal);
      for (let first = 1; first <= readings; first += 50) await queue.publish(testReadings(first, 50, { value }));
      const close = async (): Promise<void> => {
        await running;
        await queue.close();
        await store.close();
        rmSync(directory, { recursive: true, force: true });
      };
      return { queue, store, drain, close, value };
    }),
  );
  await Promise.all(drains.map(({ queue }) => eventually(() => queue.counts().acknowledged === readings || undefined)));
  const sum = (where: keyof PutCounts) => drains.reduce((all, { drain }) => all + drain.counts()[where], 0);
  expect([sum("stored"), sum("conflicts"), sum("duplicates")]).toStrictEqual([readings, readings, 0]);
  const store = await openStore("drains");
  expect(await store.verify()).toMatchObject({ readings, conflicts: readings, faultCount: 0 });
  for (const { drain, value } of drains)
    expect(await countOf(store, "sim:A", value), `first values of drain ${value}`).toBe(drain.counts().stored);
  stop.abort();
  await Promise.all([store.close(), ...drains.map(({ close }) => close())]);
});

test("a writer that was stopped and taken over from changes nothing that another one stored", {
  timeout: TIMEOUT_MS,
}, async () => {
  const [meters, times] = [300, 40];
  const store = await openStore("stopped");
  const child = fileURLToPath(new URL("cassandraWriter.testChild.ts", import.meta.url));
  const args = [child, cassandra.contactPoint, "stopped", "1", `${meters}`, `${times}`];
  const writer = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(writer, "close");
  let acknowledged = 0;
  createInterface({ input: writer.stdout }).on("line", (line) => {
    acknowledged = Number(line);
  });
  await eventually(() => acknowledged >= 3 || undefined);
  writer.kill("SIGSTOP");
  const before = acknowledged;
  expect(before).toBeLessThan(times);
  let stored = 0;
  // All that it has written, is writing and would write next.
  for (let timestampMs = 1; timestampMs <= times; timestampMs++) {
    const readings = Array.from({ length: meters }, (_, meter) =>
      testReading(timestampMs, { meterId: `sim:${meter}`, value: 2 }),
    );
    stored += (await store.put(readings)).stored;
  }
  expect(stored).toBeGreaterThan(0);
  writer.kill("SIGCONT");
  expect(await ended).toStrictEqual([0, null]);
  expect(await store.verify()).toMatchObject({ readings: meters * times, conflicts: meters * times, faultCount: 0 });
  let ours = 0;
  for (let meter = 0; meter < meters; meter++) {
    ours += await countOf(store, `sim:${meter}`, 2);
    expect(await countOf(store, `sim:${meter}`, 1, before)).toBe(before);
  }
  expect(ours).toBe(stored);
  await store.close();
});

/** Readings of a meter that have this value. */
async function countOf(store: ReadingStore, meterId: string, value: number, untilMs = 10_000): Promise<number> {
  const all = await collect(store.read(seriesOf(testReading(1, { meterId })), { untilMs }));
  return all.filter((each) => each.type === "reading" && each.reading.value === value).length;
}

test("what somebody changed behind the store's back is found at its place", { timeout: TIMEOUT_MS }, async () => {
  await using store = await openStore("changed");
  await store.put(testReadings(1, 10));
  const place = "meter_id = 'sim:A' AND series = 'activeEnergyImport interval 0 0' AND day = 0";
  await execute(`UPDATE changed.readings SET entry = 0x01ff WHERE ${place} AND timestamp_ms = 4`);
  const read = collect(store.read(seriesOf(testReading(1))));
  await expect(read).rejects.toMatchObject({ code: "READING_STORE_CORRUPT", details: { timestampMs: 4 } });
  const { faults } = await store.verify();
  expect(faults.map(({ timestampMs }) => timestampMs)).toStrictEqual([4]);
});

test("what somebody deleted behind the store's back can be put again", { timeout: TIMEOUT_MS }, async () => {
  await using store = await openStore("deleted");
  await store.put(testReadings(1, 10));
  const place = "meter_id = 'sim:A' AND series = 'activeEnergyImport interval 0 0' AND day = 0";
  await execute(`DELETE FROM deleted.readings WHERE ${place} AND timestamp_ms = 4`);
  expect(await store.verify()).toMatchObject({ readings: 9, faultCount: 0 });
  await eventually(async () => {
    await store.put([testReading(4)]);
    return (await store.verify()).readings === 10 || undefined;
  });
});

test("no cluster, and no name of a keyspace, are errors at opening", { timeout: TIMEOUT_MS }, async () => {
  const nobody = openCassandraStore({ contactPoints: ["127.0.0.1:1"] });
  await expect(nobody).rejects.toMatchObject({ code: "READING_STORE_UNREACHABLE" });
  await expect(openStore("x; DROP")).rejects.toMatchObject({ code: "READING_STORE_REFUSED" });
});

test("kill -9 of the store under load: the queue fills and pushes back, then everything is stored, once", {
  timeout: 3 * TIMEOUT_MS,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "queue-"));
  const queue = await openEmbeddedQueue(directory, { maxBytes: 400_000 });
  const store = await openStore("killed");
  const wait = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined);
  const drain = createDrain({ queue, store, wait });
  const stop = new AbortController();
  const draining = drain.run(stop.signal);
  let published = 0;
  const publishing = (async () => {
    while (published < 20_000) {
      await queue.publish(testReadings(published + 1, 50));
      published += 50;
    }
  })();
  await eventually(() => drain.counts().stored > 1000 || undefined);
  await cassandra.kill();
  await eventually(() => (queue.counts().waitingPublishes > 0 && drain.counts().attempts > 0) || undefined);
  const before = published;
  expect(before).toBeLessThan(20_000);
  await cassandra.start();
  await publishing;
  await eventually(() => queue.counts().acknowledged === 20_000 || undefined);
  stop.abort();
  await draining;
  const { stored, duplicates, conflicts } = drain.counts();
  // What was written when the store died may have been stored without a word: then it is a duplicate now.
  expect(stored + duplicates).toBe(20_000);
  expect(conflicts).toBe(0);
  const times = (await collect(store.read(seriesOf(testReading(1))))).map((each) =>
    each.type === "reading" ? each.reading.timestampMs : -1,
  );
  expect(times).toStrictEqual(numbers(1, 20_000));
  await queue.close();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});
