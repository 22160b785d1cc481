import { hash } from "node:crypto";
import { IntervalBuilder } from "#node/meter/intervalBuilder.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { FingerprintChain } from "#storage/types/interval.ts";
import type { Reading } from "#storage/types/reading.ts";

const QUARTER_HOUR_MS = 900_000;
const PERIOD_MS = 86_400_000;
const SLICE = 20_000;

/** All meters' intervals, as a prosumer's node builds them: fingerprint, salts, leaves, root, commitment. */
export class FleetFingerprints {
  readonly #builders = new Map<string, IntervalBuilder>();
  readonly #intervalMs: number;

  constructor(intervalMs: number = QUARTER_HOUR_MS) {
    this.#intervalMs = intervalMs;
  }

  add(readings: readonly Reading[]): void {
    for (const reading of readings) this.#builderOf(reading.meterId).add(reading);
  }

  /** Closes what is open: at the end every reading is in a closed interval. */
  end(): void {
    for (const builder of this.#builders.values()) builder.end();
  }

  get fingerprinted(): number {
    let sum = 0;
    for (const { counts } of this.#builders.values()) sum += counts.fingerprinted;
    return sum;
  }

  #builderOf(meterId: string): IntervalBuilder {
    let builder = this.#builders.get(meterId);
    if (builder === undefined) {
      const owner = { ledgerId: "bench", meterId, secret: sha256(Buffer.from(meterId)) };
      builder = new IntervalBuilder(owner, { intervalMs: this.#intervalMs, periodMs: PERIOD_MS, closedUntilMs: 0 });
      this.#builders.set(meterId, builder);
    }
    return builder;
  }
}

export interface FingerprintSpeed {
  /** SHA-256 of 49 bytes, as the fingerprint takes them, nothing else, per second. */
  readonly hashesPerSecond: number;
  /** Readings through FingerprintChain per second. */
  readonly fingerprintsPerSecond: number;
  readonly ratio: number;
}

/** Hashing alone and fingerprinting, slice by slice in turn, so that what else the machine does meets both. */
export function fingerprintSpeed(seconds: number): FingerprintSpeed {
  const input = Buffer.alloc(49, 7);
  const chain = new FingerprintChain(new Uint8Array(32));
  const spentMs = { hashing: 0, fingerprints: 0 };
  let [slices, timestampMs] = [0, 0];
  // The first slice lets the compiler see both.
  for (const endsMs = performance.now() + seconds * 1000; performance.now() < endsMs; slices++) {
    const beganMs = performance.now();
    for (let i = 0; i < SLICE; i++) input.write(hash("sha256", input, "binary"), 17, "latin1");
    const betweenMs = performance.now();
    for (let i = 0; i < SLICE; i++) chain.append(i & 1023, timestampMs++);
    if (slices === 0) continue;
    spentMs.hashing += betweenMs - beganMs;
    spentMs.fingerprints += performance.now() - betweenMs;
  }
  const items = (slices - 1) * SLICE;
  return {
    hashesPerSecond: Math.round((items * 1000) / spentMs.hashing),
    fingerprintsPerSecond: Math.round((items * 1000) / spentMs.fingerprints),
    ratio: Math.round((spentMs.hashing / spentMs.fingerprints) * 1000) / 1000,
  };
}
