import { BUCKETS } from "../db/buckets.ts";
import type { Store } from "../db/store.ts";
import { StoreError } from "../db/storeError.ts";
import { bucketBounds, placeOf, readingKey, seriesKey } from "./levelReadingKeys.ts";
import { MAX_REPORTED_FAULTS, type ReadingSeries, type StoreFault, type StoreReport } from "./readingStore.ts";
import { decodeRecordOf, decodeStoredReading } from "./storedReading.ts";

type Bucket = "storedReading" | "readingConflict" | "readingSeries";

const NO_SERIES: ReadingSeries = { meterId: "", quantity: "activePower", kind: "instant", phase: 0, tariff: 0 };

/**
 * Reads every entry. (a) its value has its checksum, (b) its key has its shape, (c) its record is whole and of the series and time of its key,
 * (d) its series is listed, (e) a conflict has a reading with another value beside it. One fault does not hide the next.
 */
export async function verifyLevelReadings(store: Store): Promise<StoreReport> {
  const counts = { series: 0, readings: 0, erased: 0, conflicts: 0 };
  const faults: StoreFault[] = [];
  let faultCount = 0;
  const fault = (key: Uint8Array, reason: string): void => {
    faultCount += 1;
    const { series, timestampMs } = placeOf(key) ?? { series: NO_SERIES, timestampMs: -1 };
    if (faults.length < MAX_REPORTED_FAULTS) faults.push({ series, timestampMs, reason });
  };

  await eachEntry(store, "readingSeries", fault, async (key) => {
    if (placeOf(key) === undefined) return "the key of a series has another shape";
    counts.series += 1;
    return undefined;
  });

  let listed = "";
  await eachEntry(store, "storedReading", fault, async (key, value) => {
    const place = placeOf(key);
    if (place === undefined) return "the key of a reading has another shape";
    const stored = decodeStoredReading(value, place.series, place.timestampMs);
    if (typeof stored === "string") return stored;
    counts[stored.type === "reading" ? "readings" : "erased"] += 1;
    const series = seriesKey(place.series);
    const name = series.toString("latin1");
    if (name === listed) return undefined;
    listed = name;
    return (await store.get(series)) === undefined ? "its series is not listed" : undefined;
  });

  await eachEntry(store, "readingConflict", fault, async (key, value) => {
    const place = placeOf(key);
    if (place === undefined) return "the key of a conflict has another shape";
    const { series, timestampMs } = place;
    const rejected = decodeRecordOf(value, series, timestampMs);
    if (typeof rejected === "string") return rejected;
    counts.conflicts += 1;
    const bytes = await store.get(readingKey(series, timestampMs));
    const kept = bytes === undefined ? "nothing" : decodeStoredReading(bytes, series, timestampMs);
    if (typeof kept === "string" || kept.type === "erased") return "the reading it is in conflict with is not there";
    return kept.reading.value === rejected.value ? "it has the value of the reading it is in conflict with" : undefined;
  });
  return { ...counts, faults, faultCount };
}

/** Goes on behind a value that fails its checksum, which ends an iteration. */
async function eachEntry(
  store: Store,
  bucket: Bucket,
  fault: (key: Uint8Array, reason: string) => void,
  look: (key: Uint8Array, value: Uint8Array) => Promise<string | undefined>,
): Promise<void> {
  const bounds = bucketBounds(bucket);
  let gte: Uint8Array = bounds.gte;
  for (;;)
    try {
      for await (const [key, value] of store.iterate({ gte, lt: bounds.lt })) {
        const reason = await look(key, value);
        if (reason !== undefined) fault(key, reason);
      }
      return;
    } catch (error) {
      if (!(error instanceof StoreError) || error.details.code !== "STORE_VALUE_CORRUPT") throw error;
      const key = Buffer.concat([Buffer.of(BUCKETS[bucket]), Buffer.from(error.details.key, "hex")]);
      fault(key, error.details.reason);
      gte = Buffer.concat([key, Buffer.of(0)]);
    }
}
