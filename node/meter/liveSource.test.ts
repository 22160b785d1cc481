import { expect, test } from "vitest";
import type { Reading } from "#storage/types/reading.ts";
import { rejectedFrame } from "./frame.ts";
import type { ClosedInterval } from "./intervalBuilder.ts";
import { createLiveSource, type LiveSource, SourceEndedError } from "./liveSource.ts";
import { createPipeline } from "./pipeline.ts";
import { testReading } from "./testReadings.ts";

const frameOf = (...times: number[]) => ({ readings: times.map((time) => testReading(time)), rejected: [] });

/** The whole way from the source, to a disk whose writes end when the test says. */
function startPipeline(source: LiveSource) {
  const written: Reading[] = [];
  const writes: { readonly readings: readonly Reading[]; readonly done: PromiseWithResolvers<void> }[] = [];
  let wrote = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const closed: ClosedInterval[] = [];
  const pipeline = createPipeline(
    { ledgerId: "energy-1", intervalMs: 100, periodMs: 1000 },
    {
      source,
      readings: {
        async append(readings) {
          const done = Promise.withResolvers<void>();
          writes.push({ readings, done });
          wrote.resolve();
          wrote = Promise.withResolvers<void>();
          await done.promise;
          written.push(...readings);
        },
        async *scan() {},
      },
      outbox: {
        closedUntilMs: () => 0,
        firstEndMs: () => 0,
        add: async () => undefined,
        amendedInterval: async () => undefined,
        addAmendments: async () => undefined,
      },
      secretOf: () => new Uint8Array(32).fill(3),
      onClosed: (intervals) => closed.push(...intervals),
      onAmended: () => undefined,
    },
  );
  const running = pipeline.run(stopping.signal);
  return {
    written,
    closed,
    running,
    /** The next write. */
    async write() {
      while (writes.length === 0) await wrote.promise;
      return writes.shift() as (typeof writes)[number];
    },
    async stop() {
      stopping.abort();
      for (const { done } of writes) done.resolve();
      await running;
    },
  };
}

/** Whether a promise is settled, without waiting for it. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  const pending = Symbol("pending");
  return (await Promise.race([promise.catch(() => undefined), Promise.resolve(pending)])) === pending;
}

test("a sender is told when all readings of its frame are on disk, and not before", async () => {
  const source = createLiveSource({ nowMs: () => 0 });
  const run = startPipeline(source);
  const offered = source.offer(frameOf(10, 20));
  const { readings, done } = await run.write();
  expect(await isPending(offered)).toBe(true);
  done.resolve();
  await (readings.length === 2 ? offered : run.write().then((second) => second.done.resolve()));
  await offered;
  expect(run.written.map(({ timestampMs }) => timestampMs)).toEqual([10, 20]);
  await run.stop();
});

test("who repeats a reading that is on its way to the disk is told when it is there, and it is there once", async () => {
  const source = createLiveSource({ nowMs: () => 0 });
  const run = startPipeline(source);
  const first = source.offer(frameOf(10));
  const { done } = await run.write();
  const again = source.offer(frameOf(10));
  expect(await isPending(again)).toBe(true);
  done.resolve();
  await Promise.all([first, again]);
  expect(run.written).toHaveLength(1);
  await source.offer(frameOf(10));
  await run.stop();
});

test("a frame without readings is counted by its reason, and its sender need not wait", async () => {
  const source = createLiveSource({ nowMs: () => 0 });
  const run = startPipeline(source);
  await source.offer(rejectedFrame("not-a-number", "x".repeat(1000)));
  await source.offer({ readings: [], rejected: [] });
  expect(source.account()).toMatchObject({ rows: 1, accepted: 0, rejected: { "not-a-number": 1 } });
  await run.stop();
});

test("when too much is not on disk yet, further frames wait", async () => {
  const source = createLiveSource({ nowMs: () => 0, maxPending: 2 });
  const run = startPipeline(source);
  const offers = [frameOf(1, 2), frameOf(3), frameOf(4)].map((frame) => source.offer(frame));
  const { done } = await run.write();
  await isPending(offers[1] as Promise<void>);
  expect(source.waitingFrames).toBe(2);
  done.resolve();
  for (let left = 3; left > 0; ) {
    const next = await Promise.race([Promise.all(offers).then(() => undefined), run.write()]);
    if (next === undefined) left = 0;
    else next.done.resolve();
  }
  expect(source.waitingFrames).toBe(0);
  expect(run.written.map(({ timestampMs }) => timestampMs)).toEqual([1, 2, 3, 4]);
  await run.stop();
});

test("the clock closes the interval of a meter that fell silent", async () => {
  let now = 0;
  const source = createLiveSource({ nowMs: () => (now += 60), tickMs: 1 });
  const run = startPipeline(source);
  const offered = source.offer(frameOf(10));
  (await run.write()).done.resolve();
  await offered;
  await expect
    .poll(() => run.closed.map(({ startMs, endMs, count }) => [startMs, endMs, count]))
    .toEqual([[0, 100, 1]]);
  await run.stop();
});

test("who waits when the node stops is told to send it again", async () => {
  const source = createLiveSource({ nowMs: () => 0, maxPending: 1 });
  const run = startPipeline(source);
  const refused = [source.offer(frameOf(1)), source.offer(frameOf(2))].map((offer) =>
    offer.then(
      () => "on disk",
      (error) => error instanceof SourceEndedError,
    ),
  );
  const { done } = await run.write();
  const stopped = run.stop();
  done.resolve();
  await stopped;
  expect((await Promise.all(refused)).at(-1)).toBe(true);
  await expect(source.offer(frameOf(3))).rejects.toThrow(SourceEndedError);
});
