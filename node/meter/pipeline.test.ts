import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { seriesOf } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import type { Sealable } from "../light/outbox.ts";
import { MAX_AHEAD_MS } from "./ahead.ts";
import type { ClosedAmendment } from "./amendments.ts";
import { createCsvSource } from "./csv.ts";
import type { ClosedInterval } from "./intervalBuilder.ts";
import { createPipeline, type PipelineOptions, type PipelineStats } from "./pipeline.ts";
import { type MeterSource, type SourceItem, SourceTally } from "./source.ts";
import { testReading } from "./testReadings.ts";
import { MAX_TIMESTAMP_RUNS } from "./timestampRuns.ts";

const OPTIONS: PipelineOptions = { ledgerId: "energy-1", intervalMs: 100, periodMs: 1000 };
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "meter-pipeline-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function sourceOf(items: Iterable<Reading | SourceItem> | AsyncIterable<Reading | SourceItem>): MeterSource {
  const tally = new SourceTally();
  return {
    async *readings(signal) {
      for await (const item of items) {
        if (signal.aborted) return;
        yield "type" in item ? item : { type: "reading", reading: item };
      }
    },
    account: () => tally.account({ gaps: 0, meters: 0 }),
  };
}

/** An outbox in memory, which outlives the pipelines that fill it. */
function memoryOutbox() {
  const intervals: ClosedInterval[] = [];
  const amendments: ClosedAmendment[] = [];
  return {
    intervals,
    amendments,
    async amendedInterval(meterId: string, endMs: number) {
      const isOf = (item: Sealable) => item.meterId === meterId && item.endMs === endMs;
      const interval = intervals.find(isOf);
      return interval === undefined ? undefined : { interval, amendments: amendments.filter(isOf) };
    },
    async addAmendments(closed: readonly ClosedAmendment[]) {
      await Promise.resolve();
      if (amendments.length + closed.length > this.failAmendmentsAfter) throw new Error("power cut");
      amendments.push(...closed);
    },
    failAmendmentsAfter: Number.POSITIVE_INFINITY,
    failAfter: Number.POSITIVE_INFINITY,
    closedUntilMs: (meterId: string) =>
      Math.max(0, ...intervals.filter((interval) => interval.meterId === meterId).map(({ endMs }) => endMs)),
    firstEndMs: (meterId: string) => intervals.find((interval) => interval.meterId === meterId)?.endMs ?? 0,
    async add(closed: readonly ClosedInterval[]) {
      await Promise.resolve();
      if (intervals.length + closed.length > this.failAfter) throw new Error("power cut");
      intervals.push(...closed);
    },
  };
}
type MemoryOutbox = ReturnType<typeof memoryOutbox>;

async function run(
  source: MeterSource,
  outbox: MemoryOutbox,
  { signal = new AbortController().signal, ...options }: Partial<PipelineOptions> & { signal?: AbortSignal } = {},
): Promise<{ stats: PipelineStats; handedOn: ClosedInterval[] }> {
  const readings = await openReadingLog(directory);
  const handedOn: ClosedInterval[] = [];
  const secretOf = () => new Uint8Array(32).fill(3);
  const pipeline = createPipeline(
    { ...OPTIONS, ...options },
    { source, readings, outbox, secretOf, onClosed: (closed) => handedOn.push(...closed), onAmended: () => undefined },
  );
  try {
    await pipeline.run(signal);
    return { stats: pipeline.stats(), handedOn };
  } finally {
    await readings.close();
  }
}

async function loggedTimes(): Promise<number[]> {
  const log = await openReadingLog(directory);
  const times: number[] = [];
  for await (const { timestampMs } of log.scan()) times.push(timestampMs);
  await log.close();
  return times;
}

function times(from: number, to: number, step: number): Reading[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => testReading(from + i * step));
}

test("readings become durable, then fingerprinted, then handed on, and every one is counted", async () => {
  const outbox = memoryOutbox();
  const items = [...times(10, 500, 10), ...times(10, 300, 10).map((r) => ({ ...r, meterId: "sim:H0002/import" }))];
  const { stats, handedOn } = await run(sourceOf(items), outbox);
  expect(stats).toMatchObject({ queued: 80, durable: 80, fingerprinted: 80, late: 0, known: 0, ended: true });
  expect(handedOn).toStrictEqual(outbox.intervals);
  expect(handedOn).toHaveLength(8);
  expect(handedOn.reduce((sum, interval) => sum + interval.sum, 0n)).toBe(
    items.reduce((sum, { value }) => sum + BigInt(value), 0n),
  );
  expect(await loggedTimes()).toHaveLength(80);
});

