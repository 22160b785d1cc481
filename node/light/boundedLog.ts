import { appendFile, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { ReadingLog } from "#storage/offchain/readingLog.ts";
import { type Reading, readingLength } from "#storage/types/reading.ts";
import { withChecksum } from "../checkedJson.ts";
import type { Forwarding } from "../offchain/secondTier.ts";

const DAY_MS = 86_400_000;

export interface BoundedLogOptions {
  /** Of all readings on disk. A batch that is there already may go beyond it by its own size. */
  readonly maxBytes: number;
  /** Raw samples that are older go although there is room; 0: none. */
  readonly rawDays: number;
}

export interface BoundedLogParts {
  readonly readings: ReadingLog;
  /** Where it is written down what was removed, one line of JSON each. */
  readonly directory: string;
  readonly isRaw: (reading: Reading) => boolean;
  /** Whether its device's intervals up to its time are closed and in the outbox. */
  readonly isSealed: (reading: Reading) => boolean;
  /** With a second tier: what waits for it is not removed, and it hears of every append. */
  readonly forwarded?: Pick<Forwarding, "forwardedBefore" | "wake">;
  readonly nowMs: () => number;
  readonly log: Logger;
}

export interface BoundedLogState {
  readonly bytes: number;
  readonly maxBytes: number;
  /** Raw samples removed by this process. */
  readonly thinned: number;
  /** Whether meters wait because nothing more may be removed. */
  readonly isFull: boolean;
}

/** The part of a ReadingLog that a pipeline needs, within a bound. */
export interface BoundedLog {
  append(readings: readonly Reading[]): Promise<void>;
  scan(): AsyncIterable<Reading>;
  state(): BoundedLogState;
  /** Appends that wait are refused from now on: nobody was told that they are kept. */
  stop(): void;
}

/** Refused because the node stops while there is no room. */
export class LogStoppedError extends Error {}

/** Between two looks whether intervals were closed meanwhile, while meters wait. */
const WAIT_MS = 1000;
const SWEEP_MS = 3_600_000;
/** What could not go may do so when its interval has been closed. */
const LOOK_AGAIN_MS = 60_000;
/** The alarm is repeated. */
const ALARM_MS = 60_000;

/** What was removed, beside the segments. */
export const THINNED_FILE = "thinned.jsonl";

/**
 * A log that keeps within its bound: the oldest raw samples go first, of intervals that are closed; never anything that a bill is made of, and never without
 * a line in THINNED_FILE and in the node's log. When nothing more may go, appends wait, and so do the meters.
 */
export function createBoundedLog(options: BoundedLogOptions, parts: BoundedLogParts): BoundedLog {
  const { maxBytes, rawDays } = options;
  const { readings, directory, isRaw, isSealed, forwarded, nowMs, log } = parts;
  const stopping = new AbortController();
  const state = { thinned: 0, isFull: false };
  /** When to look at a full segment again: never, where nothing raw is left. Each look reads it. */
  const nextLook = new Map<string, number>();
  let sweptMs = 0;
  let alarmedMs = Number.NEGATIVE_INFINITY;

  /** Takes out of one segment what may go and is older than `olderThanMs`. */
  async function thin(segment: string, olderThanMs: number): Promise<void> {
    if ((nextLook.get(segment) ?? 0) > nowMs()) return;
    let left = 0;
    const gone = { fromMs: Number.POSITIVE_INFINITY, untilMs: 0, meters: new Set<string>() };
    const keep = (reading: Reading): boolean => {
      const { timestampMs, meterId } = reading;
      if (!isRaw(reading)) return true;
      if (timestampMs >= olderThanMs || !isSealed(reading)) {
        left += 1;
        return true;
      }
      gone.fromMs = Math.min(gone.fromMs, timestampMs);
      gone.untilMs = Math.max(gone.untilMs, timestampMs);
      gone.meters.add(meterId);
      return false;
    };
    const removed = await readings.thin(segment, keep, async (count) => {
      const record = { timeMs: nowMs(), segment, removed: count, ...gone, meters: [...gone.meters] };
      await appendSynced(join(directory, THINNED_FILE), `${JSON.stringify(withChecksum(record))}\n`);
      log.warn(record, "Raw samples are removed to keep within the bound");
    });
    state.thinned += removed;
    nextLook.set(segment, left === 0 ? Number.POSITIVE_INFINITY : nowMs() + LOOK_AGAIN_MS);
  }

  function removableSegments(): readonly string[] {
    const closed = readings.closedSegments();
    return forwarded === undefined ? closed : closed.slice(0, readings.removableBefore(forwarded.forwardedBefore()));
  }

  async function makeRoom(bytes: number): Promise<boolean> {
    for (const segment of removableSegments()) {
      if (readings.bytes + bytes <= maxBytes) return true;
      await thin(segment, Number.POSITIVE_INFINITY);
    }
    return readings.bytes + bytes <= maxBytes;
  }

  async function sweep(): Promise<void> {
    if (rawDays === 0 || nowMs() - sweptMs < SWEEP_MS) return;
    sweptMs = nowMs();
    for (const segment of removableSegments()) await thin(segment, nowMs() - rawDays * DAY_MS);
  }

  async function untilRoom(bytes: number): Promise<void> {
    while (!(await makeRoom(bytes))) {
      state.isFull = true;
      if (nowMs() - alarmedMs >= ALARM_MS) {
        alarmedMs = nowMs();
        const next =
          removableSegments().length < readings.closedSegments().length
            ? "Raise meterMaxBytes, or let the node reach its queue or store of readings: what waits for it is not removed"
            : "Raise meterMaxBytes, or let the node reach the ledger: what is not sealed is not removed";
        log.error({ bytes: readings.bytes, maxBytes, next }, "There is no room for readings: meters wait");
      }
      await sleep(WAIT_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) throw new LogStoppedError("the node stops, and there is no room for readings");
    }
    if (state.isFull) log.warn({ bytes: readings.bytes, maxBytes }, "There is room for readings again");
    state.isFull = false;
  }

  return {
    async append(batch) {
      await sweep();
      const bytes = batch.reduce((sum, reading) => sum + readingLength(reading), 0);
      if (readings.bytes + bytes > maxBytes) await untilRoom(bytes);
      await readings.append(batch);
      forwarded?.wake();
    },
    scan: () => readings.scan(),
    state: () => ({ ...state, bytes: readings.bytes, maxBytes }),
    stop: () => stopping.abort(),
  };
}

async function appendSynced(path: string, text: string): Promise<void> {
  await appendFile(path, text, { mode: 0o600 });
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
