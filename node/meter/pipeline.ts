import type { Reading } from "#storage/types/reading.ts";
import { isAhead } from "./ahead.ts";
import { type ClosedInterval, IntervalBuilder, type IntervalBuilderCounts } from "./intervalBuilder.ts";
import type { MeterSource } from "./source.ts";
import { TimestampRuns } from "./timestampRuns.ts";

export interface PipelineOptions {
  /** The chain id: seeds and salts are its own on every ledger. */
  readonly ledgerId: string;
  readonly intervalMs: number;
  readonly periodMs: number;
  /** See IntervalBuilderOptions. Default 0. */
  readonly latenessMs?: number;
}

export interface PipelineParts {
  readonly source: MeterSource;
  /** Where readings rest; storage/offchain/readingLog.ts. */
  readonly readings: {
    append(readings: readonly Reading[]): Promise<void>;
    scan(): AsyncIterable<Reading>;
  };
  /** Where closed intervals and the openings of their sums rest. */
  readonly outbox: {
    /** End of the last interval of a meter that is kept, 0 without one. */
    closedUntilMs(meterId: string): number;
    /** Resolves when they are on disk. */
    add(intervals: readonly ClosedInterval[]): Promise<void>;
  };
  /** 32 bytes, storage/types/intervalSecrets.ts. */
  secretOf(meterId: string): Uint8Array;
  /** Intervals that are kept and may be sealed on the ledger. */
  onClosed(intervals: readonly ClosedInterval[]): void;
}

/** Of this process: what was there before it started is not counted again. */
export interface PipelineStats extends Readonly<IntervalBuilderCounts> {
  /** Handed to the log. */
  readonly queued: number;
  /** On disk. */
  readonly durable: number;
  /** In the log already: a file is read again from its start after a restart. Not written twice. */
  readonly known: number;
  /** From a clock that runs more than MAX_AHEAD_MS before the receiver's: kept in the log, in no interval. */
  readonly ahead: number;
  /** The source has ended and everything is closed. */
  readonly ended: boolean;
}

/** Readings handed to the log at once; while they are written, as many gather for the next time, and then the source waits. */
const MAX_BATCH = 4096;

/**
 * Source → reading log → intervals → outbox, in this order: a reading is put into an interval when it is on disk, an interval is handed on
 * when it is on disk with the opening of its sum. After a crash the log is read once; what lies behind the last interval in the outbox goes
 * through the same builder in the same order, so the same intervals come out, and nothing is in two of them.
 */
export function createPipeline(
  options: PipelineOptions,
  parts: PipelineParts,
): { run(signal: AbortSignal): Promise<void>; stats(): PipelineStats } {
  const { source, readings, outbox, secretOf, onClosed } = parts;
  const builders = new Map<string, IntervalBuilder>();
  const known = new Map<string, TimestampRuns>();
  const counts = { queued: 0, durable: 0, known: 0, ahead: 0, ended: false };

  function builderOf(meterId: string): IntervalBuilder {
    let builder = builders.get(meterId);
    if (builder === undefined) {
      const { ledgerId, ...intervals } = options;
      const owner = { ledgerId, meterId, secret: secretOf(meterId) };
      builder = new IntervalBuilder(owner, { ...intervals, closedUntilMs: outbox.closedUntilMs(meterId) });
      builders.set(meterId, builder);
    }
    return builder;
  }

  /** False when the log has this measurement already. */
  function note(reading: Reading): boolean {
    const series = `${reading.meterId} ${reading.quantity} ${reading.phase} ${reading.tariff} ${reading.kind}`;
    let runs = known.get(series);
    if (runs === undefined) {
      runs = new TimestampRuns();
      known.set(series, runs);
    }
    return runs.add(reading.timestampMs);
  }

  async function handOn(closed: readonly ClosedInterval[]): Promise<void> {
    if (closed.length === 0) return;
    await outbox.add(closed);
    onClosed(closed);
  }

  async function recover(): Promise<void> {
    const closed: ClosedInterval[] = [];
    for await (const reading of readings.scan()) {
      note(reading);
      if (isAhead(reading) || reading.timestampMs <= outbox.closedUntilMs(reading.meterId)) continue;
      closed.push(...builderOf(reading.meterId).add(reading));
      if (closed.length >= MAX_BATCH) await handOn(closed.splice(0));
    }
    await handOn(closed);
  }

  async function store(batch: readonly Reading[]): Promise<void> {
    await readings.append(batch);
    counts.durable += batch.length;
    const closed: ClosedInterval[] = [];
    for (const reading of batch) {
      if (isAhead(reading)) counts.ahead += 1;
      else closed.push(...builderOf(reading.meterId).add(reading));
    }
    await handOn(closed);
  }

  /** Closes what a live source's clock has left behind. */
  async function advance(nowMs: number): Promise<void> {
    await handOn([...builders.values()].flatMap((builder) => builder.advance(nowMs)));
  }

  /** Reads the source while the batch before is written. The first failure stops the source, also one that waits for its next reading. */
  async function intake(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    let failure: { readonly error: unknown } | undefined;
    let batch: Reading[] = [];
    /** Of those who wait to hear that what is in the batch, or in the one being written, is on disk. */
    let told: (() => void)[] = [];
    /** What a live source's clock said since the batch before. */
    let nowMs: number | undefined;
    let writing: Promise<void> | undefined;
    const writeAll = async (): Promise<void> => {
      try {
        while (batch.length > 0 || told.length > 0 || nowMs !== undefined) {
          // All readings that were there by this time are in this batch or the ones before.
          const passedMs = nowMs;
          nowMs = undefined;
          const durable = told.splice(0);
          if (batch.length > 0) await store(batch.splice(0));
          for (const tell of durable) tell();
          if (passedMs !== undefined) await advance(passedMs);
        }
      } catch (error) {
        failure = { error };
        batch = [];
        told = [];
        failed.abort();
      } finally {
        writing = undefined;
      }
    };
    for await (const item of source.readings(AbortSignal.any([signal, failed.signal]))) {
      if (failure !== undefined) break;
      if (item.type === "time") {
        nowMs = item.nowMs;
        writing ??= writeAll();
      }
      if (item.type !== "reading") continue;
      // The one that is known may itself be on its way to the disk still: whoever repeats it is told when it is there.
      if (item.durable !== undefined) told.push(item.durable);
      if (note(item.reading)) {
        counts.queued += 1;
        batch.push(item.reading);
      } else {
        counts.known += 1;
        if (item.durable === undefined) continue;
      }
      writing ??= writeAll();
      if (batch.length >= MAX_BATCH) await writing;
    }
    await writing;
    if (failure !== undefined) throw failure.error;
  }

  return {
    /** Until the source ends, or the signal stops it: then the open intervals stay open and go on at the next start. */
    async run(signal) {
      await recover();
      await intake(signal);
      if (!signal.aborted) await handOn([...builders.values()].flatMap((builder) => builder.end()));
      counts.ended = true;
    },

    stats() {
      const sums = { fingerprinted: 0, late: 0, duplicates: 0, conflicts: 0, foreign: 0, overflowing: 0 };
      for (const builder of builders.values())
        for (const reason of Object.keys(sums) as (keyof typeof sums)[]) sums[reason] += builder.counts[reason];
      return { ...sums, ...counts };
    },
  };
}