test("rows that are no readings are passed over", async () => {
  const items: (Reading | SourceItem)[] = [
    testReading(10),
    { type: "duplicate", row: 2, meterId: "sim:H0001/import", timestampMs: 10 },
    { type: "rejected", row: 3, reason: "null-value", text: "Null" },
    testReading(20),
  ];
  expect((await run(sourceOf(items), memoryOutbox())).stats).toMatchObject({ queued: 2, fingerprinted: 2 });
});

test("late readings are in the log and counted, and in no interval", async () => {
  const outbox = memoryOutbox();
  const { stats } = await run(sourceOf([50, 150, 60, 160].map((time) => testReading(time))), outbox);
  expect(stats).toMatchObject({ queued: 4, durable: 4, fingerprinted: 3, late: 1 });
  expect(await loggedTimes()).toStrictEqual([50, 150, 60, 160]);
});

test("with a lateness the same readings are all fingerprinted", async () => {
  const items = [50, 150, 60, 160].map((time) => testReading(time));
  expect((await run(sourceOf(items), memoryOutbox(), { latenessMs: 100 })).stats).toMatchObject({
    fingerprinted: 4,
    late: 0,
  });
});

test("a reading far ahead of the receiver's clock is kept, and closes nothing", async () => {
  const outbox = memoryOutbox();
  const ahead = testReading(2_000_000 + MAX_AHEAD_MS, { receivedMs: 50 });
  const limit = testReading(MAX_AHEAD_MS + 70, { receivedMs: 70 });
  const { stats } = await run(sourceOf([testReading(50), ahead, testReading(60), limit]), outbox);
  expect(stats).toMatchObject({ ahead: 1, durable: 4, fingerprinted: 3, late: 0 });
  expect(outbox.intervals.map(({ count }) => count)).toStrictEqual([2, 1]);
});

test("a source read again from its start after a restart is neither logged nor fingerprinted twice", async () => {
  const outbox = memoryOutbox();
  const items = [...times(10, 250, 10), testReading(55), testReading(15)];
  await run(sourceOf(items), outbox);
  const before = [...outbox.intervals];
  const { stats } = await run(sourceOf([...items, ...times(310, 400, 10)]), outbox);
  expect(stats).toMatchObject({ known: items.length, queued: 10, late: 0, fingerprinted: 10 });
  expect(outbox.intervals.slice(0, 3)).toStrictEqual(before);
  expect(await loggedTimes()).toHaveLength(items.length + 10);
});

test("a stopped pipeline leaves its interval open, and the next one finishes it as if nothing had happened", async () => {
  const items = times(10, 500, 10);
  const expected = memoryOutbox();
  await run(sourceOf(items), expected);
  rmSync(directory, { recursive: true });

  const outbox = memoryOutbox();
  const controller = new AbortController();
  async function* stopping() {
    for (const item of items) {
      if (item.timestampMs === 340) controller.abort();
      yield item;
    }
  }
  const { stats } = await run(sourceOf(stopping()), outbox, { signal: controller.signal });
  expect(stats).toMatchObject({ queued: 33, durable: 33, fingerprinted: 30 });
  await run(sourceOf(items), outbox);
  expect(outbox.intervals).toStrictEqual(expected.intervals);
});

test("a crash before any interval is kept loses none and makes none twice", async () => {
  const items = Array.from({ length: 120 }, (_, i) => testReading(10 + i * 10 - (i % 4 === 3 ? 25 : 0)));
  const expected = memoryOutbox();
  await run(sourceOf(items), expected, { latenessMs: 40 });
  expect(expected.intervals.length).toBeGreaterThan(10);
  for (let kept = 0; kept < expected.intervals.length; kept++) {
    rmSync(directory, { recursive: true });
    const outbox = memoryOutbox();
    outbox.failAfter = kept;
    await expect(run(sourceOf(items), outbox, { latenessMs: 40 })).rejects.toThrow("power cut");
    outbox.failAfter = Number.POSITIVE_INFINITY;
    await run(sourceOf(items), outbox, { latenessMs: 40 });
    expect(outbox.intervals).toStrictEqual(expected.intervals);
  }
});

