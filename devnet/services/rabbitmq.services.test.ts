import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRabbitQueue, type RabbitQueueOptions } from "#node/offchain/rabbitQueue.ts";
import { eventually } from "#node/testNetwork.ts";
import type { ReadingQueue } from "#storage/offchain/readingQueue.ts";
import { numbers, SMALL_QUEUE_BYTES, take, testReadingQueue, timesOf } from "#storage/offchain/readingQueueSuite.ts";
import { collect, testReading, testReadings } from "#storage/offchain/testReadings.ts";
import { type RunningRabbitmq, startRabbitmq } from "./rabbitmq.ts";

/** Fetching the packages takes some seconds the first time. */
const START_TIMEOUT_MS = 300_000;
const TIMEOUT_MS = 60_000;

const home = mkdtempSync(join(tmpdir(), "rabbitmq-"));
let broker: RunningRabbitmq;

beforeAll(async () => {
  broker = await startRabbitmq(home);
}, START_TIMEOUT_MS);

afterAll(async () => {
  await broker?.stop();
  rmSync(home, { recursive: true, force: true });
}, TIMEOUT_MS);

for (const queueType of ["quorum", "classic"] as const)
  testReadingQueue(
    `RabbitMQ, ${queueType} queue`,
    async ({ isSmall = false, maxWaitingPublishes }) => {
      const options: RabbitQueueOptions = {
        url: broker.url,
        name: `suite-${randomUUID()}`,
        queueType,
        newQueueMs: 0,
        ...(isSmall && { maxBytes: SMALL_QUEUE_BYTES }),
        ...(maxWaitingPublishes !== undefined && { maxWaitingPublishes }),
      };
      let queue = await openRabbitQueue(options);
      return {
        queue,
        reopen: async () => {
          await queue.close();
          queue = await openRabbitQueue(options);
          return queue;
        },
        dispose: () => queue.close(),
      };
    },
    TIMEOUT_MS,
  );

test("a broker that is not there, or has the queue otherwise, is an error at opening", {
  timeout: TIMEOUT_MS,
}, async () => {
  const unreachable = { code: "READING_QUEUE_UNREACHABLE" };
  await expect(openRabbitQueue({ url: "amqp://127.0.0.1:1" })).rejects.toMatchObject(unreachable);
  await (await openRabbitQueue({ url: broker.url, name: "other", newQueueMs: 0, maxBytes: 1000 })).close();
  await expect(
    openRabbitQueue({ url: broker.url, name: "other", newQueueMs: 0, maxBytes: 2000 }),
  ).rejects.toMatchObject(unreachable);
});

test("another program's message is a dead letter and holds nobody up", { timeout: TIMEOUT_MS }, async () => {
  await using queue = await openRabbitQueue({ url: broker.url, name: "foreign", newQueueMs: 0 });
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  for (const body of ["hello", "", "ERLB and more that is not"]) channel.sendToQueue("foreign", Buffer.from(body));
  await channel.waitForConfirms();
  await connection.close();
  await queue.publish([testReading(1)]);
  expect(timesOf(await take(queue, 1))).toStrictEqual([1]);
  expect(queue.counts().damaged).toBe(3);
  const letters = await eventually(async () => {
    const found = await collect(queue.deadLetters());
    return found.length === 3 ? found : undefined;
  });
  expect(letters.map(({ reading, bytes }) => [reading, Buffer.from(bytes).toString()])).toStrictEqual([
    [undefined, "hello"],
    [undefined, ""],
    [undefined, "ERLB and more that is not"],
  ]);
  expect(await queue.retryDeadLetters()).toBe(0);
});

test("a queue that was deleted under its users is made again, and what was not confirmed is sent again", {
  timeout: TIMEOUT_MS,
}, async () => {
  await using queue = await openRabbitQueue({ url: broker.url, name: "deleted", newQueueMs: 0 });
  await queue.publish([testReading(1)]);
  await take(queue, 1);
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  await channel.deleteQueue("deleted");
  await connection.close();
  // The broker confirms a message that no queue takes: that it was returned tells.
  await queue.publish([testReading(2)]);
  expect(timesOf(await take(queue, 1))).toStrictEqual([2]);
});

test("kill -9 of the broker under load: nothing acknowledged is lost", { timeout: 3 * TIMEOUT_MS }, async () => {
  await using queue = await openRabbitQueue({ url: broker.url, name: "killed" });
  const acknowledged = new Set<number>();
  const stored = new Set<number>();
  const [publishersStop, consumerStop] = [new AbortController(), new AbortController()];
  let next = 1;
  const publishing = Array.from({ length: 20 }, async () => {
    while (!publishersStop.signal.aborted) {
      const first = next;
      next += 5;
      await queue.publish(testReadings(first, 5));
      for (const time of numbers(first, first + 4)) acknowledged.add(time);
    }
  });
  const consuming = consume(queue, consumerStop.signal, stored);
  for (let round = 1; round <= 3; round++) {
    const before = acknowledged.size;
    await eventually(() => acknowledged.size > before + 2000 || undefined);
    await broker.kill();
    await broker.start();
  }
  const before = acknowledged.size;
  await eventually(() => acknowledged.size > before + 2000 || undefined);
  publishersStop.abort();
  await Promise.all(publishing);
  await eventually(async () => (await queue.backlog()) === 0 || undefined);
  consumerStop.abort();
  await consuming;
  expect([...acknowledged].filter((time) => !stored.has(time))).toStrictEqual([]);
  expect(stored.size).toBe(next - 1);
  expect(queue.counts().missing).toBe(0);
});

/** Takes note of each reading before it acknowledges, as a store would. */
async function consume(queue: ReadingQueue, signal: AbortSignal, into: Set<number>): Promise<void> {
  for await (const { readings, acknowledge } of queue.consume({ signal, prefetch: 256 })) {
    for (const { timestampMs } of readings) into.add(timestampMs);
    await acknowledge().catch((error: { code?: string }) => {
      if (error.code !== "READING_QUEUE_DELIVERY_VOID") throw error;
    });
  }
}
