import type { Logger } from "pino";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { ReadingLog } from "#storage/offchain/readingLog.ts";
import type { Reading } from "#storage/types/reading.ts";
import type { MeterSource } from "../meter/source.ts";
import { type ClosedInterval, MeterIntervals } from "./intervals.ts";
import { meterSecretOf } from "./meterKeys.ts";
import type { Outbox } from "./outbox.ts";

/** Readings handed to the log at once; while they are written, the next gather. */
const MAX_BATCH = 4096;

export interface MeteringStats {
  /** Readings taken from the source. */
  readonly queued: number;
  /** Readings on disk. */
  readonly durable: number;
  /** Readings in closed intervals. */
  readonly fingerprinted: number;
  /** Readings behind their closed interval; kept in the log, not sealed. */
  readonly late: number;
  /** The source has ended and everything is closed. */
  readonly ended: boolean;
}

/**
 * Source → reading log → intervals → outbox. A reading counts as durable when the log has synced it, an interval is closed over durable
 * readings only, and it is in the outbox, on disk, before it is sent.
 */
export function createMetering(
  options: {
    readonly ledgerId: string;
    readonly meterKey: PrivateKey;
    readonly intervalMs: number;
    readonly periodMs: number;
  },
  parts: {
    readonly source: MeterSource;
    readonly readings: ReadingLog;
    readonly outbox: Outbox;
    readonly log: Logger;
    onClosed(intervals: readonly ClosedInterval[]): void;
  },
): { run(signal: AbortSignal): Promise<void>; stats(): MeteringStats } {
  const { source, readings, outbox, onClosed } = parts;
  const meters = new Map<string, MeterIntervals>();
  const counts = { queued: 0, durable: 0, fingerprinted: 0, ended: false };

  function intervalsOf(meterId: string): MeterIntervals {
    const known = meters.get(meterId);
    if (known !== undefined) return known;
    const owner = { ledgerId: options.ledgerId, meterId, secret: meterSecretOf(options.meterKey, meterId) };
    const { intervalMs, periodMs } = options;
    const made = new MeterIntervals(owner, { intervalMs, periodMs, closedUntilMs: outbox.closedUntilMs(meterId) });
    meters.set(meterId, made);
    return made;
  }

  async function hand(closed: readonly ClosedInterval[]): Promise<void> {
    if (closed.length === 0) return;
    await outbox.add(closed);
    for (const { count } of closed) counts.fingerprinted += count;
    onClosed(closed);
  }

  async function store(batch: readonly Reading[]): Promise<void> {
    await readings.append(batch);
    counts.durable += batch.length;
    const closed: ClosedInterval[] = [];
    for (const reading of batch) {
      const interval = intervalsOf(reading.meterId).add(reading);
      if (interval !== undefined) closed.push(interval);
    }
    await hand(closed);
  }

  /** What the log holds behind the last closed interval belongs to intervals that were open when the process ended. */
  async function recover(): Promise<void> {
    for (const meterId of readings.meterIds()) {
      const closed: ClosedInterval[] = [];
      for await (const reading of readings.scan({ meterId, afterMs: outbox.closedUntilMs(meterId) })) {
        const interval = intervalsOf(meterId).add(reading);
        if (interval !== undefined) closed.push(interval);
      }
      await hand(closed);
    }
  }

  return {
    async run(signal) {
      await recover();
      let batch: Reading[] = [];
      let writing: Promise<void> = Promise.resolve();
      let isWriting = false;
      let failure: unknown;
      const flush = () => {
        if (isWriting || batch.length === 0) return;
        const taken = batch;
        batch = [];
        isWriting = true;
        writing = store(taken)
          .catch((error: unknown) => {
            failure = error;
          })
          .finally(() => {
            isWriting = false;
            if (failure === undefined) flush();
          });
      };
      for await (const item of source.readings(signal)) {
        if (failure !== undefined) throw failure;
        if (item.type !== "reading") continue;
        // The log has it already: a file is read from its start again after a restart.
        if (item.reading.timestampMs <= (readings.lastTimestampMs(item.reading.meterId) ?? -1)) continue;
        counts.queued += 1;
        batch.push(item.reading);
        flush();
        if (batch.length >= MAX_BATCH) await writing;
      }
      while (isWriting || batch.length > 0) await writing;
      if (failure !== undefined) throw failure;
      // A source that ended by itself has no later readings; one that was stopped goes on at the next start.
      if (!signal.aborted) await hand([...meters.values()].flatMap((meter) => meter.close() ?? []));
      counts.ended = true;
    },

    stats() {
      let late = 0;
      for (const meter of meters.values()) late += meter.late;
      return { ...counts, late };
    },
  };
}
