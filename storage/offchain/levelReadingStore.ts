import { type LevelStore, openLevelStore } from "../db/levelStore.ts";
import type { StoreOperation } from "../db/store.ts";
import { StoreError } from "../db/storeError.ts";
import { encodeReading, type Reading, validateReading } from "../types/reading.ts";
import {
  bucketBounds,
  conflictKey,
  type KeyBounds,
  placeOf,
  readingKey,
  seriesKey,
  timeBounds,
} from "./levelReadingKeys.ts";
import { verifyLevelReadings } from "./levelReadingVerify.ts";
import {
  type ErasureCounts,
  type PutCounts,
  type ReadingConflict,
  type ReadingSeries,
  type ReadingStore,
  ReadingStoreError,
  type RetentionClass,
  type StoredReading,
  type StoreReport,
  seriesOf,
  type TimeRange,
} from "./readingStore.ts";
import { checkErasable, conflictsOf, corruptReading, type StoredBytes, storedReadingOf } from "./readingStoreRules.ts";
import { retentionBy } from "./retention.ts";
import { encodeStoredReading, encodeTombstone } from "./storedReading.ts";

export interface LevelReadingStoreOptions {
  /** Default: DEFAULT_RETENTION. */
  readonly retentionOf?: (series: ReadingSeries) => RetentionClass;
}

/** Series whose newest time is remembered, some 150 bytes each; one that was forgotten costs a look at the disk. */
const MAX_REMEMBERED_SERIES = 100_000;

/** Series looked up at once: a look is three calls into LevelDB, one after another. */
const LOOK_AHEAD = 64;

/** Tombstones written at once. */
const ERASE_CHUNK = 1000;

/**
 * Readings in a LevelDB of their own, or beside other buckets; closing leaves the database open. One synced batch per put. A reading newer than
 * all of its series is new without asking the disk, which is what nearly all of them are.
 */
export function createLevelReadingStore(store: LevelStore, options: LevelReadingStoreOptions = {}): ReadingStore {
  return new LevelReadingStore(store, options.retentionOf ?? retentionBy());
}

/**
 * A LevelDB in a folder of its own, opened or made; closing the readings closes it.
 * @throws StoreError STORE_LOCKED, STORE_CORRUPT, STORE_DISK_FULL, STORE_IO_FAILED
 */
export async function openLevelReadingStore(
  directory: string,
  options: LevelReadingStoreOptions & { readonly cacheBytes?: number; readonly writeBufferBytes?: number } = {},
): Promise<ReadingStore> {
  const { retentionOf = retentionBy(), ...buffers } = options;
  const store = await openLevelStore(directory, buffers);
  return new LevelReadingStore(store, retentionOf, () => store.close());
}

class LevelReadingStore implements ReadingStore {
  readonly retentionOf: (series: ReadingSeries) => RetentionClass;
  readonly #store: LevelStore;
  /** Newest time on disk by series key; -1 for a series that is not there. */
  readonly #newest = new Map<string, number>();
  /** What reads before it writes, one after another. */
  #writing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  readonly #onClose: () => Promise<void>;

  constructor(
    store: LevelStore,
    retentionOf: (series: ReadingSeries) => RetentionClass,
    onClose: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#store = store;
    this.retentionOf = retentionOf;
    this.#onClose = onClose;
  }

  put(readings: readonly Reading[]): Promise<PutCounts> {
    return this.#exclusively(() => this.#put(readings));
  }

  async *series(meterId?: string): AsyncGenerator<ReadingSeries> {
    this.#checkOpen();
    for await (const [key] of this.#store.iterate(bucketBounds("readingSeries", meterId))) {
      const place = placeOf(key);
      if (place !== undefined && (meterId === undefined || place.series.meterId === meterId)) yield place.series;
    }
  }

  async *read(series: ReadingSeries, range: TimeRange = {}): AsyncGenerator<StoredReading> {
    this.#checkOpen();
    yield* this.#read(series, range);
  }

