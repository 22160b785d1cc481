import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { openEmbeddedQueue } from "#storage/offchain/embeddedQueue.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import type { ReadingQueue } from "#storage/offchain/readingQueue.ts";
import type { ReadingStore } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import { FleetFingerprints } from "./fingerprints.ts";
import { probeFsync, type WrittenBatches, watchFiles } from "./fsyncProbe.ts";
import { createMeterLoad } from "./meterLoad.ts";
import { cpuMicroseconds, type OfferedReadings, offerOpenLoop, offerWindow } from "./offerReadings.ts";
import { groupCommitWaits, type Percentiles, percentilesOf, round } from "./samples.ts";

/** The load comes in parts of so long with a probe of the disk behind each, so that both meet the same machine. */
const PART_SECONDS = 0.5;
const PROBE_SECONDS = 0.25;
/** Readings put into the store and fingerprinted at once. */
const PUT_READINGS = 5_000;
/** Meters of the sweep; each with the same number of readings in all, beside the first one of each meter. */
const SWEEP_METERS = [100, 1_000, 10_000];
const SWEEP_READINGS = 200_000;
const SWEEP_ROUNDS = 3;
const READINGS_AT_ONCE = 50;
/** 20 samples: so many readings share the fixed cost of an interval in every step of the sweep. */
const SWEEP_INTERVAL_MS = 100_000;

export interface StoredReadings {
  /** From the queue through the store and into intervals, each acknowledged to the queue when it is there. */
  readonly readingsPerSecond: number;
  /** The time of the intervals alone. */
  readonly fingerprintedPerSecond: number;
}

export interface EmbeddedResult {
  /** The queue on its own, parts together; p50 and p99 are the medians of the parts'. */
  readonly openLoop: OfferedReadings & {
    readonly offeredPerSecond: number;
    readonly readingsPerBatch: number;
    readonly bytesPerBatch: number;
    /** Write and fdatasync of as many bytes, by nobody else in this process. */
    readonly fsyncMs: Percentiles;
    /** Out of the same probe: what an acknowledgement by group commit takes on this disk if nothing else takes any time (groupCommitWaits). */
    readonly groupCommitMs: Percentiles;
    /** The log's own writes, as the busy process saw them. */
    readonly batchMs: Percentiles;
    /** The same generator, acknowledged in the next turn of the event loop: what the processor's other work costs without any queue. */
    readonly withoutQueueMs: Percentiles;
    /** p99 of the acknowledgement, from when it was due, less p99 of the disk alone. */
    readonly aboveFsyncMs: number;
    /** The same less p99 of groupCommitMs. */
    readonly aboveGroupCommitMs: number;
    /** Each part against the probe right behind it. */
    readonly parts: readonly { readonly acknowledgementP99Ms: number; readonly fsyncP99Ms: number }[];
  };
  /** 1000 readings under way, each publish one reading. */
  readonly window: OfferedReadings;
  readonly stored: StoredReadings;
  readonly cost: readonly MeterCost[];
}

/** Processor time from the publish until a reading is in the store and in a closed interval, µs; medians of some rounds. */
export interface MeterCost {
  readonly meters: number;
  readonly microsecondsPerReading: number;
  /** Of the first reading of a meter after a start, which looks for what the disk has of it and derives its secrets. */
  readonly microsecondsPerFirstReading: number;
}

