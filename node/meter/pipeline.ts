import { setTimeout as sleep } from "node:timers/promises";
import type { ReadingSeries } from "#storage/offchain/readingStore.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { isAhead } from "./ahead.ts";
import { type AmendedInterval, type AmendmentCounts, Amendments, type ClosedAmendment } from "./amendments.ts";
import { type ClosedInterval, IntervalBuilder, type IntervalBuilderCounts } from "./intervalBuilder.ts";
import type { MeterSource } from "./source.ts";
import { TimestampRuns } from "./timestampRuns.ts";
import type { UnsealedRun } from "./unsealed.ts";

export interface PipelineOptions {
  /** The chain id: seeds and salts are its own on every ledger. */
  readonly ledgerId: string;
  readonly intervalMs: number;
  readonly periodMs: number;
  /** See IntervalBuilderOptions. Default 0. */
  readonly latenessMs?: number;
  /** Readings are gathered for this long before they are written, so that a card has few writes; their senders wait. Default 0. */
  readonly syncMs?: number;
  /** See AmendmentsOptions. Default 10 minutes. */
  readonly amendAfterMs?: number;
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
    /** End of the first one. */
    firstEndMs(meterId: string): number;
    /** Resolves when they are on disk. */
    add(intervals: readonly ClosedInterval[]): Promise<void>;
    amendedInterval(meterId: string, endMs: number): Promise<AmendedInterval | undefined>;
    /** Resolves when they are on disk. */
    addAmendments(amendments: readonly ClosedAmendment[]): Promise<void>;
    /** What was erased from the log: it is known, and does not come back. */
    erased?(): AsyncIterable<{ readonly series: ReadingSeries; readonly timestampMs: number }>;
  };
  /** 32 bytes, storage/types/intervalSecrets.ts. */
  secretOf(meterId: string): Uint8Array;
  /** Intervals that are kept and may be sealed on the ledger. */
  onClosed(intervals: readonly ClosedInterval[]): void;
  onAmended(amendments: readonly ClosedAmendment[]): void;
  /** Late readings are kept that can be sealed no more; how many since the last time. */
  onUnsealed?(readings: number): void;
  /** Without it, what feeds intervals is every reading. */
  readonly channels?: {
    /** Every reading of the log, before the source is read. */
    restore(reading: Reading): void;
    isSealed(reading: Reading): boolean;
    /** Instead of the options' latenessMs. */
    latenessOf(meterId: string): number;
  };
}

/** Of this process: what was there before it started is not counted again. */
export interface PipelineStats extends Readonly<IntervalBuilderCounts>, Readonly<AmendmentCounts> {
  /** Handed to the log. */
  readonly queued: number;
  /** On disk. */
  readonly durable: number;
  /** In the log already: a file is read again from its start after a restart. Not written twice. */
  readonly known: number;
  /** In no interval, as meters.json says: kept in the log only. */
  readonly stored: number;
  /** So old that it is not known any more whether the log has them: kept, in no interval and no amendment. */
  readonly forgotten: number;
  /** From a clock that runs more than MAX_AHEAD_MS before the receiver's: kept in the log, in no interval. */
  readonly ahead: number;
  /** The source has ended and everything is closed. */
  readonly ended: boolean;
}

/** Readings handed to the log at once; while they are written, as many gather for the next time, and then the source waits. */
const MAX_BATCH = 4096;

const DEFAULT_AMEND_AFTER_MS = 10 * 60_000;

/**
 * Source → reading log → intervals → outbox: an interval is handed on when its readings are on disk, and it itself with the opening of its sum.
 * After a crash the log is read once; what lies behind the last interval in the outbox goes through the same builder in the same order, so the
 * same intervals come out, and nothing is in two of them. What is late for its interval is marked so in the log, and is in an amendment.
 */
