import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { openReadingLog, type ReadingLog } from "#storage/offchain/readingLog.ts";
import { numbers } from "#storage/offchain/readingQueueSuite.ts";
import { seriesOf } from "#storage/offchain/readingStore.ts";
import { collect, testReading, testReadings } from "#storage/offchain/testReadings.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { eventually } from "../testNetwork.ts";
import { openReadingStore } from "./openTier.ts";
import { openSecondTier } from "./secondTier.ts";
import { tierFolders } from "./tierOptions.ts";

const CHILD = join(import.meta.dirname, "secondTier.testChild.ts");
const log = pino({ level: "silent" });

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "second-tier-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, "data"));
  return home;
}

const openLog = (home: string): Promise<ReadingLog> =>
  openReadingLog(join(home, "data", "readings"), { segmentBytes: 8 * 1024 });

const openTier = (home: string, change: Partial<NodeOptions> = {}) =>
  openSecondTier(defaultOptions({ home, readingStore: "embedded", ...change }), { log, nowMs: () => 7 });

/** Hands over what waits, and says what became of it. */
async function handOver(home: string, change: Partial<NodeOptions> = {}) {
  await using readings = disposable(await openLog(home));
  await using tier = await openTier(home, change);
  if (tier === undefined) throw new Error("there is no second tier");
  await using _ = await tier.forward(readings.log);
  await eventually(() => tier.state().backlogBatches === 0 || undefined);
  return tier.state();
}

function disposable(readings: ReadingLog) {
  return { log: readings, [Symbol.asyncDispose]: () => readings.close() };
}

async function storedTimes(home: string): Promise<number[]> {
  await using store = await openReadingStore(tierFolders(home).store, { mustExist: true });
  expect(await store.verify()).toMatchObject({ conflicts: 0, faultCount: 0 });
  const stored = await collect(store.read(seriesOf(testReading(1))));
  return stored.map((each) => (each.type === "reading" ? each.reading.timestampMs : -1));
}

test("without a queue or a store of its own a node has no second tier: the log is written and nothing else", async () => {
  expect(await openTier(newHome(), { readingStore: "log" })).toBeUndefined();
});

test("a node killed again and again between log and store: all it acknowledged is stored, once, and the log has it still", async () => {
  const home = newHome();
  let last = 0;
  for (let round = 1; round <= 3; round++) {
    const first = last + 1;
    const child = spawn(process.execPath, [CHILD, home, String(first)], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exited = once(child, "exit");
    for await (const line of createInterface(child.stdout)) {
      const [kept = 0, forwarded = 0] = line.split(" ").map(Number);
      last = Math.max(last, kept);
      // Some have gone on, and the newest have not.
      if (last >= first + 100 * round && forwarded > 0) child.kill("SIGKILL");
    }
    await exited;
  }
  // What was being appended when it was killed may be in the log as well, and comes again: the log has it twice, the store once.
  await handOver(home);
  expect((await storedTimes(home)).filter((time) => time <= last)).toStrictEqual(numbers(1, last));
  const readings = await openLog(home);
  const inLog = new Set((await collect(readings.scan())).map(({ timestampMs }) => timestampMs));
  await readings.close();
  expect(numbers(1, last).filter((time) => !inLog.has(time))).toStrictEqual([]);
}, 30_000);

test("what was handed over is not handed over again after a restart, and another store gets everything", async () => {
  const home = newHome();
  const readings = await openLog(home);
  for (const time of numbers(1, 5)) await readings.append(testReadings(time, 1));
  await readings.close();
  expect(await handOver(home)).toMatchObject({ forwarded: 5, drained: { stored: 5 }, isAway: false });
  expect(await handOver(home)).toMatchObject({ forwarded: 0, drained: { stored: 0 } });
  expect(await handOver(home, { readingStore: "other" })).toMatchObject({ forwarded: 5, drained: { stored: 5 } });
});

test("a log that is behind what was handed over is another one: all of it is handed over, and stored once", async () => {
  const home = newHome();
  let readings = await openLog(home);
  for (const time of numbers(1, 5)) await readings.append(testReadings(time, 1));
  await readings.close();
  await handOver(home);
  rmSync(join(home, "data", "readings"), { recursive: true });
  readings = await openLog(home);
  await readings.append(testReadings(5, 3));
  await readings.close();
  expect(await handOver(home)).toMatchObject({ drained: { stored: 2, duplicates: 1 } });
  expect(await storedTimes(home)).toStrictEqual(numbers(1, 7));
});

test("what was erased from the log before it was handed over is not handed over, and holds nothing up", async () => {
  const home = newHome();
  const readings = await openLog(home);
  for (const time of numbers(1, 5)) await readings.append(testReadings(time, 1));
  await readings.endSegment();
  for (const segment of readings.closedSegments())
    await readings.thin(
      segment,
      ({ timestampMs }) => timestampMs !== 2 && timestampMs !== 3,
      async () => undefined,
    );
  await readings.close();
  expect(await handOver(home)).toMatchObject({ forwarded: 3, drained: { stored: 3 } });
  expect(await storedTimes(home)).toStrictEqual([1, 4, 5]);
});

test("a broker that is not there keeps nobody from starting: the state says so, and readings wait in the log", async () => {
  const home = newHome();
  await using readings = disposable(await openLog(home));
  await using tier = await openTier(home, { readingQueue: "amqp://127.0.0.1:1/", readingStore: "log" });
  if (tier === undefined) throw new Error("there is no second tier");
  await using forwarding = await tier.forward(readings.log);
  await readings.log.append(testReadings(1, 3));
  forwarding.wake();
  const state = await eventually(() => (tier.state().isAway ? tier.state() : undefined));
  expect(state).toMatchObject({ backlogBatches: 1, forwarded: 0, lastError: { atMs: 7 } });
  expect(state.lastError?.reason).toContain("READING_QUEUE_UNREACHABLE");
  expect(forwarding.forwardedBefore()).toBe(1);
  expect(tier.store).toBeUndefined();
});

test("options that cannot be are errors at the start, not when the broker is back", async () => {
  const home = newHome();
  const code = "READING_TIER_ADDRESS_MALFORMED";
  await expect(openTier(home, { readingQueue: "folder" })).rejects.toMatchObject({ code });
  await expect(openTier(home, { readingStore: "http://x" })).rejects.toMatchObject({ code });
  const readingStoreCredentialsFile = join(home, "credentials");
  writeFileSync(readingStoreCredentialsFile, "nothing");
  await expect(
    openTier(home, { readingStore: "cassandra://127.0.0.1:1/readings", readingStoreCredentialsFile }),
  ).rejects.toMatchObject({ code: "READING_TIER_CREDENTIALS_UNREADABLE" });
});