export async function benchEmbedded(
  directory: string,
  options: { readonly perSecond: number; readonly seconds: number; readonly meters: number; readonly window: number },
  say: (text: string) => void,
): Promise<EmbeddedResult> {
  const { perSecond, seconds, meters, window } = options;
  const readingOf = createMeterLoad(meters);
  const written: WrittenBatches = { bytes: 0, milliseconds: [] };
  const parts: {
    readonly offered: OfferedReadings;
    readonly fsync: Percentiles;
    readonly groupCommit: Percentiles;
    readonly idle: Percentiles;
  }[] = [];
  const partCount = Math.max(1, Math.round(seconds / PART_SECONDS));
  let next = 0;
  let windowed: OfferedReadings;
  let stored: StoredReadings;
  {
    await using queue = await openEmbeddedQueue(join(directory, "queue"), {
      openFile: watchFiles(written),
      maxWaitingPublishes: 100_000,
    });
    const publish = (reading: Reading): Promise<void> => queue.publish([reading]);
    say("embedded: warming up");
    await offerOpenLoop(publish, readingOf, { perSecond, seconds: 1, first: next });
    next += perSecond;
    written.bytes = 0;
    written.milliseconds.length = 0;
    for (let part = 1; part <= partCount; part++) {
      say(`embedded: ${perSecond} readings/s offered, part ${part} of ${partCount}`);
      const offered = await offerOpenLoop(publish, readingOf, { perSecond, seconds: PART_SECONDS, first: next });
      next += Math.round(perSecond * PART_SECONDS);
      const batchBytes = Math.max(1, Math.round(written.bytes / written.milliseconds.length));
      const syncs = await probeFsync(directory, batchBytes, PROBE_SECONDS);
      const [fsync, groupCommit] = [percentilesOf(syncs), groupCommitWaits(syncs)];
      const nothing = await offerOpenLoop(() => turn(), readingOf, { perSecond, seconds: PROBE_SECONDS, first: 0 });
      parts.push({ offered, fsync, groupCommit, idle: nothing.acknowledgementFromDueMs });
    }
    say(`embedded: ${window} readings under way`);
    const batches = { ...written, milliseconds: [...written.milliseconds] };
    // A second of it is half a million readings, which the store then has to take.
    windowed = await offerWindow(publish, readingOf, { window, seconds: Math.min(1, seconds), first: next });
    Object.assign(written, batches);
    say("embedded: its consumer, store and fingerprints");
    await using store = await openStore(join(directory, "store"));
    stored = await drainInto(queue, store);
  }
  const rounds: MeterCost[] = [];
  // Round by round, so that what else the machine does and what the compiler has seen by then meet all numbers of meters.
  for (let round = 0; round <= SWEEP_ROUNDS; round++)
    for (const count of SWEEP_METERS) {
      say(`embedded: cost of a reading with ${count} meters, round ${round} of ${SWEEP_ROUNDS}`);
      const cost = await costOf(directory, count);
      if (round > 0) rounds.push(cost);
    }
  const median = (values: readonly number[]): number => round(percentilesOf(values).p50);
  const pick = (of: (part: (typeof parts)[number]) => Percentiles): Percentiles => ({
    p50: median(parts.map((part) => of(part).p50)),
    p99: median(parts.map((part) => of(part).p99)),
  });
  const cost = SWEEP_METERS.map((count): MeterCost => {
    const own = rounds.filter((each) => each.meters === count);
    const middle = (of: (each: MeterCost) => number): number => round(percentilesOf(own.map(of)).p50, 2);
    return {
      meters: count,
      microsecondsPerReading: middle((each) => each.microsecondsPerReading),
      microsecondsPerFirstReading: middle((each) => each.microsecondsPerFirstReading),
    };
  });
  const durable = parts.reduce((sum, { offered }) => sum + offered.durable, 0);
  const fsyncMs = pick(({ fsync }) => fsync);
  const groupCommitMs = pick(({ groupCommit }) => groupCommit);
  const acknowledgementFromDueMs = pick(({ offered }) => offered.acknowledgementFromDueMs);
  return {
    openLoop: {
      offeredPerSecond: perSecond,
      queuedPerSecond: Math.round(median(parts.map(({ offered }) => offered.queuedPerSecond))),
      durablePerSecond: Math.round(median(parts.map(({ offered }) => offered.durablePerSecond))),
      durable,
      refused: parts.reduce((sum, { offered }) => sum + offered.refused, 0),
      acknowledgementMs: pick(({ offered }) => offered.acknowledgementMs),
      acknowledgementFromDueMs,
      readingsPerBatch: Math.round(durable / Math.max(1, written.milliseconds.length)),
      bytesPerBatch: Math.round(written.bytes / Math.max(1, written.milliseconds.length)),
      fsyncMs,
      groupCommitMs,
      withoutQueueMs: pick(({ idle }) => idle),
      batchMs: percentilesOf(written.milliseconds),
      aboveFsyncMs: round(acknowledgementFromDueMs.p99 - fsyncMs.p99),
      aboveGroupCommitMs: round(acknowledgementFromDueMs.p99 - groupCommitMs.p99),
      parts: parts.map(({ offered, fsync }) => ({
        acknowledgementP99Ms: offered.acknowledgementFromDueMs.p99,
        fsyncP99Ms: fsync.p99,
      })),
    },
    window: windowed,
    stored,
    cost,
  };
}

