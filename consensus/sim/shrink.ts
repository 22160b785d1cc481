import type { Fault, Plan } from "./plan.ts";

/** Runs spent on making one plan smaller. */
const MAX_RUNS = 200;

/**
 * The smallest plan found that still fails (delta debugging, Zeller and Hildebrandt 2002, over the list of faults): parts of the list are
 * left out, halves first and single faults last, and what is beside the faults is made simple. `fails` runs a plan.
 */
export async function shrinkPlan(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let best = plan;
  let runs = 0;

  async function isStillBad(candidate: Plan): Promise<boolean> {
    if (runs >= MAX_RUNS) return false;
    runs++;
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  }

  async function dropFaults(): Promise<void> {
    for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = best.faults.length - size; from > -size; from -= size) {
        const start = Math.max(0, from);
        const faults = best.faults.filter((_, index) => index < start || index >= from + size);
        if (faults.length < best.faults.length) await isStillBad({ ...best, faults });
      }
    }
  }

  await dropFaults();
  for (const simpler of simplerPlans(best)) await isStillBad({ ...best, ...simpler });
  for (let index = 0; index < best.faults.length; index++)
    for (const fault of simplerFaults(best.faults[index] as Fault))
      await isStillBad({ ...best, faults: best.faults.with(index, fault) });
  // What was made simple may have made others needless.
  await dropFaults();
  return best;
}

function simplerPlans(plan: Plan): readonly Partial<Plan>[] {
  const simpler: Partial<Plan>[] = [
    { txs: 0 },
    { fatTx: false },
    { lightNodes: 0 },
    { emptyBlocks: true },
    { skipTimeoutCommit: false },
  ];
  if (!plan.faults.some((fault) => "node" in fault && fault.node >= plan.powers.length)) simpler.push({ fullNodes: 0 });
  return simpler;
}

function simplerFaults(fault: Fault): readonly Fault[] {
  if (fault.type === "link")
    return [
      { ...fault, duplicate: 0 },
      { ...fault, drop: 0 },
      { ...fault, delayMs: 0 },
    ];
  if (fault.type === "byzantine") return [{ ...fault, atMs: 0 }];
  if (fault.type === "crash") return [{ ...fault, loss: "kill" }];
  return [];
}
