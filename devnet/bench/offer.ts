import { txId } from "#storage/types/block.ts";
import { cpuSeconds, residentBytes } from "../processes.ts";
import { percentile } from "../report.ts";
import type { Load } from "./load.ts";
import type { BenchTarget } from "./target.ts";

/** Transactions in one request to a validator: about 32 KB. */
const BATCH_TXS = 128;
/** Requests under way to one validator at once; fewer transactions than meters of a lane, so that no meter is in two of them. */
const REQUESTS_PER_LANE = 4;
/** Time before the measured window, in ms. */
export const WARM_UP_MS = 4_000;
/** How long to wait for a block at most before asking again, in ms. */
const ASK_MS = 50;

export interface Offered {
  readonly perSecond: number;
  readonly finalised: number;
  readonly refused: number;
  readonly blocks: number;
  /** From the hand-over to a validator until the transaction was seen in a block. */
  readonly finalitySeconds: { readonly p50: number; readonly p99: number };
  /** Within the measured window: of this process, and of each validator with its engine. */
  readonly cpuSeconds: { readonly generator: number; readonly validators: readonly number[] };
  /** Of each validator with its engine, at the end. */
  readonly rssBytes: readonly number[];
}

/** Offers the load as fast as it is taken, at most `windowTxs` ahead of the blocks, and counts what comes back in blocks. */
export async function offer(
  target: BenchTarget,
  load: Load,
  options: { readonly seconds: number; readonly windowTxs: number; readonly signal: AbortSignal },
  say: (text: string) => void,
): Promise<Offered> {
  const { seconds, windowTxs, signal } = options;
  const offeredMs = new Map<string, number>();
  const samples: number[] = [];
  let refused = 0;
  let offered = 0;
  let committed = 0;
  let measuredFrom: number | undefined;
  let finalised = 0;
  let blocks = 0;
  const cpuNow = () => [[process.pid], ...target.pids()].map((pids) => sumOf(pids, cpuSeconds));
  let cpuBefore = cpuNow();
  const began = performance.now();
  const endsMs = began + WARM_UP_MS + seconds * 1000;
  const running = () => performance.now() < endsMs && !signal.aborted;

  const send = async (lane: number, batch: readonly Uint8Array[]) => {
    offered += batch.length;
    const now = performance.now();
    for (const tx of batch) offeredMs.set(nameOf(tx), now);
    refused += await target.submit(lane, batch);
  };

  const feed = async (lane: number, txs: readonly Uint8Array[]) => {
    let next = 0;
    const work = async () => {
      while (next < txs.length && running()) {
        // Waiting comes before taking, so that no batch is overtaken by those behind it in its lane.
        if (offered - committed - refused > windowTxs) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        const at = next;
        next += BATCH_TXS;
        await send(lane, txs.slice(at, at + BATCH_TXS));
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_PER_LANE }, work));
  };

  const follow = async () => {
    let next = target.firstHeight;
    while (running()) {
      const fetched = await target.blocks(next);
      const now = performance.now();
      for (const txs of fetched) {
        next += 1;
        committed += txs.length;
        if (now - began >= WARM_UP_MS && measuredFrom === undefined) {
          // The window opens with a block that is not counted: what it holds was finalised before.
          measuredFrom = now;
          cpuBefore = cpuNow();
          continue;
        }
        if (measuredFrom === undefined) continue;
        finalised += txs.length;
        blocks += 1;
        for (const tx of txs) {
          const sent = offeredMs.get(nameOf(tx));
          if (sent !== undefined) samples.push((now - sent) / 1000);
        }
        say(`${target.name}: ${finalised} finalised`);
      }
      if (fetched.length === 0) await target.arrival(ASK_MS);
    }
    return performance.now();
  };

  const [endedMs] = await Promise.all([follow(), ...load.lanes.map((txs, lane) => feed(lane, txs))]);
  samples.sort((a, b) => a - b);
  const lasted = (endedMs - (measuredFrom ?? endedMs)) / 1000;
  const used = cpuNow().map((each, i) => round(each - (cpuBefore[i] ?? 0)));
  const [generator = 0, ...validators] = used;
  return {
    perSecond: lasted > 0 ? finalised / lasted : 0,
    finalised,
    refused,
    blocks,
    finalitySeconds: { p50: round(percentile(samples, 0.5)), p99: round(percentile(samples, 0.99)) },
    cpuSeconds: { generator, validators },
    rssBytes: target.pids().map((pids) => sumOf(pids, residentBytes)),
  };
}

function nameOf(tx: Uint8Array): string {
  return Buffer.from(txId(tx)).toString("latin1");
}

function sumOf(pids: readonly number[], measure: (pid: number) => number | undefined): number {
  return pids.reduce((sum, pid) => sum + (measure(pid) ?? 0), 0);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
