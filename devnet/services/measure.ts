import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCassandraStore } from "#node/offchain/cassandraStore.ts";
import { openRabbitQueue } from "#node/offchain/rabbitQueue.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { openEmbeddedQueue } from "#storage/offchain/embeddedQueue.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import type { ReadingQueue } from "#storage/offchain/readingQueue.ts";
import type { ReadingStore } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import { percentile } from "../report.ts";
import { startCassandra } from "./cassandra.ts";
import { startRabbitmq } from "./rabbitmq.ts";

export interface Measured {
  readonly what: string;
  readonly readingsPerSecond: number;
  /** Of one publish or put. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Readings of so many meters, a second apart, as inputs publish them. */
const METERS = 1000;
const RUN_MS = 4000;
const START_MS = 1_790_000_000_000;

/** Publish, consume and put, for both queues and both stores, against real ones started for it. */
export async function measureSecondTier(): Promise<readonly Measured[]> {
  const home = mkdtempSync(join(tmpdir(), "measure-"));
  const results: Measured[] = [];
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(home, { recursive: true, force: true }));
  {
    await using queue = await openEmbeddedQueue(join(home, "queue"), { maxBytes: 4 * 2 ** 30 });
    results.push(...(await measureQueue("embedded queue", queue)));
    const database = await openLevelStore(join(home, "store"));
    results.push(...(await measureStore("LevelDB", createLevelReadingStore(database))));
    await database.close();
  }
  const rabbitmq = await startRabbitmq(join(home, "rabbitmq"));
  try {
    for (const queueType of ["quorum", "classic"] as const) {
      await using queue = await openRabbitQueue({ url: rabbitmq.url, name: queueType, queueType });
      results.push(...(await measureQueue(`RabbitMQ ${queueType}`, queue)));
    }
  } finally {
    await rabbitmq.stop();
  }
  const cassandra = await startCassandra(join(home, "cassandra"));
  try {
    const replication = { [cassandra.dataCenter]: 1 };
    await using store = await openCassandraStore({ contactPoints: [cassandra.contactPoint], replication });
    results.push(...(await measureStore("Cassandra", store)));
  } finally {
    await cassandra.stop();
  }
  return results;
}

async function measureQueue(name: string, queue: ReadingQueue): Promise<Measured[]> {
  const results: Measured[] = [];
  const next = readingsInTurn();
  for (const [readings, atOnce] of [
    [1, 1],
    [1, 100],
    [100, 8],
    [1000, 8],
  ] as const) {
    const stop = new AbortController();
    const consuming = (async () => {
      for await (const delivery of queue.consume({ signal: stop.signal })) await delivery.acknowledge();
    })();
    const what = `${name}: publishes of ${readings}, ${atOnce} at a time, with a consumer`;
    results.push(await measure(what, readings, atOnce, () => queue.publish(next(readings))));
    stop.abort();
    await consuming;
  }
  return results;
}

async function measureStore(name: string, store: ReadingStore): Promise<Measured[]> {
  const results: Measured[] = [];
  const next = readingsInTurn();
  for (const readings of [1, 1000, 10_000]) {
    const what = `${name}: puts of ${readings} of ${METERS} meters, one at a time`;
    results.push(await measure(what, readings, 1, () => store.put(next(readings))));
  }
  return results;
}

async function measure(what: string, readings: number, atOnce: number, act: () => Promise<unknown>): Promise<Measured> {
  const took: number[] = [];
  const startMs = performance.now();
  const work = async (): Promise<void> => {
    while (performance.now() - startMs < RUN_MS) {
      const beforeMs = performance.now();
      await act();
      took.push(performance.now() - beforeMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const seconds = (performance.now() - startMs) / 1000;
  took.sort((a, b) => a - b);
  const round = (ms: number): number => Number(ms.toPrecision(3));
  return {
    what,
    readingsPerSecond: Math.round((took.length * readings) / seconds),
    p50Ms: round(percentile(took, 0.5)),
    p99Ms: round(percentile(took, 0.99)),
  };
}

/** One meter after the other, then all of them a second later. */
function readingsInTurn(): (count: number) => Reading[] {
  let made = 0;
  const rawHash = new Uint8Array(32).fill(7);
  return (count) =>
    Array.from({ length: count }, () => {
      const timestampMs = START_MS + 1000 * Math.floor(made / METERS);
      const meterId = `sim:${(made++ % METERS).toString().padStart(6, "0")}`;
      return {
        meterId,
        quantity: "activePower",
        kind: "instant",
        phase: 0,
        tariff: 0,
        value: (made * 7919) % 5_000_000,
        timestampMs,
        periodMs: 0,
        receivedMs: timestampMs,
        timeSource: "meter",
        timeQuality: "synced",
        quality: 0,
        rawHash,
      };
    });
}
