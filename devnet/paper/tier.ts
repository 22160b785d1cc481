import { mkdtempSync, rmSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openEmbeddedQueue } from "#storage/offchain/embeddedQueue.ts";
import { openLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { fingerprintOf } from "#storage/types/interval.ts";
import type { Reading } from "#storage/types/reading.ts";
import { drainInto } from "../bench/ingest/embedded.ts";
import { FleetFingerprints } from "../bench/ingest/fingerprints.ts";
import { offerWindow } from "../bench/ingest/offerReadings.ts";
import type { Configuration } from "./grid.ts";
import type { PaperLoad } from "./readings.ts";
import { type Percentiles, percentilesOf } from "./statistics.ts";

/** Readings under way, each a publish of its own. */
const WINDOW = 1_000;

/** Readings that the speed of fingerprints is taken from. */
const FINGERPRINTED_READINGS = 100_000;

const NO_SEED = new Uint8Array(32);

/** What the second tier of the hybrid designs does with readings, before any of it is on the ledger. */
export interface TierResult {
  readonly queuedPerSecond: number;
  readonly durablePerSecond: number;
  /** From the publish until it is on disk; seconds. */
  readonly acknowledgementSeconds: Percentiles;
  /** From the queue through store and intervals. */
  readonly storedPerSecond: number;
  /** Into the fingerprint of T_i alone, as D5.1 has it; and into fingerprint, readings root and commitment. */
  readonly fingerprintedPerSecond: number;
  readonly rootedPerSecond: number;
  /** Of the reading store's folder once it is closed. */
  readonly storeBytesPerReading: number;
  /** Of the whole way, microseconds. */
  readonly cpuPerReading: number;
}

export async function measureTier(
  directory: string,
  configuration: Configuration,
  load: PaperLoad,
  seconds: number,
): Promise<TierResult> {
  const folder = mkdtempSync(join(directory, "tier-"));
  try {
    const { prosumers } = configuration;
    const readingOf = (item: number): Reading => load(item % prosumers, Math.floor(item / prosumers));
    const storeFolder = join(folder, "store");
    const before = process.cpuUsage();
    await using queue = await openEmbeddedQueue(join(folder, "queue"), { maxWaitingPublishes: 2 * WINDOW });
    const waits: number[] = [];
    const publish = async (reading: Reading): Promise<void> => {
      const fromMs = performance.now();
      await queue.publish([reading]);
      waits.push((performance.now() - fromMs) / 1000);
    };
    const offered = await offerWindow(publish, readingOf, { window: WINDOW, seconds, first: 0 });
    const store = await openLevelReadingStore(storeFolder);
    const stored = await drainInto(queue, store);
    await store.close();
    const { user, system } = process.cpuUsage(before);
    const speeds = fingerprintSpeeds(configuration, load);
    return {
      queuedPerSecond: offered.queuedPerSecond,
      durablePerSecond: offered.durablePerSecond,
      acknowledgementSeconds: percentilesOf(waits),
      storedPerSecond: stored.readingsPerSecond,
      ...speeds,
      storeBytesPerReading: (await folderBytes(storeFolder)) / offered.durable,
      cpuPerReading: (user + system) / offered.durable,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whole intervals of some prosumers one behind the other, once through the hash chain alone and once through all that a prosumer's node makes of them. */
function fingerprintSpeeds(
  { intervalMs, sampleMs, prosumers }: Configuration,
  load: PaperLoad,
): Pick<TierResult, "fingerprintedPerSecond" | "rootedPerSecond"> {
  const perInterval = Math.floor(intervalMs / sampleMs);
  const owners = Math.min(prosumers, Math.ceil(FINGERPRINTED_READINGS / perInterval));
  const readings = Array.from({ length: owners * perInterval }, (_, i) =>
    load(Math.floor(i / perInterval), i % perInterval),
  );
  const fleet = new FleetFingerprints(intervalMs);
  const rootedMs = elapsedMs(() => {
    fleet.add(readings);
    fleet.end();
  });
  const chainMs = elapsedMs(() => {
    for (let from = 0; from < readings.length; from += perInterval)
      fingerprintOf(NO_SEED, readings.slice(from, from + perInterval));
  });
  if (fleet.fingerprinted !== readings.length) throw new Error("a reading is in no interval");
  const perSecond = (ms: number): number => (readings.length * 1000) / ms;
  return { fingerprintedPerSecond: perSecond(chainMs), rootedPerSecond: perSecond(rootedMs) };
}

function elapsedMs(work: () => void): number {
  const beganMs = performance.now();
  work();
  return performance.now() - beganMs;
}

/** Of all files below a folder; one that is gone meanwhile counts nothing. */
async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
