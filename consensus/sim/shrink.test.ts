import { expect, test } from "vitest";
import type { Fault, Plan } from "./plan.ts";
import { shrinkPlan } from "./shrink.ts";

const cut = (atMs: number): Fault => ({ type: "cut", atMs, untilMs: atMs + 1, from: [0], to: [1] });

const plan: Plan = {
  seed: 1,
  powers: [10],
  fullNodes: 1,
  lightNodes: 1,
  txs: 9,
  fatTx: true,
  emptyBlocks: false,
  skipTimeoutCommit: true,
  healMs: 3000,
  faults: Array.from({ length: 23 }, (_, index) => cut(index)),
};

test("of many faults those are left that are needed together, and the rest of the plan is made simple", async () => {
  const needed = [3, 11, 22];
  const smallest = await shrinkPlan(plan, async ({ faults }) =>
    needed.every((at) => faults.some((fault) => fault.atMs === at)),
  );
  expect(smallest.faults.map(({ atMs }) => atMs)).toEqual(needed);
  expect(smallest).toMatchObject({ txs: 0, fatTx: false, fullNodes: 0, lightNodes: 0, emptyBlocks: true });
});

test("a plan that cannot be made smaller stays as it is", async () => {
  const { faults } = plan;
  const isSame = (candidate: Plan) => JSON.stringify(candidate) === JSON.stringify(plan);
  expect((await shrinkPlan(plan, async (candidate) => isSame(candidate))).faults).toEqual(faults);
});
