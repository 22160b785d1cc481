import { Worker } from "node:worker_threads";
import { MUTANTS, type Mutant } from "#consensus/sim/mutants.ts";
import { ask, WORKER_LIMITS } from "./runSeeds.ts";
import type { SeedBatch } from "./sim.worker.ts";

/** Seeds between two looks at the clock, and until a mutant counts as not found. */
const BATCH_SEEDS = 25;
const MAX_SEEDS = 5000;

/** A batch takes some seconds; a mutant that takes this long goes round in circles. */
const BATCH_TIMEOUT_MS = 180_000;

export interface MutantReport {
  readonly name: string;
  readonly reason: string;
  /** Seeds run until it was found, or all. */
  readonly seeds: number;
  /** What caught it; undefined when nothing did. */
  readonly invariant: string | undefined;
  readonly message: string;
}

/** Runs each mutant, `workers` at a time, from seed 1 until an invariant is violated. */
export async function runMutants(
  names: readonly string[],
  workers: number,
  onReport: (report: MutantReport) => void,
): Promise<readonly MutantReport[]> {
  const waiting = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name));
  const reports = new Map<string, MutantReport>();
  const order = waiting.map(({ name }) => name);
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const report = await hunt(mutant);
      reports.set(mutant.name, report);
      onReport(report);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return order.flatMap((name) => reports.get(name) ?? []);
}

async function hunt({ name, reason }: Mutant): Promise<MutantReport> {
  const worker = new Worker(new URL("./mutant.worker.ts", import.meta.url), {
    workerData: { mutant: name },
    resourceLimits: WORKER_LIMITS,
  });
  const found = (seeds: number, invariant: string | undefined, message: string): MutantReport => ({
    name,
    reason,
    seeds,
    invariant,
    message: (message.split("\n")[0] as string).slice(0, 200),
  });
  let done = 0;
  try {
    while (done < MAX_SEEDS) {
      const batch: SeedBatch = { fromSeed: 1 + done, count: BATCH_SEEDS, options: {}, stopAtViolation: true };
      const { promise: late, resolve } = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => resolve(undefined), BATCH_TIMEOUT_MS);
      const answer = await Promise.race([ask(worker, batch), late]);
      clearTimeout(timer);
      if (answer === undefined) return found(done + 1, "survival", "goes round in circles");
      const { results } = answer;
      const violation = results.at(-1)?.violation;
      done += results.length;
      if (violation !== undefined) return found(done, violation.invariant, violation.message);
    }
    return found(done, undefined, "");
  } catch (error) {
    // Nothing of a run may throw out of it.
    return found(done + 1, "survival", error instanceof Error ? error.message : String(error));
  } finally {
    await worker.terminate();
  }
}