/**
 * What a live source yields whose meters send every 10 ms until the time in `until`, while its clock goes from `fromMs` to `toMs`. After each
 * look at the clock, what waits for nothing but its turn is done.
 */
async function* live(fromMs: number, toMs: number, until: Readonly<Record<string, number>>) {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 10) {
    for (const [meterId, lastMs] of Object.entries(until)) if (nowMs <= lastMs) yield testReading(nowMs, { meterId });
    yield { type: "time", nowMs } as const;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("the interval of a live meter that fell silent is closed by the clock, and the others go on", async () => {
  const outbox = memoryOutbox();
  const closedAt: string[] = [];
  let clockMs = 0;
  const source = async function* () {
    for await (const item of live(10, 300, { silent: 40, sending: 300 })) {
      if ("type" in item) clockMs = item.nowMs;
      yield item;
    }
  };
  const pipeline = createPipeline(
    { ...OPTIONS, latenessMs: 20 },
    {
      source: sourceOf(source()),
      readings: {
        append: () => Promise.resolve(),
        async *scan() {},
      },
      outbox,
      secretOf: () => new Uint8Array(32),
      onClosed: (closed) =>
        closedAt.push(...closed.map((one) => `${one.meterId} ${one.endMs} ${one.count} at ${clockMs}`)),
      onAmended: () => undefined,
    },
  );
  await pipeline.run(new AbortController().signal);
  expect(closedAt).toStrictEqual([
    "sending 100 10 at 130",
    "silent 100 4 at 130",
    "sending 200 10 at 230",
    "sending 300 10 at 300",
  ]);
  expect(pipeline.stats()).toMatchObject({ queued: 34, durable: 34, fingerprinted: 34, late: 0 });
});

test("an interval that an earlier run left open is closed by the clock of the next, which has that meter no more", async () => {
  const outbox = memoryOutbox();
  const controller = new AbortController();
  async function* stopping() {
    yield* live(10, 40, { gone: 40, stays: 40 });
    controller.abort();
  }
  await run(sourceOf(stopping()), outbox, { signal: controller.signal });
  expect(outbox.intervals).toStrictEqual([]);
  const next = new AbortController();
  async function* without() {
    for (let fromMs = 50; outbox.intervals.length < 2; fromMs += 10) yield* live(fromMs, fromMs, { stays: 60 });
    next.abort();
  }
  const { stats } = await run(sourceOf(without()), outbox, { signal: next.signal });
  const [gone, stays] = [...outbox.intervals].sort((a, b) => a.meterId.localeCompare(b.meterId));
  expect([gone, stays]).toMatchObject([
    { meterId: "gone", endMs: 100, count: 4 },
    { meterId: "stays", endMs: 100, count: 6 },
  ]);
  expect(stats).toMatchObject({ late: 0, fingerprinted: 10 });
});

test("a failure ends a source that is waiting for its next reading", async () => {
  const outbox = memoryOutbox();
  outbox.failAfter = 0;
  let stopped = false;
  const source: MeterSource = {
    async *readings(signal) {
      yield { type: "reading", reading: testReading(50) };
      yield { type: "reading", reading: testReading(150) };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      stopped = true;
    },
    account: () => new SourceTally().account({ gaps: 0, meters: 0 }),
  };
  await expect(run(source, outbox)).rejects.toThrow("power cut");
  expect(stopped).toBe(true);
});

test("a failed write to the log stops the pipeline and hands nothing on", async () => {
  const handedOn: ClosedInterval[] = [];
  const pipeline = createPipeline(OPTIONS, {
    source: sourceOf(times(10, 500, 10)),
    readings: {
      append: () => Promise.reject(new Error("disk full")),
      async *scan() {},
    },
    outbox: memoryOutbox(),
    secretOf: () => new Uint8Array(32),
    onClosed: (closed) => handedOn.push(...closed),
    onAmended: () => undefined,
  });
  await expect(pipeline.run(new AbortController().signal)).rejects.toThrow("disk full");
  expect(handedOn).toStrictEqual([]);
  expect(pipeline.stats()).toMatchObject({ durable: 0, fingerprinted: 0, ended: false });
});

test("a file's accepted energy is all in intervals, to the Wh", async () => {
  const path = fileURLToPath(new URL("testdata/lcl-derived.csv", import.meta.url));
  const source = createCsvSource({ path, nowMs: () => 1_700_000_000_000 });
  const outbox = memoryOutbox();
  const { stats } = await run(source, outbox, { intervalMs: 3_600_000, periodMs: 86_400_000 });
  const { accepted, acceptedMwh } = source.account();
  expect(stats).toMatchObject({ queued: accepted, fingerprinted: accepted, late: 0 });
  expect(outbox.intervals.reduce((sum, interval) => sum + interval.sum, 0n)).toBe(acceptedMwh);
});

test("with a sync time many readings share one write, and each sender hears of it only when that is done", async () => {
  const writes: number[] = [];
  const told: number[] = [];
  const items: SourceItem[] = times(10, 900, 10).map((reading, index) => ({
    type: "reading",
    reading,
    durable: () => void told.push(index),
  }));
  const log: Reading[] = [];
  const pipeline = createPipeline(
    { ...OPTIONS, syncMs: 40 },
    {
      source: sourceOf(
        (async function* () {
          for (const item of items) {
            yield item;
            // As they come from a meter: each in a turn of its own.
            await new Promise((resolve) => setImmediate(resolve));
          }
        })(),
      ),
      readings: {
        async append(readings) {
          expect(told).toHaveLength(log.length);
          log.push(...readings);
          writes.push(readings.length);
        },
        async *scan() {},
      },
      outbox: memoryOutbox(),
      secretOf: () => new Uint8Array(32),
      onClosed: () => undefined,
      onAmended: () => undefined,
    },
  );
  await pipeline.run(new AbortController().signal);
  expect(log).toHaveLength(90);
  expect(told).toHaveLength(90);
  expect(writes.length).toBeLessThan(30);
});

test("a duplicate that its source knows is told of when what it repeats is on disk", async () => {
  const written = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = testReading(10);
  const items: SourceItem[] = [
    { type: "reading", reading: first, durable: () => void order.push("first") },
    { type: "duplicate", row: 2, meterId: first.meterId, timestampMs: 10, durable: () => void order.push("again") },
  ];
  const pipeline = createPipeline(OPTIONS, {
    source: sourceOf(items),
    readings: {
      append: async () => {
        await written.promise;
        order.push("on disk");
      },
      async *scan() {},
    },
    outbox: memoryOutbox(),
    secretOf: () => new Uint8Array(32),
    onClosed: () => undefined,
    onAmended: () => undefined,
  });
  const running = pipeline.run(new AbortController().signal);
  setImmediate(written.resolve);
  await running;
  expect(order).toEqual(["on disk", "first", "again"]);
});

test("what is so old that its time has been forgotten is kept, and neither sealed nor amended", async () => {
  const outbox = memoryOutbox();
  // Steps of growing length: a run has two readings at most.
  const many = Array.from({ length: 2 * MAX_TIMESTAMP_RUNS + 5 }, (_, i) => {
    const timestampMs = 1 + 10 * i + (i * (i + 1)) / 2;
    return testReading(timestampMs, { receivedMs: timestampMs });
  });
  const again = many[1] as Reading;
  const { stats } = await run(sourceOf([...many, again]), outbox, { intervalMs: 1e9, periodMs: 1e9 });
  expect(stats).toMatchObject({ forgotten: 1, late: 0, amended: 0 });
  expect(await loggedTimes()).toHaveLength(many.length + 1);
  expect(outbox.intervals.reduce((sum, { count }) => sum + count, 0)).toBe(many.length);
});

test("what was erased does not come back when its source is read again", async () => {
  const items = times(10, 500, 10);
  const outbox = memoryOutbox();
  await run(sourceOf(items), outbox);
  const log = await openReadingLog(directory);
  await log.endSegment();
  for (const segment of log.closedSegments())
    await log.thin(
      segment,
      ({ timestampMs }) => timestampMs > 50,
      async () => undefined,
    );
  await log.close();
  const series = seriesOf(items[0] as Reading);
  async function* erased() {
    for (let timestampMs = 10; timestampMs <= 50; timestampMs += 10) yield { series, timestampMs };
  }
  const { stats } = await run(sourceOf(items), Object.assign(outbox, { erased }));
  expect(stats).toMatchObject({ known: 50, durable: 0, late: 0 });
  expect(Math.min(...(await loggedTimes()))).toBe(60);
});
