import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { DrawOptions } from "#consensus/sim/drawPlan.ts";
import { EFFECT_NAMES, type EffectName } from "#consensus/sim/effects.ts";
import type { RunResult } from "#consensus/sim/run.ts";
import type { BatchResult, SeedBatch } from "./sim.worker.ts";

/** A run leaves much garbage that is short-lived: with a larger young generation it costs a tenth less. */
export const WORKER_LIMITS = { maxYoungGenerationSizeMb: 96 } as const;

/** Seeds given to a worker at once: some seconds of work. */
const BATCH_SEEDS = 25;

export interface SeedsReport {
  readonly firstSeed: number;
  readonly seeds: number;
  /** SHA-256 over the trace hashes of all seeds in order: the same for every run of the same seeds. */
  readonly digest: string;
  readonly violations: readonly RunResult[];
  readonly heights: number;
  readonly events: number;
  readonly restarts: number;
  readonly evidence: number;
  readonly txs: number;
  readonly virtualSeconds: number;
  /** Of each fault and behaviour: in how many seeds it had an effect, and how often in all. */
  readonly effects: Readonly<Record<EffectName, { readonly seeds: number; readonly times: number }>>;
  /** Processor time of this process meanwhile, user and system. */
  readonly cpuSeconds: number;
}

/** Runs seeds on worker threads. `onProgress`: seeds done, violations among them. */
export async function runSeeds(
  firstSeed: number,
  seeds: number,
  options: DrawOptions & { readonly workers: number },
  onProgress: (done: number, violations: number) => void,
): Promise<SeedsReport> {
  const results: RunResult[] = [];
  const cpu = process.cpuUsage();
  let next = firstSeed;
  const { workers, ...drawn } = options;

  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./sim.worker.ts", import.meta.url), { resourceLimits: WORKER_LIMITS });
    try {
      while (next < firstSeed + seeds) {
        const fromSeed = next;
        const count = Math.min(BATCH_SEEDS, firstSeed + seeds - fromSeed);
        next += count;
        const batch: SeedBatch = { fromSeed, count, options: drawn, stopAtViolation: false };
        results.push(...(await ask(worker, batch)).results);
        onProgress(results.length, results.filter(({ violation }) => violation !== undefined).length);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, Math.ceil(seeds / BATCH_SEEDS)) }, work));

  results.sort((a, b) => a.seed - b.seed);
  const hash = createHash("sha256");
  for (const { seed, traceHash } of results) hash.update(`${seed} ${traceHash}\n`);
  const sum = (of: (result: RunResult) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    firstSeed,
    seeds,
    digest: hash.digest("hex"),
    violations: results.filter(({ violation }) => violation !== undefined),
    heights: sum((result) => result.height),
    events: sum((result) => result.events),
    restarts: sum((result) => result.restarts),
    evidence: sum((result) => result.evidence),
    txs: sum((result) => result.txs),
    virtualSeconds: Math.round(sum((result) => result.virtualMs) / 1000),
    effects: effectsOf(results),
    cpuSeconds: secondsOf(process.cpuUsage(cpu)),
  };
}

function effectsOf(results: readonly RunResult[]): SeedsReport["effects"] {
  const entries = EFFECT_NAMES.map((name) => {
    const times = results.map(({ effects }) => effects[name] ?? 0);
    return [name, { seeds: times.filter((each) => each > 0).length, times: times.reduce((a, b) => a + b, 0) }] as const;
  });
  return Object.fromEntries(entries) as SeedsReport["effects"];
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return Math.round((user + system) / 100_000) / 10;
}

/** The worker's answer to a batch; rejects when the worker fails. */
export function ask(worker: Worker, batch: SeedBatch): Promise<BatchResult> {
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", (result: BatchResult) => {
      worker.off("error", reject);
      resolve(result);
    });
    worker.postMessage(batch);
  });
}
