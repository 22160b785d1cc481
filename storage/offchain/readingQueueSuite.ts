import { expect, test } from "vitest";
import type { Reading } from "../types/reading.ts";
import { MAX_BATCH_BYTES } from "./readingLogFormat.ts";
import type { ConsumeOptions, Delivery, ReadingQueue } from "./readingQueue.ts";
import { collect, testReading, testReadings } from "./testReadings.ts";

export interface QueueLimits {
  /** Room for some 30 readings only, so that it is soon full. */
  readonly isSmall?: boolean;
  readonly maxWaitingPublishes?: number;
}

export interface QueueUnderTest {
  readonly queue: ReadingQueue;
  /** Closes the queue and opens what it left. */
  readonly reopen: () => Promise<ReadingQueue>;
  readonly dispose: () => Promise<void>;
}

export const SMALL_QUEUE_BYTES = 3000;

/** The claims every ReadingQueue must meet. */
export function testReadingQueue(
  name: string,
  open: (limits: QueueLimits) => Promise<QueueUnderTest>,
  timeoutMs = 5000,
): void {
  const withQueue = (claim: string, run: (subject: QueueUnderTest) => Promise<void>, limits: QueueLimits = {}) =>
    test(`${name}: ${claim}`, { timeout: timeoutMs }, async () => {
      const subject = await open(limits);
      try {
        await run(subject);
      } finally {
        await subject.dispose();
      }
    });

  withQueue("what is published comes out as it was, in order", async ({ queue }) => {
    const readings = [
      testReading(1, { seq: 7, registerValue: 2 ** 53 - 1, quality: 0xff, phase: 3, tariff: 4 }),
      testReading(2, { value: -(2 ** 53 - 1), timeQuality: "drifting" }),
    ];
    await queue.publish(readings);
    for (let time = 3; time <= 50; time++) await queue.publish([testReading(time, { meterId: `sim:${time % 3}` })]);
    const taken = await take(queue, 50);
    expect(taken.slice(0, 2)).toStrictEqual(readings);
    expect(timesOf(taken)).toStrictEqual(numbers(1, 50));
    await untilBacklog(queue, 0);
  });

  withQueue("a publish is delivered in one piece, and publishes of nothing not at all", async ({ queue }) => {
    await queue.publish([]);
    await queue.publish(testReadings(1, 500));
    const [delivery] = await takeDeliveries(queue, 1);
    expect(timesOf(delivery?.readings ?? [])).toStrictEqual(numbers(1, 500));
  });

  withQueue("publishes under way at once all arrive, each once", async ({ queue }) => {
    const publishes = Array.from({ length: 64 }, (_, i) => queue.publish(testReadings(1 + i * 10, 10)));
    const [taken] = await Promise.all([take(queue, 640), ...publishes]);
    expect(timesOf(taken).toSorted((a, b) => a - b)).toStrictEqual(numbers(1, 640));
    expect(queue.counts()).toMatchObject({ published: 640, delivered: 640, redelivered: 0, acknowledged: 640 });
  });

  withQueue(
    "what was not acknowledged comes again to the next consumer, before anything younger",
    async ({ queue }) => {
      for (const time of [1, 2, 3, 4]) await queue.publish([testReading(time)]);
      const first = await takeDeliveries(queue, 3, { acknowledged: 1 });
      expect(first.map(({ isRedelivered }) => isRedelivered)).toStrictEqual([false, false, false]);
      await queue.publish([testReading(5)]);
      const again = await takeDeliveries(queue, 4);
      expect(again.flatMap(({ readings }) => timesOf(readings))).toStrictEqual([2, 3, 4, 5]);
      expect(again.map(({ isRedelivered }) => isRedelivered).slice(0, 2)).toStrictEqual([true, true]);
      expect(queue.counts().redelivered).toBeGreaterThanOrEqual(2);
    },
  );

  withQueue("acknowledgements survive closing, and so does what has none", async ({ queue, reopen }) => {
    for (const time of [1, 2, 3]) await queue.publish([testReading(time)]);
    await takeDeliveries(queue, 2, { acknowledged: 1 });
    const opened = await reopen();
    await untilBacklog(opened, 2);
    await opened.publish([testReading(4)]);
    const again = await takeDeliveries(opened, 3);
    expect(again.flatMap(({ readings }) => timesOf(readings))).toStrictEqual([2, 3, 4]);
    expect(again[0]?.isRedelivered).toBe(true);
  });

  withQueue("no more deliveries than the prefetch are handed out at once", async ({ queue }) => {
    for (const time of [1, 2, 3]) await queue.publish([testReading(time)]);
    await consuming(queue, { prefetch: 2 }, async (deliveries) => {
      const first = await nextOf(deliveries);
      await nextOf(deliveries);
      const third = nextOf(deliveries);
      // A round trip to the queue, by which time it would have sent more.
      await queue.publish([testReading(4)]);
      expect(queue.counts().delivered).toBe(2);
      await first.acknowledge();
      expect(timesOf((await third).readings)).toStrictEqual([3]);
    });
  });

  withQueue("acknowledged out of order, only what has no acknowledgement comes again", async ({ queue }) => {
    for (const time of [1, 2, 3]) await queue.publish([testReading(time)]);
    await consuming(queue, {}, async (deliveries) => {
      const [first, second, third] = [await nextOf(deliveries), await nextOf(deliveries), await nextOf(deliveries)];
      await third.acknowledge();
      await first.acknowledge();
      await first.acknowledge();
      expect(queue.counts().acknowledged).toBe(2);
      await second.acknowledge();
    });
    expect(queue.counts().acknowledged).toBe(3);
    await untilBacklog(queue, 0);
  });

  withQueue("there is one consumer at a time, and after it the next", async ({ queue }) => {
    await queue.publish([testReading(1)]);
    await consuming(queue, {}, async (deliveries) => {
      await nextOf(deliveries);
      await expect(takeDeliveries(queue, 1)).rejects.toMatchObject({ code: "READING_QUEUE_HAS_CONSUMER" });
    });
    expect(timesOf(await take(queue, 1))).toStrictEqual([1]);
  });

  withQueue("a delivery of an iteration that has ended cannot be acknowledged", async ({ queue }) => {
    await queue.publish([testReading(1)]);
    const [delivery] = await takeDeliveries(queue, 1, { acknowledged: 0 });
    await expect(delivery?.acknowledge()).rejects.toMatchObject({ code: "READING_QUEUE_DELIVERY_VOID" });
    expect(timesOf(await take(queue, 1))).toStrictEqual([1]);
  });

  withQueue("an iteration that waits ends when its signal says so", async ({ queue }) => {
    const stop = new AbortController();
    const iteration = queue.consume({ signal: stop.signal })[Symbol.asyncIterator]();
    const waiting = iteration.next();
    await queue.publish([testReading(1)]);
    expect((await waiting).done).toBe(false);
    const more = iteration.next();
    stop.abort();
    expect((await more).done).toBe(true);
  });

  withQueue(
    "an iteration that waits ends when the queue is closed, and a closed queue takes nothing",
    async ({ queue }) => {
      const iteration = queue.consume({ signal: new AbortController().signal })[Symbol.asyncIterator]();
      const waiting = iteration.next();
      await queue.publish([testReading(1)]);
      await waiting;
      const more = iteration.next();
      await queue.close();
      expect((await more).done).toBe(true);
      await expect(queue.publish([testReading(2)])).rejects.toMatchObject({ code: "READING_QUEUE_CLOSED" });
      await queue.close();
    },
  );

  withQueue(
    "a full queue makes its publisher wait, and nothing is lost or doubled when there is room again",
    async ({ queue }) => {
      const publishing = (async () => {
        for (let time = 1; time <= 200; time++) await queue.publish([testReading(time)]);
      })();
      await until(() => queue.counts().waitingPublishes === 1);
      expect(queue.counts().published).toBeLessThan(200);
      expect(timesOf(await take(queue, 200))).toStrictEqual(numbers(1, 200));
      await publishing;
      expect(queue.counts()).toMatchObject({ published: 200, waitingPublishes: 0, missing: 0 });
    },
    { isSmall: true },
  );

  withQueue(
    "when too many publishes wait, the next is refused and may come again",
    async ({ queue }) => {
      const publishes: Promise<void>[] = [];
      for (let time = 1; queue.counts().waitingPublishes < 4; time++) {
        const publish = queue.publish([testReading(time)]);
        publishes.push(publish);
        await Promise.race([publish, until(() => queue.counts().waitingPublishes > 0)]);
      }
      const late = testReading(publishes.length + 1);
      await expect(queue.publish([late])).rejects.toMatchObject({
        details: { code: "READING_QUEUE_FULL", waitingPublishes: 4 },
      });
      const taken = await take(queue, publishes.length);
      await Promise.all(publishes);
      await queue.publish([late]);
      const all = [...taken, ...(await take(queue, 1))];
      expect(timesOf(all).toSorted((a, b) => a - b)).toStrictEqual(numbers(1, publishes.length + 1));
    },
    { isSmall: true, maxWaitingPublishes: 4 },
  );

  withQueue("a refused reading is a dead letter with its reason, its neighbours are not", async ({ queue, reopen }) => {
    await queue.publish(testReadings(1, 3));
    await queue.publish([testReading(4)]);
    await consuming(queue, {}, async (deliveries) => {
      const { readings, acknowledge } = await nextOf(deliveries);
      await acknowledge([{ reading: readings[1] as Reading, reason: "no such meter" }]);
    });
    const opened = await reopen();
    expect(timesOf(await take(opened, 1))).toStrictEqual([4]);
    const letters = await collect(opened.deadLetters());
    expect(letters).toMatchObject([{ reading: testReading(2), reason: "no such meter" }]);
    expect(await collect(opened.deadLetters())).toHaveLength(1);
  });

  withQueue("dead letters that are tried again are delivered again, and forgotten", async ({ queue }) => {
    await queue.publish(testReadings(1, 3));
    const refuse = async ({ readings, acknowledge }: Delivery): Promise<void> =>
      acknowledge(readings.map((reading) => ({ reading, reason: "not now" })));
    await consuming(queue, {}, async (deliveries) => refuse(await nextOf(deliveries)));
    expect(queue.counts()).toMatchObject({ acknowledged: 3, refused: 3 });
    expect(await queue.retryDeadLetters()).toBe(3);
    expect(await collect(queue.deadLetters())).toStrictEqual([]);
    expect(timesOf(await take(queue, 3))).toStrictEqual([1, 2, 3]);
    expect(await queue.retryDeadLetters()).toBe(0);
  });

  withQueue("a publish that can never be taken is refused whole", async ({ queue }) => {
    const bad = [testReading(1), testReading(2, { phase: 4 })];
    await expect(queue.publish(bad)).rejects.toMatchObject({ code: "READING_FIELD_INVALID" });
    const large = testReadings(1, Math.ceil(MAX_BATCH_BYTES / 90));
    await expect(queue.publish(large)).rejects.toMatchObject({ code: "READING_LOG_APPEND_TOO_LARGE" });
    await queue.publish([testReading(3)]);
    expect(timesOf(await take(queue, 1))).toStrictEqual([3]);
    expect(queue.counts().published).toBe(1);
  });
}

