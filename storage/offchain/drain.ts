import { ReadingError } from "../types/reading.ts";
import { type Delivery, type ReadingQueue, ReadingQueueError, type RefusedReading } from "./readingQueue.ts";
import { type PutCounts, type ReadingStore, ReadingStoreError } from "./readingStore.ts";

export interface DrainParts {
  readonly queue: Pick<ReadingQueue, "consume">;
  readonly store: Pick<ReadingStore, "put">;
  /** Resolves after so many ms, or at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told of every failed attempt; `attempt` from 1, and 0 when the store is back. */
  readonly onStoreDown?: (error: Error | undefined, attempt: number) => void;
}

export interface DrainOptions {
  /** Deliveries put together, so that a store has more than one at a time to work on. Default 128. */
  readonly maxDeliveries?: number;
  /** Readings put together; one delivery may have more. Default 20 000. */
  readonly maxReadings?: number;
}

/** Readings, but for `attempts`. Of this process. */
export interface DrainCounts extends PutCounts {
  /** Refused by the store for good: dead letters now. */
  readonly refused: number;
  /** Puts that failed because the store was away. */
  readonly attempts: number;
}

/** Between attempts while the store is away: doubled each time, up to the most. */
const FIRST_PAUSE_MS = 100 as number;
const MAX_PAUSE_MS = 10_000;

/**
 * Queue → store: takes deliveries, puts their readings, and acknowledges when they are on disk there. What the store takes never goes away from
 * the queue before; what comes twice is stored once. While the store is away the drain tries again with growing pauses and acknowledges nothing, so
 * the queue fills and pushes back to the meters.
 */
export function createDrain(
  parts: DrainParts,
  options: DrainOptions = {},
): { run(signal: AbortSignal): Promise<void>; counts(): DrainCounts } {
  const { queue, store, wait, onStoreDown } = parts;
  const { maxDeliveries = 128, maxReadings = 20_000 } = options;
  const counts = { stored: 0, duplicates: 0, conflicts: 0, erased: 0, refused: 0, attempts: 0 };

  function add(put: PutCounts): void {
    for (const where of ["stored", "duplicates", "conflicts", "erased"] as const) counts[where] += put[where];
  }

  /** Undefined when the signal came before the store did. */
  async function putPatiently(
    readings: Delivery["readings"],
    signal: AbortSignal,
  ): Promise<PutCounts | Error | undefined> {
    for (let [attempt, pauseMs] = [1, FIRST_PAUSE_MS]; ; attempt++) {
      try {
        const put = await store.put(readings);
        if (attempt > 1) onStoreDown?.(undefined, 0);
        return put;
      } catch (error) {
        if (isRefusal(error)) return error;
        if (!isAway(error)) throw error;
        counts.attempts += 1;
        onStoreDown?.(error, attempt);
        await wait(pauseMs, signal);
        if (signal.aborted) return undefined;
        pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
      }
    }
  }

  /** The readings of a put that the store refused, one by one: the others must not go down with the one that is bad. */
  async function putSingly(delivery: Delivery, signal: AbortSignal): Promise<boolean> {
    const refused: RefusedReading[] = [];
    for (const reading of delivery.readings) {
      const put = await putPatiently([reading], signal);
      if (put === undefined) return false;
      if (put instanceof Error) refused.push({ reading, reason: put.message });
      else add(put);
    }
    await acknowledge(delivery, refused);
    counts.refused += refused.length;
    return true;
  }

  async function putTogether(deliveries: readonly Delivery[], signal: AbortSignal): Promise<boolean> {
    const put = await putPatiently(
      deliveries.flatMap(({ readings }) => readings),
      signal,
    );
    if (put === undefined) return false;
    if (put instanceof Error) {
      for (const delivery of deliveries) if (!(await putSingly(delivery, signal))) return false;
      return true;
    }
    add(put);
    for (const delivery of deliveries) await acknowledge(delivery);
    return true;
  }

  return {
    /** Until the signal is aborted or the queue is closed. @throws StoreError or another error that trying again does not cure */
    async run(signal) {
      if (signal.aborted) return;
      const gathered: Delivery[] = [];
      let failure: { readonly error: unknown } | undefined;
      let putting: Promise<void> | undefined;
      // Ends the iteration, also while it waits for its next delivery, but not before what is being put is acknowledged.
      const consuming = new AbortController();
      const stop = (): void => void (putting ?? Promise.resolve()).then(() => consuming.abort());
      const putGathered = async (): Promise<void> => {
        try {
          while (gathered.length > 0 && !signal.aborted)
            if (!(await putTogether(takeTogether(gathered, maxDeliveries, maxReadings), signal))) break;
        } catch (error) {
          failure = { error };
          consuming.abort();
        } finally {
          putting = undefined;
        }
      };
      signal.addEventListener("abort", stop, { once: true });
      try {
        for await (const delivery of queue.consume({ signal: consuming.signal, prefetch: 2 * maxDeliveries })) {
          if (failure !== undefined) break;
          if (signal.aborted) continue;
          gathered.push(delivery);
          // Until it is put, as many again gather behind it.
          putting ??= putGathered();
        }
      } finally {
        signal.removeEventListener("abort", stop);
      }
      if (failure !== undefined) throw failure.error;
    },

    counts: () => ({ ...counts }),
  };
}

/** The first deliveries, as many as are put at once. */
function takeTogether(gathered: Delivery[], maxDeliveries: number, maxReadings: number): readonly Delivery[] {
  let [count, readings] = [0, 0];
  for (const delivery of gathered.slice(0, maxDeliveries)) {
    if (count > 0 && readings + delivery.readings.length > maxReadings) break;
    readings += delivery.readings.length;
    count += 1;
  }
  return gathered.splice(0, count);
}

/** One whose connection has gone comes again: its readings are stored, so that does no harm. */
async function acknowledge(delivery: Delivery, refused: readonly RefusedReading[] = []): Promise<void> {
  try {
    await delivery.acknowledge(refused);
  } catch (error) {
    if (!(error instanceof ReadingQueueError)) throw error;
    if (error.code !== "READING_QUEUE_DELIVERY_VOID" && error.code !== "READING_QUEUE_CLOSED") throw error;
  }
}

function isRefusal(error: unknown): error is Error {
  return (
    error instanceof ReadingError || (error instanceof ReadingStoreError && error.code === "READING_STORE_REFUSED")
  );
}

function isAway(error: unknown): error is Error {
  return error instanceof ReadingStoreError && error.code === "READING_STORE_UNREACHABLE";
}
