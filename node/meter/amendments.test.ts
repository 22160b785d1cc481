import { expect, test } from "vitest";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { MAX_INTERVAL_AMENDMENTS } from "#storage/limits.ts";
import { amendmentSaltKey, amendmentSeed } from "#storage/types/amendment.ts";
import { fingerprintOf } from "#storage/types/interval.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import { periodSeed, readingSalts } from "#storage/types/intervalSecrets.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { ReadingsRootStream } from "#storage/types/readingsRoot.ts";
import { openOutbox } from "../light/outbox.ts";
import type { ClosedAmendment } from "./amendments.ts";
import type { ClosedInterval } from "./intervalBuilder.ts";
import { createPipeline, type PipelineStats } from "./pipeline.ts";
import { type SourceItem, SourceTally } from "./source.ts";
import { testReading } from "./testReadings.ts";
import type { UnsealedRun } from "./unsealed.ts";

const SECRET = new Uint8Array(32).fill(3);
const OWNER = { ledgerId: "energy-1", meterId: "sim:H0001/import", secret: SECRET };
const QUIET_MS = 50;

/** What is on a node's disk: it outlives the pipelines. */
function newDisk() {
  return { log: [] as Reading[], store: createMemoryStore(), failAmendments: false };
}

type Disk = ReturnType<typeof newDisk>;

async function run(
  disk: Disk,
  items: readonly (Reading | number)[],
  { isEnding = false, onUnsealed = (_readings: number): void => undefined } = {},
): Promise<{
  stats: PipelineStats;
  intervals: ClosedInterval[];
  amendments: ClosedAmendment[];
  unsealed: (meterId?: string) => readonly UnsealedRun[];
}> {
  const outbox = await openOutbox(disk.store);
  const intervals: ClosedInterval[] = [];
  const amendments: ClosedAmendment[] = [];
  const stop = new AbortController();
  const pipeline = createPipeline(
    { ledgerId: OWNER.ledgerId, intervalMs: 100, periodMs: 1000, amendAfterMs: QUIET_MS },
    {
      source: {
        async *readings(): AsyncGenerator<SourceItem> {
          for (const item of items) {
            yield typeof item === "number" ? { type: "time", nowMs: item } : { type: "reading", reading: item };
            await new Promise((resolve) => setImmediate(resolve));
          }
          if (!isEnding) stop.abort();
        },
        account: () => new SourceTally().account({ gaps: 0, meters: 1 }),
      },
      readings: {
        append: async (readings) => void disk.log.push(...readings),
        async *scan() {
          yield* [...disk.log];
        },
      },
      outbox: {
        ...outbox,
        async addAmendments(closed) {
          if (disk.failAmendments) throw new Error("power cut");
          await outbox.addAmendments(closed);
        },
      },
      secretOf: () => SECRET,
      onClosed: (closed) => intervals.push(...closed),
      onAmended: (closed) => amendments.push(...closed),
      onUnsealed,
    },
  );
  await pipeline.run(stop.signal);
  return { stats: pipeline.stats(), intervals, amendments, unsealed: pipeline.unsealed };
}

const at = (...times: readonly number[]) => times.map((time) => testReading(time, { registerValue: time }));

test("late readings become an amendment of their interval, in order of time, and the interval stays as it is", async () => {
  const disk = newDisk();
  const { intervals, amendments, stats } = await run(disk, [...at(50, 150, 40, 30), 200, 251]);
  expect(stats).toMatchObject({ late: 2, amended: 2, orphaned: 0, fingerprinted: 2 });
  const [interval] = intervals as [ClosedInterval];
  const [amendment] = amendments as [ClosedAmendment];
  expect(amendments).toHaveLength(1);
  expect(amendment).toMatchObject({ startMs: 0, endMs: 100, amendment: 1, count: 2, timestampsMs: [30, 40] });
  expect(amendment.previousFingerprint).toStrictEqual(interval.fingerprint);
  const position = { startMs: 0, endMs: 100, amendment: 1 };
  const late = at(30, 40);
  const seed = amendmentSeed(periodSeed(OWNER, 0), position, interval.fingerprint);
  expect(amendment.fingerprint).toStrictEqual(fingerprintOf(seed, late));
  const root = new ReadingsRootStream();
  const saltOf = readingSalts(amendmentSaltKey(OWNER, position));
  for (const [index, { value, timestampMs }] of late.entries()) root.append(saltOf(index), value, timestampMs);
  expect(amendment.readingsRoot).toStrictEqual(root.root());
  const sum = late.reduce((total, { value }) => total + BigInt(value), 0n);
  expect(verifySumOpening(amendment.commitment, { sum, count: 2, salt: amendment.salt })).toMatchObject({
    accepted: true,
  });
  expect(disk.log.filter(({ quality }) => quality === QUALITY.LATE).map(({ timestampMs }) => timestampMs)).toEqual([
    40, 30,
  ]);
});

