import { afterAll, expect, test } from "vitest";
import { ANCHOR_BUDGETS, measureAnchor, measureProof, WALK_BUDGET } from "./measureGas.ts";
import { startTestEvm } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());

for (const [validators, budget] of Object.entries(ANCHOR_BUDGETS))
  test(`an anchor of ${validators} validators costs at most ${budget} gas`, async () => {
    expect((await measureAnchor(evm, Number(validators))).anchor).toBeLessThanOrEqual(budget);
  });

test(`the walk among 100 000 transactions costs at most ${WALK_BUDGET} gas`, async () => {
  const { depth, walk } = await measureProof(evm, 100_000);
  expect(depth).toBe(17);
  expect(walk).toBeLessThanOrEqual(WALK_BUDGET);
});
