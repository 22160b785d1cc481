import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { LoadMeter } from "../../benchLoad.ts";
import { startLedgerTarget } from "../ledgerTarget.ts";
import { groupedMeters, type SealFacts, signSealRound } from "./sealLoad.ts";
import { runSeals, type SealRun } from "./sealRun.ts";

const DAY_MS = 86_400_000;
export const VALIDATORS = 4;
const WARM_UP_SECONDS = 3;

export interface SealNetOptions {
  readonly meters: number;
  /** Meters behind one key, sealed by one transaction. */
  readonly metersPerTx: number;
  readonly intervalMs: number;
  readonly seconds: number;
  /** Signed for so many a second at least; in an open loop, those. */
  readonly sealsPerSecondAtBest: number;
  readonly isOpenLoop: boolean;
  factsOf(meterId: string, round: number): SealFacts;
  readonly signal: AbortSignal;
}

export interface SealNetResult extends SealRun {
  readonly metersPerTx: number;
  /** Of transactions, per interval sealed. */
  readonly bytesPerSeal: number;
  readonly agreement: boolean;
  readonly rejectedInBlocks: number;
}

/** Four validator processes, everything signed before the clock starts, one run. */
export async function sealOnNet(options: SealNetOptions, say: (text: string) => void): Promise<SealNetResult> {
  const { metersPerTx, intervalMs, seconds, sealsPerSecondAtBest, isOpenLoop, factsOf, signal } = options;
  const meters = groupedMeters(options.meters, metersPerTx);
  const chainId = `bench-${randomBytes(3).toString("hex")}`;
  say("starting four validators");
  await using target = await startLedgerTarget({
    name: "embedded",
    chainId,
    meters,
    validators: VALIDATORS,
    intervalMs,
    signal,
  });
  const { firstAccountNumber: firstNumber } = target;
  // A whole period back, and in whole intervals: rounds are valid one after another.
  const startMs = Math.floor((Date.now() - 30 * DAY_MS) / DAY_MS) * DAY_MS;
  const total = sealsPerSecondAtBest * (WARM_UP_SECONDS + seconds);
  const rounds = Math.max(2, Math.ceil(total / meters.length));
  const txs: { bytes: Uint8Array; seals: number; lane: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const signed = signSealRound(meters, round, { chainId, firstNumber, startMs, intervalMs, factsOf });
    const sizes = groupSizes(meters);
    for (const [i, bytes] of signed.entries()) txs.push({ bytes, seals: sizes[i] ?? 0, lane: i % VALIDATORS });
    say(`signed ${(round + 1) * meters.length} of ${rounds * meters.length} intervals`);
    // Peers are answered between rounds.
    await setImmediate();
  }
  const run = await runSeals(
    target,
    txs,
    {
      lanes: VALIDATORS,
      warmUpSeconds: WARM_UP_SECONDS,
      seconds,
      // Enough for some full blocks, and less than a round, so that no account has two transactions in two requests.
      windowSeals: Math.max(6_000, 8 * metersPerTx),
      ...(isOpenLoop ? { sealsPerSecond: sealsPerSecondAtBest } : {}),
      signal,
    },
    say,
  );
  const { agreement, rejectedInBlocks } = await target.close();
  const bytes = txs.reduce((sum, tx) => sum + tx.bytes.length, 0);
  return {
    ...run,
    metersPerTx,
    bytesPerSeal: Math.round(bytes / (rounds * meters.length)),
    agreement,
    rejectedInBlocks,
  };
}

function groupSizes(meters: readonly LoadMeter[]): readonly number[] {
  return [...Map.groupBy(meters, ({ account }) => account).values()].map(({ length }) => length);
}
