import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedQueueOptions, openEmbeddedQueue } from "./embeddedQueue.ts";
import { numbers, SMALL_QUEUE_BYTES, take, testReadingQueue, timesOf } from "./readingQueueSuite.ts";
import { collect, testReading, testReadings } from "./testReadings.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reading-queue-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

testReadingQueue("embedded queue", async ({ isSmall = false, maxWaitingPublishes }) => {
  const options: EmbeddedQueueOptions = {
    ...(isSmall && { maxBytes: SMALL_QUEUE_BYTES }),
    ...(maxWaitingPublishes !== undefined && { maxWaitingPublishes }),
  };
  let queue = await openEmbeddedQueue(directory, options);
  return {
    queue,
    reopen: async () => {
      await queue.close();
      queue = await openEmbeddedQueue(directory, options);
      return queue;
    },
    dispose: () => queue.close(),
  };
});

const segments = () => readdirSync(directory).filter((name) => name.endsWith(".readings"));

test("segments go when all of them is consumed, so a queue that is drained takes no more disk", async () => {
  await using queue = await openEmbeddedQueue(directory, { segmentBytes: 10_000 });
  let most = 0;
  for (let round = 0; round < 20; round++) {
    await queue.publish(testReadings(1 + round * 100, 100));
    most = Math.max(most, segments().length);
    expect(timesOf(await take(queue, 100))).toStrictEqual(numbers(1 + round * 100, 100 + round * 100));
  }
  expect(most).toBeLessThanOrEqual(2);
  await queue.removeConsumed();
  expect(segments()).toStrictEqual([]);
  expect(queue.bytes).toBe(0);
});

test("a queue of which everything was removed goes on where it was", async () => {
  const queue = await openEmbeddedQueue(directory);
  await queue.publish(testReadings(1, 10));
  await take(queue, 10);
  await queue.removeConsumed();
  await queue.close();
  await using opened = await openEmbeddedQueue(directory);
  expect(await opened.backlog()).toBe(0);
  await opened.publish(testReadings(11, 5));
  expect(timesOf(await take(opened, 5))).toStrictEqual(numbers(11, 15));
});

test("the log of unconsumed readings never grows beyond its bound", async () => {
  await using queue = await openEmbeddedQueue(directory, { maxBytes: 20_000 });
  const publishing = Promise.all(numbers(0, 99).map((i) => queue.publish(testReadings(1 + i * 20, 20))));
  const taken: number[] = [];
  for await (const { readings, acknowledge } of queue.consume({ signal: new AbortController().signal })) {
    expect(queue.bytes).toBeLessThanOrEqual(20_000);
    taken.push(...timesOf(readings));
    await acknowledge();
    if (taken.length === 2000) break;
  }
  await publishing;
  expect(taken).toStrictEqual(numbers(1, 2000));
});

test("a consumer's place that is damaged makes deliveries come again, is reported, and loses nothing", async () => {
  const queue = await openEmbeddedQueue(directory, { segmentBytes: 2000 });
  for (let time = 1; time <= 60; time++) await queue.publish([testReading(time)]);
  await take(queue, 40);
  await queue.close();
  const path = join(directory, "consumer.place");
  const file = readFileSync(path);
  for (const offset of [10, 4096 + 10]) file[offset] = (file[offset] as number) ^ 1;
  writeFileSync(path, file);
  await using opened = await openEmbeddedQueue(directory);
  expect(opened.report.damagedCursorOffsets).toStrictEqual([0, 4096]);
  const backlog = await opened.backlog();
  expect(backlog).toBeGreaterThanOrEqual(20);
  expect(timesOf(await take(opened, backlog))).toStrictEqual(numbers(61 - backlog, 60));
});

test("batches that the consumer took and the log no longer has are noticed", async () => {
  const queue = await openEmbeddedQueue(directory);
  await queue.publish(testReadings(1, 3));
  await take(queue, 3);
  await queue.close();
  const [segment = ""] = segments();
  writeFileSync(join(directory, segment), "");
  await expect(openEmbeddedQueue(directory)).rejects.toMatchObject({ code: "READING_QUEUE_CORRUPT" });
});

test("a dead letter that was cut off by a crash goes, one that was changed is found at its offset", async () => {
  const queue = await openEmbeddedQueue(directory);
  await queue.publish(testReadings(1, 2));
  for await (const { readings, acknowledge } of queue.consume({ signal: new AbortController().signal })) {
    await acknowledge(readings.map((reading) => ({ reading, reason: "ünknown\nmeter" })));
    break;
  }
  await queue.close();
  const path = join(directory, "dead-letters.txt");
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.concat([whole, Buffer.from("0badc0de {")]));
  const opened = await openEmbeddedQueue(directory);
  expect((await collect(opened.deadLetters())).map(({ reason }) => reason)).toStrictEqual(
    Array(2).fill("?nknown?meter"),
  );
  await opened.close();
  const second = whole.indexOf("\n") + 1;
  whole[second + 40] = (whole[second + 40] as number) ^ 1;
  writeFileSync(path, whole);
  await expect(openEmbeddedQueue(directory)).rejects.toMatchObject({
    code: "READING_QUEUE_CORRUPT",
    details: { offset: second },
  });
});

test("with no room for dead letters the delivery stays, and can be acknowledged once there is", async () => {
  await using queue = await openEmbeddedQueue(directory, { maxDeadLetterBytes: 400 });
  await queue.publish(testReadings(1, 2));
  const refused = testReadings(1, 2).map((reading) => ({ reading, reason: "no" }));
  for await (const { acknowledge } of queue.consume({ signal: new AbortController().signal })) {
    await expect(acknowledge(refused)).rejects.toMatchObject({ code: "READING_QUEUE_DEAD_LETTERS_FULL" });
    expect(await queue.backlog()).toBe(1);
    await acknowledge(refused.slice(0, 1));
    break;
  }
  expect(await queue.backlog()).toBe(0);
  expect(await collect(queue.deadLetters())).toHaveLength(1);
});
