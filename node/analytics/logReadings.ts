import type { TimeRange } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import { isAhead } from "../meter/ahead.ts";

/** Readings that came late and are put in their place, of one answer: some 15 MB. What is late beyond them comes as it stands in the log. */
const MAX_LATE = 50_000;

interface Late {
  /** By time, the latest first. */
  readonly readings: Reading[];
  /** Of them, how many the second look has not met yet. */
  left: number;
}

/**
 * What a log has of one meter, or of all, by time within a series, as `storeReadings` gives it: interval readings of the whole connection. The log is
 * read twice, first for what came late, so that nothing else is in memory.
 */
export async function* logReadings(
  scan: (range: { readonly meterId?: string } & TimeRange) => AsyncIterable<Reading>,
  meterId: string | undefined,
  range: TimeRange,
): AsyncGenerator<Reading> {
  const wanted = { ...range, ...(meterId === undefined ? {} : { meterId }) };
  const late = await lateReadings(scan(wanted));
  const lastMs = new Map<string, number>();
  for await (const reading of scan(wanted)) {
    if (!isLookedAt(reading)) continue;
    const name = nameOf(reading);
    const { timestampMs } = reading;
    const last = lastMs.get(name) ?? Number.NEGATIVE_INFINITY;
    const waiting = late.get(name);
    if (timestampMs > last) {
      lastMs.set(name, timestampMs);
      while (waiting !== undefined && (waiting.readings.at(-1)?.timestampMs ?? timestampMs) < timestampMs)
        yield waiting.readings.pop() as Reading;
      yield reading;
    } else if (timestampMs < last && waiting !== undefined && waiting.left > 0) waiting.left -= 1;
    else yield reading;
  }
}

/** By series. */
async function lateReadings(readings: AsyncIterable<Reading>): Promise<ReadonlyMap<string, Late>> {
  const late = new Map<string, Late>();
  const lastMs = new Map<string, number>();
  let count = 0;
  for await (const reading of readings) {
    if (!isLookedAt(reading)) continue;
    const name = nameOf(reading);
    const last = lastMs.get(name) ?? Number.NEGATIVE_INFINITY;
    if (reading.timestampMs > last) lastMs.set(name, reading.timestampMs);
    else if (reading.timestampMs < last && count < MAX_LATE) {
      count += 1;
      const waiting = late.get(name) ?? { readings: [], left: 0 };
      waiting.readings.push(reading);
      waiting.left += 1;
      late.set(name, waiting);
    }
  }
  for (const { readings: found } of late.values()) found.sort((a, b) => b.timestampMs - a.timestampMs);
  return late;
}

/** A time from a clock that runs ahead would make everything after it late. */
function isLookedAt(reading: Reading): boolean {
  return reading.kind === "interval" && reading.phase === 0 && !isAhead(reading);
}

function nameOf({ meterId, quantity, tariff }: Reading): string {
  return `${meterId} ${quantity} ${tariff}`;
}