export function createPipeline(
  options: PipelineOptions,
  parts: PipelineParts,
): {
  run(signal: AbortSignal): Promise<void>;
  stats(): PipelineStats;
  /** Late readings that are kept and can be sealed no more, of one meter or of all. */
  unsealed(meterId?: string): readonly UnsealedRun[];
} {
  const { source, readings, outbox, secretOf, onClosed, onAmended, onUnsealed, channels } = parts;
  const { ledgerId, intervalMs, periodMs, latenessMs = 0, syncMs = 0, amendAfterMs = DEFAULT_AMEND_AFTER_MS } = options;
  const builders = new Map<string, IntervalBuilder>();
  const known = new Map<string, TimestampRuns>();
  const amendments = new Amendments({ ledgerId, intervalMs, quietMs: amendAfterMs }, { secretOf, ...outbox });
  const counts = { queued: 0, durable: 0, known: 0, ahead: 0, stored: 0, forgotten: 0, late: 0, ended: false };

  function builderOf(meterId: string): IntervalBuilder {
    let builder = builders.get(meterId);
    if (builder === undefined) {
      const owner = { ledgerId, meterId, secret: secretOf(meterId) };
      const lateness = channels?.latenessOf(meterId) ?? latenessMs;
      const closedUntilMs = outbox.closedUntilMs(meterId);
      builder = new IntervalBuilder(owner, { intervalMs, periodMs, latenessMs: lateness, closedUntilMs });
      builders.set(meterId, builder);
    }
    return builder;
  }

  /** Undefined when the log has this measurement already; else up to when that cannot be known (TimestampRuns). */
  function note(reading: Reading): TimestampRuns | undefined {
    // A reading that contradicts another one of its time is kept beside it; times of a wrong clock are no times of the meter.
    const beside = isAhead(reading) ? "ahead" : (reading.quality & QUALITY.REPLACED) !== 0 ? "replaced" : "";
    return noteTime(reading, reading.timestampMs, beside);
  }

  function noteTime(
    { meterId, quantity, phase, tariff, kind }: ReadingSeries,
    timestampMs: number,
    beside: string,
  ): TimestampRuns | undefined {
    const series = `${meterId} ${quantity} ${phase} ${tariff} ${kind} ${beside}`;
    let runs = known.get(series);
    if (runs === undefined) {
      runs = new TimestampRuns();
      known.set(series, runs);
    }
    return runs.add(timestampMs) ? runs : undefined;
  }

  function isSealed(reading: Reading): boolean {
    return (reading.quality & QUALITY.REPLACED) === 0 && (channels === undefined || channels.isSealed(reading));
  }

  async function handOn(closed: readonly ClosedInterval[]): Promise<void> {
    if (closed.length === 0) return;
    await outbox.add(closed);
    onClosed(closed);
  }

  let unsealedTold = 0;
  async function amend(closed: readonly ClosedAmendment[]): Promise<void> {
    const unsealed = amendments.counts.orphaned - unsealedTold;
    unsealedTold += unsealed;
    if (unsealed > 0) onUnsealed?.(unsealed);
    if (closed.length === 0) return;
    await outbox.addAmendments(closed);
    onAmended(closed);
  }

  async function recover(): Promise<void> {
    const closed: ClosedInterval[] = [];
    for await (const { series, timestampMs } of outbox.erased?.() ?? []) noteTime(series, timestampMs, "");
    for await (const reading of readings.scan()) {
      note(reading);
      channels?.restore(reading);
      if (isAhead(reading) || !isSealed(reading)) continue;
      if ((reading.quality & QUALITY.LATE) !== 0) amendments.add(reading);
      else if (reading.timestampMs > outbox.closedUntilMs(reading.meterId))
        closed.push(...builderOf(reading.meterId).add(reading));
      if (closed.length >= MAX_BATCH) await handOn(closed.splice(0));
    }
    await handOn(closed);
    await amendments.dropAmended();
  }

  /** The builders go first, because they know what is late, and that is written with the reading; they are heard when it is on disk. */
  async function store(batch: readonly Reading[]): Promise<void> {
    const closed: ClosedInterval[] = [];
    const late: Reading[] = [];
    const marked = batch.map((given) => {
      const reading = { ...given, quality: given.quality & ~QUALITY.LATE };
      if (!isSealed(reading)) {
        counts.stored += 1;
        return given;
      }
      if (isAhead(reading)) counts.ahead += 1;
      else if (builderOf(reading.meterId).isLate(reading)) {
        late.push({ ...reading, quality: reading.quality | QUALITY.LATE });
        return late.at(-1) as Reading;
      } else closed.push(...builderOf(reading.meterId).add(reading));
      return reading;
    });
    await readings.append(marked);
    counts.durable += batch.length;
    counts.late += late.length;
    for (const reading of late) amendments.add(reading);
    await handOn(closed);
  }

  /** Closes what a live source's clock has left behind. */
  async function advance(nowMs: number): Promise<void> {
    await handOn([...builders.values()].flatMap((builder) => builder.advance(nowMs)));
    await amend(await amendments.advance(nowMs));
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
    /** Resolved when the batch shall be written without waiting for more. */
    let full = Promise.withResolvers<void>();
    let hasEnded = false;
    const gather = async (): Promise<void> => {
      if (syncMs === 0 || batch.length === 0 || hasEnded) return;
      const enough = new AbortController();
      await Promise.race([full.promise, sleep(syncMs, undefined, { signal: enough.signal }).catch(() => undefined)]);
      enough.abort();
      full = Promise.withResolvers();
    };
    const writeAll = async (): Promise<void> => {
      try {
        while (batch.length > 0 || told.length > 0 || nowMs !== undefined) {
          await gather();
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
      if (item.type === "duplicate" && item.durable !== undefined) {
        told.push(item.durable);
        writing ??= writeAll();
      }
      if (item.type !== "reading") continue;
      // The one that is known may itself be on its way to the disk still: whoever repeats it is told when it is there.
      if (item.durable !== undefined) told.push(item.durable);
      const runs = note(item.reading);
      if (runs !== undefined) {
        counts.queued += 1;
        // So long ago that it may be in its interval: kept, and in no amendment, where it could be counted once more.
        const isOld = item.reading.timestampMs <= runs.forgottenUntilMs;
        if (isOld) counts.forgotten += 1;
        batch.push(isOld ? { ...item.reading, quality: item.reading.quality | QUALITY.REPLACED } : item.reading);
      } else {
        counts.known += 1;
        if (item.durable === undefined) continue;
      }
      writing ??= writeAll();
      if (batch.length < MAX_BATCH) continue;
      full.resolve();
      await writing;
    }
    hasEnded = true;
    full.resolve();
    await writing;
    if (failure !== undefined) throw failure.error;
  }

  return {
    /** Until the source ends, or the signal stops it: then the open intervals stay open and go on at the next start. */
    async run(signal) {
      await recover();
      await intake(signal);
      if (!signal.aborted) {
        await handOn([...builders.values()].flatMap((builder) => builder.end()));
        await amend(await amendments.end());
      }
      counts.ended = true;
    },

    stats() {
      const sums = { fingerprinted: 0, late: 0, duplicates: 0, conflicts: 0, foreign: 0, overflowing: 0 };
      for (const builder of builders.values())
        for (const reason of Object.keys(sums) as (keyof typeof sums)[]) sums[reason] += builder.counts[reason];
      return { ...sums, ...counts, ...amendments.counts };
    },

    unsealed: (meterId) => amendments.unsealed(meterId),
  };
}
