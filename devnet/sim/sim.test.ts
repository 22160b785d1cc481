import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { BEHAVIOUR_NAMES } from "#consensus/sim/behaviours.ts";
import { drawPlan } from "#consensus/sim/drawPlan.ts";
import { EFFECT_NAMES } from "#consensus/sim/effects.ts";
import type { Plan } from "#consensus/sim/plan.ts";
import { runPlan } from "#consensus/sim/run.ts";
import { shrinkPlan } from "#consensus/sim/shrink.ts";
import { SIM_PORTS } from "./ports.ts";
import { ask } from "./runSeeds.ts";

const REGRESSIONS = new URL("../../consensus/sim/regressions/", import.meta.url);
/** A busy machine may need it; an idle one takes a tenth. */
const TIMEOUT_MS = 60_000;

const run = (plan: Plan) => runPlan(plan, SIM_PORTS);

test(
  "every fault and every behaviour is drawn and has an effect within a few hundred seeds, and nothing is violated",
  async () => {
    const unseen = new Set(EFFECT_NAMES);
    const sum = { height: 0, restarts: 0, txs: 0, evidence: 0 };
    for (let seed = 1; seed <= 400 && unseen.size > 0; seed++) {
      const result = await run(drawPlan(seed));
      expect(result).toMatchObject({ seed, violation: undefined });
      for (const name of EFFECT_NAMES) if ((result.effects[name] ?? 0) > 0) unseen.delete(name);
      for (const figure of ["height", "restarts", "txs", "evidence"] as const) sum[figure] += result[figure];
    }
    expect([...unseen]).toEqual([]);
    for (const figure of Object.values(sum)) expect(figure).toBeGreaterThan(4);
  },
  TIMEOUT_MS,
);

test(
  "the same seed leaves the same trace, whatever ran before it and in whichever thread",
  async () => {
    const worker = new Worker(new URL("./sim.worker.ts", import.meta.url));
    onTestFinished(() => void worker.terminate());
    const batch = { fromSeed: 50, count: 4, options: {}, stopAtViolation: false };
    const { results } = await ask(worker, batch);
    for (const result of results.toReversed()) expect(await run(drawPlan(result.seed))).toEqual(result);
    expect(new Set(results.map(({ traceHash }) => traceHash)).size).toBe(4);
  },
  TIMEOUT_MS,
);

test(
  "with more than a third Byzantine a fork is found, and its plan shrinks to what makes it",
  async () => {
    const noise = drawPlan(3).faults.filter((fault) => fault.type === "link" || fault.type === "clock");
    const forking = drawPlan(5, { byzantine: "f+1" });
    const plan = { ...forking, faults: [...forking.faults, ...noise] };
    const { violation } = await run(plan);
    expect(violation?.invariant).toBe("agreement");
    const smallest = await shrinkPlan(
      plan,
      async (candidate) => (await run(candidate)).violation?.invariant === "agreement",
    );
    expect(smallest.faults.length).toBeLessThanOrEqual(forking.faults.length);
    expect(smallest.faults.filter(({ type }) => type === "byzantine")).toHaveLength(2);
  },
  TIMEOUT_MS,
);

test.each(BEHAVIOUR_NAMES)(
  "one of four validators is Byzantine from the start and all the time: %s",
  async (behaviour) => {
    let times = 0;
    for (let seed = 300; seed < 303; seed++) {
      const drawn = drawPlan(seed, { byzantine: 0 });
      const faults = drawn.faults.filter((fault) => fault.type === "link" || fault.type === "cut");
      const byzantine = { type: "byzantine", node: seed % 4, atMs: 0, behaviour } as const;
      const plan: Plan = {
        ...drawn,
        powers: [10, 10, 10, 10],
        fullNodes: 0,
        lightNodes: 1,
        faults: [byzantine, ...faults],
      };
      const { violation, effects } = await run(plan);
      expect({ seed, violation }).toEqual({ seed, violation: undefined });
      times += effects[behaviour] ?? 0;
    }
    expect(times).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

const regressions = readdirSync(REGRESSIONS).filter((name) => name.endsWith(".json"));

test.each(regressions)(
  "a plan that once failed holds today: %s",
  async (name) => {
    const plan = JSON.parse(readFileSync(new URL(name, REGRESSIONS), "utf8")) as Plan;
    expect(await run(plan)).toMatchObject({ violation: undefined });
  },
  TIMEOUT_MS,
);

test(
  "a mutant is found, the same worker without it finds nothing",
  async () => {
    const worker = new Worker(new URL("./mutant.worker.ts", import.meta.url), { workerData: { mutant: "quorum-2f" } });
    onTestFinished(() => void worker.terminate());
    const batch = { fromSeed: 1, count: 10, options: {}, stopAtViolation: true };
    const { results } = await ask(worker, batch);
    expect(results.at(-1)?.violation?.invariant).toBeDefined();
  },
  TIMEOUT_MS,
);
