import { type ClosedInterval, IntervalBuilder } from "#node/meter/intervalBuilder.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { createMeterLoad, meterIdOf, SAMPLE_MS, START_MS } from "./meterLoad.ts";
import type { SealFacts } from "./sealLoad.ts";

/** A quarter hour of samples every 5 s. */
export const READINGS_PER_INTERVAL = 180;

/**
 * What intervals of real readings say: each meter's first quarter hour through the IntervalBuilder. Later rounds seal the same facts under later
 * times: the ledger checks lengths and order, and cannot see the readings.
 */
export function factsOfReadings(meters: number, intervalMs: number): (meterId: string, round: number) => SealFacts {
  const facts = new Map<string, SealFacts>();
  const readingOf = createMeterLoad(meters);
  for (let meter = 0; meter < meters; meter++) {
    const meterId = meterIdOf(meter);
    const owner = { ledgerId: "bench", meterId, secret: sha256(Buffer.from(meterId)) };
    const builder = new IntervalBuilder(owner, { intervalMs, periodMs: 96 * intervalMs, closedUntilMs: START_MS });
    for (let i = 0; i < intervalMs / SAMPLE_MS; i++) builder.add(readingOf(i * meters + meter));
    const [closed] = builder.end() as readonly [ClosedInterval];
    const { fingerprint, readingsRoot, commitment, count } = closed;
    facts.set(meterId, { fingerprint, readingsRoot, commitment, count });
  }
  return (meterId) => facts.get(meterId) as SealFacts;
}
