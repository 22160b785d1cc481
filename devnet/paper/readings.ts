import { createHash } from "node:crypto";
import { type ClosedInterval, IntervalBuilder } from "#node/meter/intervalBuilder.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import type { IntervalOwner } from "#storage/types/intervalSecrets.ts";
import type { Reading } from "#storage/types/reading.ts";
import { START_MS } from "../bench/ingest/meterLoad.ts";
import type { SamplingPlan } from "./designs.ts";

const DAY_MS = 86_400_000;

/** Reading number `sample`, from 0, of a prosumer: the same for a seed, whatever the design. */
export type PaperLoad = (prosumer: number, sample: number) => Reading;

/** Meters whose energy of each sample is anything up to 3 kW, by the seed. */
export function createPaperLoad(seed: number, sampleMs: number): PaperLoad {
  const rawHash = new Uint8Array(createHash("sha256").update(`paper ${seed}`).digest());
  // 3 kW in mWh of one sample.
  const largest = Math.max(1, Math.round((3_000_000 * sampleMs) / 3_600_000));
  return (prosumer, sample) => {
    const timestampMs = START_MS + (sample + 1) * sampleMs;
    return {
      meterId: meterIdOf(prosumer),
      quantity: "activeEnergyImport",
      kind: "interval",
      phase: 0,
      tariff: 0,
      value: mixed(seed, prosumer, sample) % (largest + 1),
      timestampMs,
      periodMs: sampleMs,
      receivedMs: timestampMs + 50,
      timeSource: "meter",
      timeQuality: "synced",
      quality: 0,
      rawHash,
    };
  };
}

export function meterIdOf(prosumer: number): string {
  return `paper:${prosumer}`;
}

/** Secrets of a prosumer's meter, under which its intervals are fingerprinted. */
export function intervalOwnerOf(seed: number, prosumer: number): IntervalOwner {
  return { ledgerId: "paper", meterId: meterIdOf(prosumer), secret: sha256(Buffer.from(`${seed} ${prosumer}`)) };
}

/** The first interval of a prosumer, of all its readings. */
export function firstInterval(
  load: PaperLoad,
  seed: number,
  prosumer: number,
  { intervalMs, sampleMs }: SamplingPlan,
): ClosedInterval {
  const owner = intervalOwnerOf(seed, prosumer);
  const builder = new IntervalBuilder(owner, { intervalMs, periodMs: DAY_MS, closedUntilMs: START_MS });
  for (let sample = 0; sample < Math.floor(intervalMs / sampleMs); sample++) builder.add(load(prosumer, sample));
  const [closed] = builder.end();
  if (closed === undefined) throw new RangeError("an interval without readings");
  return closed;
}

/** Three numbers into 32 bits that look like chance: multiplications and shifts of MurmurHash3's end. */
function mixed(seed: number, prosumer: number, sample: number): number {
  let h = (seed ^ Math.imul(prosumer + 1, 0x9e3779b1) ^ Math.imul(sample + 1, 0x85ebca77)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
