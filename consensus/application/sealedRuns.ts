import { create } from "@bufbuild/protobuf";
import { type MeterChain, type SealedRun, SealedRunSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { periodId } from "./stateRecords.ts";
import type { StateReader } from "./workingState.ts";

/**
 * Which intervals of a period are sealed, so that only those are amended: runs of intervals of one length, one behind the other. A day without
 * gaps is one run, whatever T_i. A run more than `maxRuns` is not kept: the intervals are sealed all the same, but can no longer be amended.
 */
export function withSealed(
  runs: readonly SealedRun[],
  startMs: number,
  endMs: number,
  maxRuns: number,
): readonly SealedRun[] {
  const lengthMs = endMs - startMs;
  const last = runs.at(-1);
  if (last !== undefined && Number(last.lengthMs) === lengthMs && endOf(last) === startMs)
    return [...runs.slice(0, -1), { ...last, count: last.count + 1 }];
  if (runs.length >= maxRuns) return runs;
  return [...runs, create(SealedRunSchema, { startMs: BigInt(startMs), lengthMs: BigInt(lengthMs), count: 1 })];
}

/** Whether (startMs, endMs] was sealed as one interval, and is kept. */
export function isSealed(
  state: StateReader,
  chain: MeterChain,
  interval: {
    readonly meterId: string;
    readonly periodStartMs: number;
    readonly startMs: number;
    readonly endMs: number;
  },
): boolean {
  const { meterId, periodStartMs, startMs, endMs } = interval;
  const isOpenPeriod = chain.intervalCount > 0n && Number(chain.periodStartMs) === periodStartMs;
  const runs = isOpenPeriod
    ? chain.sealedRuns
    : (state.get("period", periodId(meterId, periodStartMs))?.sealedRuns ?? []);
  return runs.some((run) => {
    const lengthMs = Number(run.lengthMs);
    const offsetMs = startMs - Number(run.startMs);
    return endMs - startMs === lengthMs && offsetMs >= 0 && offsetMs % lengthMs === 0 && endMs <= endOf(run);
  });
}

function endOf(run: SealedRun): number {
  return Number(run.startMs) + Number(run.lengthMs) * run.count;
}
