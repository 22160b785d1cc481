import { setTimeout as delay } from "node:timers/promises";
import { txId } from "#storage/types/block.ts";
import type { BenchTarget } from "../target.ts";
import { type Percentiles, percentilesOf, round } from "./samples.ts";
import { dueBy } from "./schedule.ts";

/** In one request to a validator. */
const BATCH_TXS = 64;
const BATCH_BYTES = 128 * 1024;
/** Between two questions for blocks at most, and between two submissions of a lane at least: a validator answers 50 a second of either. */
const LOOK_MS = 50;
const SUBMIT_MS = 40;

export interface SealRun {
  /** Intervals in blocks per second, from the first block of the measured window to its last. */
  readonly sealsPerSecond: number;
  readonly sealed: number;
  readonly refused: number;
  readonly blocks: number;
  /** From the hand-over to a validator until it was seen in a block, s. */
  readonly finalitySeconds: Percentiles;
  /** Handed over or due, and in no block, in intervals, at the middle and at the end of the window. */
  readonly waitingMidway: number;
  readonly waitingAtEnd: number;
}

/**
 * Hands signed transactions to the validators, in each lane in order, and counts the intervals that come back in blocks. With `sealsPerSecond`
 * in an open loop: what is due is due, whether the ledger keeps up or not; without, as fast as it takes them, `windowSeals` ahead at most.
 */
export async function runSeals(
  target: BenchTarget,
  /** In the order in which they are due; transaction i goes into lane i mod lanes, and every round has the same number of them. */
  txs: readonly { readonly bytes: Uint8Array; readonly seals: number; readonly lane: number }[],
  options: {
    readonly lanes: number;
    readonly warmUpSeconds: number;
    readonly seconds: number;
    readonly windowSeals: number;
    readonly sealsPerSecond?: number;
    readonly signal: AbortSignal;
  },
  say: (text: string) => void,
): Promise<SealRun> {
  const { lanes, warmUpSeconds, seconds, windowSeals, sealsPerSecond, signal } = options;
  const totals = { handed: 0, refused: 0, committed: 0 };
  const sent = new Map<string, { readonly atMs: number; readonly seals: number }>();
  const finality: number[] = [];
  const window: { firstMs?: number; lastMs: number; sealed: number; blocks: number } = {
    lastMs: 0,
    sealed: 0,
    blocks: 0,
  };
  const waiting: { midway?: number } = {};
  const beganMs = performance.now();
  const endsMs = beganMs + (warmUpSeconds + seconds) * 1000;
  const isRunning = (): boolean => performance.now() < endsMs && !signal.aborted;
  const totalSeals = txs.reduce((sum, { seals }) => sum + seals, 0);
  const due = (): number =>
    sealsPerSecond === undefined
      ? totals.committed + windowSeals
      : dueBy({ perSecond: sealsPerSecond, total: totalSeals }, performance.now() - beganMs);
  const waitingNow = (): number => (sealsPerSecond === undefined ? totals.handed : due()) - totals.committed;

  /** The intervals before it, for the time at which it is due. */
  let before = 0;
  const queues = Array.from({ length: lanes }, () => [] as { bytes: Uint8Array; seals: number; before: number }[]);
  for (const { bytes, seals, lane } of txs) {
    queues[lane]?.push({ bytes, seals, before });
    before += seals;
  }

  const feed = async (lane: number): Promise<void> => {
    const queue = queues[lane] ?? [];
    for (let next = 0; next < queue.length && isRunning(); ) {
      const batch: Uint8Array[] = [];
      let bytes = 0;
      const atMs = performance.now();
      while (next < queue.length && batch.length < BATCH_TXS && bytes < BATCH_BYTES) {
        const tx = queue[next] as (typeof queue)[number];
        if (sealsPerSecond === undefined ? totals.handed - totals.refused >= due() : tx.before >= due()) break;
        next += 1;
        batch.push(tx.bytes);
        bytes += tx.bytes.length;
        totals.handed += tx.seals;
        sent.set(nameOf(tx.bytes), { atMs, seals: tx.seals });
      }
      if (batch.length > 0) totals.refused += await target.submit(lane, batch);
      const restMs = atMs + SUBMIT_MS - performance.now();
      if (restMs > 0) await delay(restMs);
    }
  };

  const follow = async (): Promise<void> => {
    for (let height = target.firstHeight; isRunning(); ) {
      const blocks = await target.blocks(height);
      const nowMs = performance.now();
      for (const block of blocks) {
        height += 1;
        let seals = 0;
        const isMeasured = window.firstMs !== undefined;
        for (const tx of block) {
          const offered = sent.get(nameOf(tx));
          if (offered === undefined) continue;
          seals += offered.seals;
          if (isMeasured) finality.push((nowMs - offered.atMs) / 1000);
        }
        totals.committed += seals;
        // The window opens with a block that is not counted: what it holds was finalised before.
        if (!isMeasured && nowMs - beganMs >= warmUpSeconds * 1000) window.firstMs = nowMs;
        if (!isMeasured) continue;
        window.sealed += seals;
        window.blocks += 1;
        window.lastMs = nowMs;
        if (nowMs - beganMs >= (warmUpSeconds + seconds / 2) * 1000) waiting.midway ??= waitingNow();
        say(`${window.sealed} intervals finalised, ${waitingNow()} wait`);
      }
      if (blocks.length === 0) await target.arrival(LOOK_MS);
    }
  };

  await Promise.all([follow(), ...queues.map((_, lane) => feed(lane))]);
  const { firstMs = 0, lastMs, sealed, blocks } = window;
  return {
    sealsPerSecond: lastMs > firstMs ? round((sealed * 1000) / (lastMs - firstMs), 1) : 0,
    sealed,
    refused: totals.refused,
    blocks,
    finalitySeconds: percentilesOf(finality),
    waitingMidway: waiting.midway ?? waitingNow(),
    waitingAtEnd: waitingNow(),
  };
}

function nameOf(tx: Uint8Array): string {
  return Buffer.from(txId(tx)).toString("latin1");
}
