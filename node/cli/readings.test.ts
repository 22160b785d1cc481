import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { followReadingLog } from "#storage/offchain/embeddedQueue.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { numbers } from "#storage/offchain/readingQueueSuite.ts";
import { seriesOf } from "#storage/offchain/readingStore.ts";
import { collect, testReading, testReadings } from "#storage/offchain/testReadings.ts";
import { openReadingQueue, openReadingStore } from "../offchain/openTier.ts";
import { forwardNameOf, tierFolders } from "../offchain/tierOptions.ts";
import { defaultOptions } from "../options.ts";
import { createTestCli } from "./testIo.ts";

const cli = createTestCli();
afterAll(() => cli[Symbol.dispose]());
const pathOf = (name: string) => join(cli.folder, name);
const jsonLines = (out: string) =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a queue is drained into a store until it is empty, and a second time nothing is stored twice", async () => {
  const [queueFolder, storeFolder] = [pathOf("queue"), pathOf("store")];
  for (const time of [1, 1]) {
    await using queue = await openReadingQueue(queueFolder);
    await queue.publish(testReadings(time, 50));
    await queue.publish(testReadings(time + 50, 50));
  }
  const flags = ["--queue", queueFolder, "--store", storeFolder];
  expect((await cli.run("readings", "state", "--queue", queueFolder, "--json")).json).toMatchObject({
    ...{ backlog: 4, deadLetters: 0 },
  });
  const { exit, out } = await cli.run("readings", "drain", ...flags, "--until-empty", "--json");
  expect(exit).toBe("ok");
  expect(jsonLines(out).at(-1)).toMatchObject({ stored: 100, duplicates: 100, refused: 0, attempts: 0 });
  await using store = await openReadingStore(storeFolder, { mustExist: true });
  const times = (await collect(store.read(seriesOf(testReading(1))))).map((each) =>
    each.type === "reading" ? each.reading.timestampMs : -1,
  );
  expect(times).toStrictEqual(numbers(1, 100));
});

test("an interrupted drain ends with what it did", async () => {
  const queueFolder = pathOf("interrupted");
  {
    await using queue = await openReadingQueue(queueFolder);
    await queue.publish(testReadings(1, 3));
  }
  let interrupt: () => void = () => undefined;
  const onInterrupt = (listener: () => void) => {
    interrupt = listener;
    return () => undefined;
  };
  let seen = "";
  const running = cli.runWith(
    {
      onInterrupt,
      colour: true,
      err: (text) => {
        seen += text;
        if (seen.includes("3 stored")) interrupt();
      },
    },
    ...["readings", "drain", "--queue", queueFolder, "--store", pathOf("interrupted-store")],
  );
  const { exit, out } = await running;
  expect([exit, out]).toEqual(["ok", expect.stringMatching(/^stored +3\n/)]);
});

test("dead letters of a queue are listed with their reasons, and given back to it", async () => {
  const queueFolder = pathOf("dead");
  {
    await using queue = await openReadingQueue(queueFolder);
    await queue.publish(testReadings(1, 2));
    const stop = new AbortController();
    for await (const { readings, acknowledge } of queue.consume({ signal: stop.signal })) {
      await acknowledge(readings.map((reading) => ({ reading, reason: "not today" })));
      stop.abort();
    }
  }
  const list = ["readings", "dead-letters", "--queue", queueFolder];
  expect((await cli.run(...list, "--json")).json).toMatchObject({
    count: 2,
    letters: [{ meterId: "sim:A", time: "1970-01-01T00:00:00.001Z", reason: "not today" }, {}],
  });
  expect((await cli.run(...list)).out).toContain("not today");
  expect((await cli.run(...list, "--retry", "--json")).json).toEqual({ retried: 2 });
  expect((await cli.run(...list, "--json")).json).toMatchObject({ count: 0 });
  expect((await cli.run("readings", "state", "--queue", queueFolder)).out).toMatch(/wait +2/);
});

test("what a home's own store refused is listed, and given back to that store", async () => {
  mkdirSync(cli.home, { recursive: true });
  writeFileSync(join(cli.home, "config.json"), JSON.stringify({ readingStore: "embedded" }));
  const options = defaultOptions({ home: cli.home, readingStore: "embedded" });
  expect((await cli.run("readings", "dead-letters", "--json")).json).toEqual({ count: 0, letters: [] });
  const log = await openReadingLog(join(cli.home, "data", "readings"));
  await log.append(testReadings(1, 2));
  const follower = await followReadingLog(log, tierFolders(cli.home).forward, forwardNameOf(options));
  const stop = new AbortController();
  for await (const { readings, acknowledge } of follower.consume({ signal: stop.signal })) {
    await acknowledge([{ reading: readings[1] ?? testReading(2), reason: "no room" }]);
    stop.abort();
  }
  await follower.close();
  await log.close();
  const node = await openLevelStore(join(cli.home, "data", "light"));
  expect((await cli.run("readings", "dead-letters", "--json")).json).toMatchObject({ code: "STORE_LOCKED" });
  await node.close();
  expect((await cli.run("readings", "dead-letters", "--json")).json).toMatchObject({ count: 1 });
  expect((await cli.run("readings", "dead-letters", "--retry", "--json")).json).toEqual({ retried: 1 });
  expect((await cli.run("readings", "dead-letters", "--json")).json).toMatchObject({ count: 0 });
  await using store = await openReadingStore(tierFolders(cli.home).store, { mustExist: true });
  expect(await store.verify()).toMatchObject({ readings: 1 });
});

test.each([
  ["no queue", "usage", "QUEUE_MISSING", ["drain", "--store", "s"]],
  ["no store", "usage", "STORE_MISSING", ["drain", "--queue", "QUEUE"]],
  ["a queue that is not there", "usage", "READING_TIER_MISSING", ["state", "--queue", "nowhere"]],
  ["a password", "usage", "READING_TIER_ADDRESS_HAS_CREDENTIALS", ["state", "--queue", "amqp://a:hunter2@b/"]],
  ["no such address", "usage", "READING_TIER_ADDRESS_MALFORMED", ["state", "--queue", "kafka://b/"]],
  ["no broker", "unreachable", "READING_QUEUE_UNREACHABLE", ["state", "--queue", "amqp://127.0.0.1:1/"]],
])("%s is told, with what to do", async (_name, exit, code, args) => {
  const queueFolder = pathOf("empty");
  await (await openReadingQueue(queueFolder)).close();
  const given = args.map((arg) => (arg === "QUEUE" ? queueFolder : arg));
  const options = { environment: { ENERGY_LEDGER_READING_STORE: "log" } };
  const result = await cli.runWith(options, "readings", ...given, "--json");
  expect([result.exit, JSON.parse(result.err)]).toEqual([exit, expect.objectContaining({ code })]);
  expect(result.err).not.toContain("hunter2");
});