  async *#read(series: ReadingSeries, range: TimeRange): AsyncGenerator<StoredReading> {
    for await (const entry of this.#entries(series, timeBounds(series, "storedReading", range)))
      yield storedReadingOf(entry, series);
  }

  async *conflicts(series: ReadingSeries, range: TimeRange = {}): AsyncGenerator<ReadingConflict> {
    this.#checkOpen();
    const records = this.#entries(series, timeBounds(series, "readingConflict", range));
    yield* conflictsOf(records, series, (timestampMs) =>
      this.#stored(readingKey(series, timestampMs), series, timestampMs),
    );
  }

  erase(
    series: ReadingSeries,
    range: TimeRange,
    leafHashOf: (reading: Reading) => Uint8Array | undefined,
  ): Promise<ErasureCounts> {
    return this.#exclusively(async () => {
      checkErasable(this, series);
      const counts = { erased: 0, conflicts: 0, earlier: 0 };
      let operations: StoreOperation[] = [];
      const write = async (): Promise<void> => {
        await this.#store.batch(operations, { sync: true });
        operations = [];
      };
      // LevelDB keeps what was overwritten until it merges the table that has it with a later one, so the two must not be written as one table.
      const readings = timeBounds(series, "storedReading", range);
      const conflicts = timeBounds(series, "readingConflict", range);
      await this.#store.compact(readings);
      await this.#store.compact(conflicts);
      // First the conflicts: as long as one is there, so is the reading that it names.
      for await (const [key] of this.#store.iterate(conflicts)) {
        operations.push({ type: "del", key });
        counts.conflicts += 1;
        if (operations.length >= ERASE_CHUNK) await write();
      }
      for await (const stored of this.#read(series, range)) {
        if (stored.type === "erased") {
          counts.earlier += 1;
          continue;
        }
        const value = encodeTombstone(leafHashOf(stored.reading));
        operations.push({ type: "put", key: readingKey(series, stored.reading.timestampMs), value });
        counts.erased += 1;
        if (operations.length >= ERASE_CHUNK) await write();
      }
      await write();
      await this.#store.compact(readings);
      await this.#store.compact(conflicts);
      return counts;
    });
  }

  verify(): Promise<StoreReport> {
    this.#checkOpen();
    return verifyLevelReadings(this.#store);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#onClose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #put(readings: readonly Reading[]): Promise<PutCounts> {
    const counts = { stored: 0, duplicates: 0, conflicts: 0, erased: 0 };
    const operations: StoreOperation[] = [];
    /** Of this put, in its order; by key only once a reading comes that is not the newest of its series. */
    const kept: { readonly key: Buffer; readonly reading: Reading }[] = [];
    let fresh: Map<string, Reading> | undefined;
    const newConflicts = new Set<string>();
    const newest = new Map<string, number>();
    for (const reading of readings) validateReading(reading);
    const names = readings.map((reading) => seriesKey(reading).toString("latin1"));
    await this.#meet(readings, names);
    for (const [i, reading] of readings.entries()) {
      const name = names[i] as string;
      const { timestampMs } = reading;
      const key = readingKey(reading, timestampMs);
      const newestOnDisk = this.#newest.get(name) ?? (await this.#loadNewest(name, reading));
      const newestHere = newest.get(name);
      let first: Reading | undefined;
      if (newestHere !== undefined && timestampMs <= newestHere) {
        fresh ??= new Map(kept.map((each) => [each.key.toString("latin1"), each.reading]));
        first = fresh.get(key.toString("latin1"));
      }
      if (first === undefined && timestampMs <= newestOnDisk) {
        const stored = await this.#stored(key, seriesOf(reading), timestampMs);
        if (stored?.type === "erased") {
          counts.erased += 1;
          continue;
        }
        first = stored?.reading;
      }
      if (first === undefined) {
        kept.push({ key, reading });
        fresh?.set(key.toString("latin1"), reading);
        operations.push({ type: "put", key, value: encodeStoredReading(reading) });
        if (newestOnDisk === -1 && newestHere === undefined)
          operations.push({ type: "put", key: seriesKey(reading), value: EMPTY });
        newest.set(name, Math.max(newestOnDisk, newestHere ?? -1, timestampMs));
        counts.stored += 1;
      } else if (first.value === reading.value) counts.duplicates += 1;
      else {
        const conflict = conflictKey(reading);
        const conflictText = conflict.toString("latin1");
        // Delivered twice, it is one conflict and one duplicate of it.
        if (newConflicts.has(conflictText) || (await this.#store.get(conflict)) !== undefined) counts.duplicates += 1;
        else {
          newConflicts.add(conflictText);
          operations.push({ type: "put", key: conflict, value: encodeReading(reading) });
          counts.conflicts += 1;
        }
      }
    }
    if (operations.length > 0) await this.#store.batch(operations, { sync: true });
    for (const [name, timestampMs] of newest) this.#remember(name, timestampMs);
    return counts;
  }

  async #stored(key: Buffer, series: ReadingSeries, timestampMs: number): Promise<StoredReading | undefined> {
    const bytes = await this.#store.get(key).catch((error: unknown) => {
      throw corruptBy(error, series, timestampMs);
    });
    return bytes === undefined ? undefined : storedReadingOf({ timestampMs, bytes }, series);
  }

  async *#entries(series: ReadingSeries, bounds: KeyBounds): AsyncGenerator<StoredBytes> {
    try {
      for await (const [key, bytes] of this.#store.iterate(bounds))
        yield { timestampMs: placeOf(key)?.timestampMs ?? -1, bytes };
    } catch (error) {
      throw corruptBy(error, series, -1);
    }
  }

  /** After a start many meters are met for the first time in one put: their looks at the disk are side by side. */
  async #meet(readings: readonly Reading[], names: readonly string[]): Promise<void> {
    const unknown = new Map<string, Reading>();
    for (const [i, reading] of readings.entries()) {
      const name = names[i] as string;
      if (!this.#newest.has(name)) unknown.set(name, reading);
    }
    const looks = unknown.entries();
    const look = async (): Promise<void> => {
      for (const [name, reading] of looks) await this.#loadNewest(name, reading);
    };
    await Promise.all(Array.from({ length: Math.min(LOOK_AHEAD, unknown.size) }, look));
  }

  async #loadNewest(name: string, reading: Reading): Promise<number> {
    let newest = -1;
    const bounds = timeBounds(reading, "storedReading", {});
    for await (const [key] of this.#store.iterate({ ...bounds, reverse: true, limit: 1 }))
      newest = placeOf(key)?.timestampMs ?? -1;
    this.#remember(name, newest);
    return newest;
  }

  /** What is known stays where it stands in the map: moving thousands of entries at every put would have it laid out anew every time. */
  #remember(name: string, timestampMs: number): void {
    this.#newest.set(name, timestampMs);
    if (this.#newest.size <= MAX_REMEMBERED_SERIES) return;
    const [oldest] = this.#newest.keys();
    this.#newest.delete(oldest as string);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ReadingStoreError({ code: "READING_STORE_CLOSED" });
  }

  async #exclusively<T>(act: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const done = this.#writing.then(act);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

const EMPTY = new Uint8Array(0);

/** A value that fails its checksum, as the reading it was; any other error as it is. timestampMs: where it is known already, else -1. */
function corruptBy(error: unknown, series: ReadingSeries, timestampMs: number): unknown {
  if (!(error instanceof StoreError) || error.details.code !== "STORE_VALUE_CORRUPT") return error;
  const key = Buffer.from(error.details.key, "hex");
  const place = placeOf(Buffer.concat([Buffer.of(key.length === 0 ? 0 : (readingKey(series, 0)[0] as number)), key]));
  return corruptReading(series, place?.timestampMs ?? timestampMs, error.details.reason);
}