export function timesOf(readings: readonly Reading[]): number[] {
  return readings.map(({ timestampMs }) => timestampMs);
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Consumes and acknowledges until this many readings were there. */
export async function take(queue: ReadingQueue, count: number): Promise<Reading[]> {
  const taken: Reading[] = [];
  for await (const { readings, acknowledge } of queue.consume({ signal: new AbortController().signal })) {
    taken.push(...readings);
    await acknowledge();
    if (taken.length >= count) return taken;
  }
  return taken;
}

/** This many deliveries, of which only the first `acknowledged` are, without it all. */
async function takeDeliveries(
  queue: ReadingQueue,
  count: number,
  { acknowledged = count }: { readonly acknowledged?: number } = {},
): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  for await (const delivery of queue.consume({ signal: new AbortController().signal })) {
    taken.push(delivery);
    if (taken.length <= acknowledged) await delivery.acknowledge();
    if (taken.length >= count) return taken;
  }
  return taken;
}

/** Runs with an iteration of the queue, and ends it. */
async function consuming(
  queue: ReadingQueue,
  options: Omit<ConsumeOptions, "signal">,
  run: (deliveries: AsyncIterator<Delivery>) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const deliveries = queue.consume({ ...options, signal: stop.signal })[Symbol.asyncIterator]();
  try {
    await run(deliveries);
  } finally {
    stop.abort();
    await deliveries.return?.();
  }
}

async function nextOf(deliveries: AsyncIterator<Delivery>): Promise<Delivery> {
  const { done, value } = await deliveries.next();
  if (done === true) throw new Error("the queue delivers no more");
  return value;
}

/** A broker counts a little later than it answers. */
async function untilBacklog(queue: ReadingQueue, count: number): Promise<void> {
  while ((await queue.backlog()) !== count) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets the event loop turn until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
