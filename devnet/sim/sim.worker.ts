import { parentPort } from "node:worker_threads";
import { type DrawOptions, drawPlan } from "#consensus/sim/drawPlan.ts";
import { type RunResult, runPlan } from "#consensus/sim/run.ts";
import { SIM_PORTS } from "./ports.ts";

/** Seeds to run, one after the other. */
export interface SeedBatch {
  readonly fromSeed: number;
  readonly count: number;
  readonly options: DrawOptions;
  /** Nothing is run after the first violation. */
  readonly stopAtViolation: boolean;
}

/** What became of a batch. */
export interface BatchResult {
  readonly results: readonly RunResult[];
}

parentPort?.on("message", (batch: SeedBatch) => {
  void runBatch(batch).then((result) => parentPort?.postMessage(result));
});

async function runBatch({ fromSeed, count, options, stopAtViolation }: SeedBatch): Promise<BatchResult> {
  const results: RunResult[] = [];
  for (let seed = fromSeed; seed < fromSeed + count; seed++) {
    const result = await runPlan(drawPlan(seed, options), SIM_PORTS);
    results.push(result);
    if (stopAtViolation && result.violation !== undefined) break;
  }
  return { results };
}