test("an amendment waits until its interval has been quiet, for each further one twice as long", async () => {
  const { amendments } = await run(newDisk(), [
    ...[...at(50, 150, 40), 200, 240, ...at(30), 250, 300],
    ...[301, ...at(20), 310, 360, 410],
    ...[411],
  ]);
  expect(amendments.map(({ amendment, timestampsMs }) => [amendment, timestampsMs])).toEqual([
    [1, [30, 40]],
    [2, [20]],
  ]);
  expect(amendments[1]?.previousFingerprint).toStrictEqual(amendments[0]?.fingerprint);
});

test("a crash between log and outbox neither loses a late reading nor amends it twice", async () => {
  const disk = newDisk();
  disk.failAmendments = true;
  await expect(run(disk, [...at(50, 150, 40), 200, 251])).rejects.toThrow("power cut");
  disk.failAmendments = false;
  const again = await run(disk, [...at(40), 300, 351]);
  expect(again.amendments.map(({ timestampsMs }) => timestampsMs)).toEqual([[40]]);
  const third = await run(disk, [...at(40), 400, 451, ...at(30), 500, 701]);
  expect(third.amendments.map(({ amendment, timestampsMs }) => [amendment, timestampsMs])).toEqual([[2, [30]]]);
  expect(third.stats).toMatchObject({ known: 1, late: 1, amended: 1 });
});

test("what is late for an interval that is still open waits until it is closed", async () => {
  const disk = newDisk();
  const early = await run(disk, [...at(20, 50, 30), 0, 99]);
  expect([early.amendments, early.intervals]).toEqual([[], []]);
  const { amendments, intervals } = await run(disk, [99, 101, 160]);
  expect(intervals.map(({ count }) => count)).toEqual([2]);
  expect(amendments.map(({ endMs, timestampsMs }) => [endMs, timestampsMs])).toEqual([[100, [30]]]);
});

test("readings of a time for which no interval was sealed are kept and listed with their range and why, also after a restart", async () => {
  const disk = newDisk();
  const told: number[] = [];
  const items = [...at(550, 950, 150, 20, 40, 730, 120), 960, 1020];
  const { stats, amendments, unsealed } = await run(disk, items, { isEnding: true, onUnsealed: (n) => told.push(n) });
  expect(amendments).toEqual([]);
  expect(stats).toMatchObject({ late: 5, amended: 0, orphaned: 5 });
  expect(disk.log).toHaveLength(7);
  const { meterId } = OWNER;
  const listed = [
    { meterId, reason: "before-first-interval", readings: 4, fromMs: 20, toMs: 150 },
    { meterId, reason: "gap", readings: 1, fromMs: 730, toMs: 730 },
  ];
  expect(unsealed()).toEqual(listed);
  expect([unsealed(meterId), unsealed("sim:other")]).toEqual([listed, []]);
  expect(told).toEqual([5]);

  const again = await run(disk, [1030], { onUnsealed: (n) => told.push(n) });
  expect(again.unsealed()).toEqual(listed);
  expect([again.stats.orphaned, told]).toEqual([0, [5]]);
});

test("a source that has ended closes its amendments at once", async () => {
  const { amendments } = await run(newDisk(), at(50, 150, 40), { isEnding: true });
  expect(amendments.map(({ timestampsMs }) => timestampsMs)).toEqual([[40]]);
});

test("an interval has no more amendments than the ledger takes", async () => {
  const disk = newDisk();
  await run(disk, at(99, 150), { isEnding: true });
  for (let time = 1; time <= MAX_INTERVAL_AMENDMENTS; time++) await run(disk, at(time), { isEnding: true });
  const { stats, unsealed, amendments } = await run(disk, [...at(90), ...at(250, 350, 120)], { isEnding: true });
  expect(stats).toMatchObject({ late: 2, amended: 1, orphaned: 1 });
  expect(unsealed()).toMatchObject([{ reason: "amendments-full", readings: 1, fromMs: 90, toMs: 90 }]);
  // Other intervals are amended as before.
  expect(amendments.map(({ endMs, timestampsMs }) => [endMs, timestampsMs])).toEqual([[200, [120]]]);
  const outbox = await openOutbox(disk.store);
  expect((await outbox.amendedInterval(OWNER.meterId, 100))?.amendments).toHaveLength(MAX_INTERVAL_AMENDMENTS);
});
