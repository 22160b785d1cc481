import { expect, test } from "vitest";
import { eventually } from "#node/testNetwork.ts";
import type { ReadingQueue } from "#storage/offchain/readingQueue.ts";
import { numbers, SMALL_QUEUE_BYTES, take, testReadingQueue, timesOf } from "#storage/offchain/readingQueueSuite.ts";
import { testReading, testReadings } from "#storage/offchain/testReadings.ts";
import { openRabbitQueue, type RabbitQueueOptions } from "./rabbitQueue.ts";
import { TestBroker } from "./testBroker.ts";

function open(broker: TestBroker, options: Partial<RabbitQueueOptions> = {}): Promise<ReadingQueue> {
  return openRabbitQueue({ url: "amqp://test", connect: broker.connect, newQueueMs: 0, ...options });
}

testReadingQueue("RabbitMQ's client, broker in memory", async ({ isSmall = false, maxWaitingPublishes }) => {
  const broker = new TestBroker();
  const options = {
    ...(isSmall && { maxBytes: SMALL_QUEUE_BYTES }),
    ...(maxWaitingPublishes !== undefined && { maxWaitingPublishes }),
  };
  let queue = await open(broker, options);
  return {
    queue,
    reopen: async () => {
      await queue.close();
      queue = await open(broker, options);
      return queue;
    },
    dispose: () => queue.close(),
  };
});

test("a broker that confirms and forgets is found out by the numbers of what does arrive", async () => {
  const broker = new TestBroker();
  const warned: object[] = [];
  const logger = { info: () => undefined, warn: (facts: object) => warned.push(facts) };
  await using queue = await open(broker, { logger });
  broker.lieTo = (publish) => (publish === 3 || publish === 4 ? "confirms-and-drops" : undefined);
  for (const time of numbers(1, 6)) await queue.publish([testReading(time)]);
  expect(timesOf(await take(queue, 4))).toStrictEqual([1, 2, 5, 6]);
  expect(queue.counts()).toMatchObject({ published: 6, missing: 2 });
  expect(warned).toMatchObject([{ missing: [3, 4], count: 2 }]);
});

test("a broker that keeps a message and nacks it gets it again: delivered twice, never lost", async () => {
  const broker = new TestBroker();
  broker.lieTo = (publish) => (publish === 2 ? "keeps-and-nacks" : undefined);
  await using queue = await open(broker);
  for (const time of numbers(1, 4)) await queue.publish([testReading(time)]);
  expect(timesOf(await take(queue, 5))).toStrictEqual([1, 2, 2, 3, 4]);
  expect(queue.counts()).toMatchObject({ published: 4, missing: 0, waitingPublishes: 0 });
});

test("a second answer to the same message changes nothing", async () => {
  const broker = new TestBroker();
  broker.lieTo = () => "confirms-twice";
  await using queue = await open(broker);
  for (const time of numbers(1, 4)) await queue.publish([testReading(time)]);
  expect(timesOf(await take(queue, 4))).toStrictEqual([1, 2, 3, 4]);
  expect(queue.counts()).toMatchObject({ published: 4, waitingPublishes: 0 });
  expect(await queue.backlog()).toBe(0);
});

test("a broker that never confirms is left for a new connection, and what it had is sent again", async () => {
  const broker = new TestBroker();
  broker.lieTo = (publish) => (publish === 2 ? "never-confirms" : undefined);
  await using queue = await open(broker, { confirmTimeoutMs: 20 });
  await Promise.all(numbers(1, 3).map((time) => queue.publish([testReading(time)])));
  expect(new Set(timesOf(await take(queue, 4)))).toStrictEqual(new Set([1, 2, 3]));
});

test("connections that break under load: everything acknowledged arrives, before and behind the break", async () => {
  const broker = new TestBroker();
  await using queue = await open(broker);
  const stop = new AbortController();
  const stored = new Set<number>();
  const consuming = (async () => {
    for await (const { readings, acknowledge } of queue.consume({ signal: stop.signal })) {
      for (const { timestampMs } of readings) stored.add(timestampMs);
      await acknowledge().catch(({ code }: { code: string }) => expect(code).toBe("READING_QUEUE_DELIVERY_VOID"));
    }
  })();
  const publishes = numbers(0, 199).map((i) => queue.publish(testReadings(1 + i * 3, 3)));
  for (let round = 1; round <= 3; round++) {
    await eventually(() => stored.size > 0 || undefined);
    broker.crash();
  }
  await Promise.all(publishes);
  await eventually(async () => (stored.size === 600 && (await queue.backlog()) === 0) || undefined);
  stop.abort();
  await consuming;
  expect(queue.counts()).toMatchObject({ published: 600, missing: 0 });
});

test("while the broker is away publishes wait, and go out in their order when it is back", async () => {
  const broker = new TestBroker();
  await using queue = await open(broker);
  broker.isDown = true;
  broker.crash();
  const publishes = numbers(1, 10).map((time) => queue.publish([testReading(time)]));
  await eventually(() => queue.counts().waitingPublishes === 10 || undefined);
  broker.isDown = false;
  await Promise.all(publishes);
  expect(timesOf(await take(queue, 10))).toStrictEqual(numbers(1, 10));
});

test("closed while the broker is away, what was not confirmed is refused to its publisher", async () => {
  const broker = new TestBroker();
  const queue = await open(broker);
  broker.isDown = true;
  broker.crash();
  const publish = queue.publish([testReading(1)]);
  const refused = expect(publish).rejects.toMatchObject({ code: "READING_QUEUE_CLOSED" });
  await queue.close();
  await refused;
});
