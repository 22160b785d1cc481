import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { storeReadings } from "#node/analytics/readingsInput.ts";
import { openReadingQueue, openReadingStore } from "#node/offchain/openTier.ts";
import { openSecondTier, type SecondTierState } from "#node/offchain/secondTier.ts";
import { defaultOptions } from "#node/options.ts";
import { eventually } from "#node/testNetwork.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { numbers } from "#storage/offchain/readingQueueSuite.ts";
import { seriesOf } from "#storage/offchain/readingStore.ts";
import { collect, testReading, testReadings } from "#storage/offchain/testReadings.ts";
import { type RunningCassandra, startCassandra } from "./cassandra.ts";
import { type RunningRabbitmq, startRabbitmq } from "./rabbitmq.ts";

/** Fetching both takes a minute the first time. */
const START_TIMEOUT_MS = 600_000;
const TIMEOUT_MS = 300_000;
const MAIN = fileURLToPath(new URL("../../node/main.ts", import.meta.url));

const home = mkdtempSync(join(tmpdir(), "second-tier-"));
const credentials = join(home, "broker.txt");
let broker: RunningRabbitmq;
let cassandra: RunningCassandra;
const drains: ChildProcess[] = [];

beforeAll(async () => {
  [broker, cassandra] = await Promise.all([
    startRabbitmq(join(home, "rabbitmq")),
    startCassandra(join(home, "cassandra")),
  ]);
  writeFileSync(credentials, "guest:guest\n", { mode: 0o600 });
}, START_TIMEOUT_MS);

afterAll(async () => {
  for (const drain of drains) drain.kill("SIGKILL");
  await Promise.all([broker?.stop(), cassandra?.stop()]);
  rmSync(home, { recursive: true, force: true });
}, TIMEOUT_MS);

const queueAddress = (name: string) => `amqp://${new URL(broker.url).host}/?queue=${name}`;
const storeAddress = (keyspace: string) => `cassandra://${cassandra.contactPoint}/${keyspace}?replicas=1`;

/** `readings drain` as its operator would run it; the last line it printed. */
function startDrain(name: string): { readonly child: ChildProcess; readonly last: () => Record<string, number> } {
  const flags = ["--queue", queueAddress(name), "--queue-credentials", credentials, "--store", storeAddress(name)];
  const args = [MAIN, "readings", "drain", ...flags, "--home", join(home, "operator"), "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  drains.push(child);
  let last: Record<string, number> = {};
  createInterface(child.stdout).on("line", (line) => {
    last = JSON.parse(line) as Record<string, number>;
  });
  return { child, last: () => last };
}

/** An edge: its log, and what hands it over. */
async function openEdge(name: string, change: { readonly readingStore?: string } = {}) {
  const edge = join(home, name);
  mkdirSync(join(edge, "data"), { recursive: true });
  const log = pino({ level: "silent" });
  const readings = await openReadingLog(join(edge, "data", "readings"), { segmentBytes: 64 * 1024 });
  const options = { readingQueue: queueAddress(name), readingQueueCredentialsFile: credentials, ...change };
  const tier = await openSecondTier(defaultOptions({ home: edge, ...options }), { log, nowMs: Date.now });
  if (tier === undefined) throw new Error("there is no second tier");
  const forwarding = await tier.forward(readings);
  return {
    tier,
    async append(first: number, count: number) {
      await readings.append(testReadings(first, count));
      forwarding.wake();
    },
    async [Symbol.asyncDispose]() {
      await forwarding[Symbol.asyncDispose]();
      await readings.close();
      await tier[Symbol.asyncDispose]();
    },
  };
}

async function storedTimes(keyspace: string): Promise<number[]> {
  await using store = await openReadingStore(storeAddress(keyspace));
  expect(await store.verify()).toMatchObject({ conflicts: 0, faultCount: 0 });
  const stored = await collect(store.read(seriesOf(testReading(1))));
  return stored.map((each) => (each.type === "reading" ? each.reading.timestampMs : -1));
}

test("log, broker, a drain of its own and the cluster, each killed in turn: everything the log has is stored, once", {
  timeout: TIMEOUT_MS,
}, async () => {
  const name = "killed";
  await using edge = await openEdge(name);
  const state = (): SecondTierState => edge.tier.state();
  let last = 0;
  const append = async (publishes: number) => {
    for (let publish = 0; publish < publishes; publish++) {
      await edge.append(last + 1, 20);
      last += 20;
    }
  };
  await append(20);
  await eventually(() => state().forwarded === last || undefined);
  let drain = startDrain(name);
  await eventually(() => (drain.last().stored ?? 0) > 0 || undefined);

  // The drain dies with what it had in hand.
  drain.child.kill("SIGKILL");
  await once(drain.child, "exit");
  await append(20);
  drain = startDrain(name);
  await eventually(() => (drain.last().stored ?? 0) + (drain.last().duplicates ?? 0) > 0 || undefined);

  // The store is away for a while: the drain says so and waits, the queue takes what comes.
  await cassandra.kill();
  await append(20);
  await eventually(() => (drain.last().attempts ?? 0) > 1 || undefined);
  expect(drain.last()).toHaveProperty("away");
  await eventually(() => state().forwarded === last || undefined);

  // The broker too: now the log takes what comes, and the node says that it waits.
  await broker.kill();
  await append(20);
  await eventually(() => (state().isAway && state().backlogBatches > 0) || undefined);
  expect(state().lastError?.reason).toContain("RabbitMQ");
  await broker.start();
  await cassandra.start();
  await append(20);
  await eventually(() => state().backlogBatches === 0 || undefined);

  // What a killed drain had in hand is in the queue again, and counted as known where it was stored.
  await eventually(async () => (await storedTimes(name)).length === last || undefined);
  await eventually(() => !("away" in drain.last()) || undefined);
  expect(drain.last()).toMatchObject({ conflicts: 0, refused: 0 });
  drain.child.kill("SIGTERM");
  expect((await once(drain.child, "exit"))[0]).toBe(0);
  await using queue = await openReadingQueue(queueAddress(name), { credentialsFile: credentials });
  expect(await collect(queue.deadLetters())).toStrictEqual([]);
  expect(await storedTimes(name)).toStrictEqual(numbers(1, last));
});

test("a node that has the store as well drains the queue itself, and its analyses read from the cluster", {
  timeout: TIMEOUT_MS,
}, async () => {
  const name = "itself";
  await using edge = await openEdge(name, { readingStore: storeAddress(name) });
  for (let first = 1; first < 200; first += 20) await edge.append(first, 20);
  await eventually(() => edge.tier.state().drained?.stored === 200 || undefined);
  expect(edge.tier.state()).toMatchObject({ forwarded: 200, backlogBatches: 0, isAway: false });
  const store = edge.tier.store;
  if (store === undefined) throw new Error("there is no store");
  const read = await collect(storeReadings(store, "sim:A", { afterMs: 100 }));
  expect(read.map(({ timestampMs }) => timestampMs)).toStrictEqual(numbers(101, 200));
});