/** The whole backlog of a queue into a store, and into intervals, as fast as they take it. A fleet that is given has its last intervals open still. */
export async function drainInto(
  queue: ReadingQueue,
  store: ReadingStore,
  { fleet: kept, prefetch = 256 }: { readonly fleet?: FleetFingerprints; readonly prefetch?: number } = {},
): Promise<StoredReadings> {
  const fleet = kept ?? new FleetFingerprints();
  const stop = new AbortController();
  const { published, acknowledged } = queue.counts();
  let left = published - acknowledged;
  const total = left;
  let fingerprintMs = 0;
  const beganMs = performance.now();
  let gathered: Reading[] = [];
  const waiting: (() => Promise<void>)[] = [];
  for await (const delivery of queue.consume({ signal: stop.signal, prefetch })) {
    gathered.push(...delivery.readings);
    waiting.push(() => delivery.acknowledge());
    left -= delivery.readings.length;
    if (gathered.length < PUT_READINGS && left > 0 && waiting.length < prefetch) continue;
    await store.put(gathered);
    const fromMs = performance.now();
    fleet.add(gathered);
    fingerprintMs += performance.now() - fromMs;
    gathered = [];
    for (const acknowledge of waiting.splice(0)) await acknowledge();
    if (left <= 0) stop.abort();
  }
  const fromMs = performance.now();
  if (kept === undefined) fleet.end();
  fingerprintMs += performance.now() - fromMs;
  return {
    readingsPerSecond: Math.round((total * 1000) / (performance.now() - beganMs)),
    fingerprintedPerSecond: Math.round((fleet.fingerprinted * 1000) / fingerprintMs),
  };
}

async function costOf(directory: string, meters: number): Promise<MeterCost> {
  const folder = mkdtempSync(join(directory, "sweep-"));
  try {
    const readingOf = createMeterLoad(meters);
    await using queue = await openEmbeddedQueue(join(folder, "queue"));
    await using store = await openStore(join(folder, "store"));
    const fleet = new FleetFingerprints(SWEEP_INTERVAL_MS);
    const pass = async (first: number, end: number): Promise<void> => {
      const publishes: Promise<void>[] = [];
      for (let at = first; at < end; at += READINGS_AT_ONCE) {
        const count = Math.min(READINGS_AT_ONCE, end - at);
        publishes.push(queue.publish(Array.from({ length: count }, (_, i) => readingOf(at + i))));
        if (publishes.length === 100) await Promise.all(publishes.splice(0));
      }
      await Promise.all(publishes);
      await drainInto(queue, store, { fleet });
    };
    const microsecondsPerFirstReading = await cpuMicroseconds(meters, () => pass(0, meters));
    const microsecondsPerReading = await cpuMicroseconds(SWEEP_READINGS, async () => {
      await pass(meters, meters + SWEEP_READINGS);
      fleet.end();
    });
    if (fleet.fingerprinted !== meters + SWEEP_READINGS) throw new Error("a reading is in no interval");
    return { meters, microsecondsPerReading, microsecondsPerFirstReading };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openStore(directory: string): Promise<ReadingStore> {
  const level = await openLevelStore(directory);
  const store = createLevelReadingStore(level);
  const close = async (): Promise<void> => {
    await store.close();
    await level.close();
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === Symbol.asyncDispose || name === "close") return close;
      const value = Reflect.get(target, name) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
