import { expect, test } from "vitest";
import { bridgeKeyMessage } from "#consensus/application/testLedger.ts";
import { AnchorPlan, type PlanPosition } from "./anchorPlan.ts";
import type { BridgeStep } from "./steps.ts";
import { CADENCE_MS, followedLedger } from "./testFollowing.ts";

const START: PlanPosition = { seq: 0n, valsetNonce: 0n, toHeight: 4, setNumber: 2n };

async function allOf(plan: AnchorPlan): Promise<readonly BridgeStep[]> {
  const steps: BridgeStep[] = [];
  for (let step = await plan.next(); step !== undefined; step = await plan.next()) steps.push(step);
  return steps;
}

const shown = (steps: readonly BridgeStep[]) =>
  steps.map((step) =>
    step.kind === "anchor"
      ? `anchor ${step.anchor.seq}: ${step.anchor.fromHeight} to ${step.anchor.toHeight}, set ${step.set.number}`
      : `rotation ${step.nonce} at ${step.effectiveHeight}: set ${step.set.number} to ${step.next.number}`,
  );

test("an anchor ends with the first block of each multiple of the cadence, without gap, whoever plans it and when", async () => {
  const followed = followedLedger();
  const early = new AnchorPlan(followed, CADENCE_MS, START);
  const steps: BridgeStep[] = [];
  // 5 to 7 in the first minute, 8 in the second, 9 minutes later, 10 a day later.
  for (const afterMs of [1000, 1000, 20_000, CADENCE_MS, 5 * CADENCE_MS, 24 * 3600 * 1000, 1000]) {
    followed.mine([], afterMs);
    steps.push(...(await allOf(early)));
  }
  expect(shown(steps)).toEqual(["anchor 1: 5 to 8, set 2", "anchor 2: 9 to 9, set 2", "anchor 3: 10 to 10, set 2"]);
  expect(await allOf(new AnchorPlan(followed, CADENCE_MS, START))).toEqual(steps);
  // From any position between two steps the rest is the same.
  const behindFirst = { seq: 1n, valsetNonce: 0n, toHeight: 8, setNumber: 2n };
  expect(await allOf(new AnchorPlan(followed, CADENCE_MS, behindFirst))).toEqual(steps.slice(1));
});

test("a block that changes the bridge set ends an anchor, and the set follows before the next one", async () => {
  const followed = followedLedger();
  followed.mine();
  followed.send(bridgeKeyMessage("dso", 0, "new key 0"), "dso");
  followed.mine();
  followed.mine([], CADENCE_MS);
  expect(shown(await allOf(new AnchorPlan(followed, CADENCE_MS, START)))).toEqual([
    "anchor 1: 5 to 6, set 2",
    "rotation 1 at 7: set 2 to 3",
    "anchor 2: 7 to 8, set 3",
  ]);
});

test("of several sets made before the bridge begins the latest is taken over at once", async () => {
  const followed = followedLedger();
  followed.mine();
  const steps = await allOf(new AnchorPlan(followed, CADENCE_MS, { ...START, setNumber: 1n }));
  expect(shown(steps)).toEqual(["rotation 1 at 5: set 1 to 2"]);
});

test("blocks are looked at as they come, once each: what is pruned behind that is not missed", async () => {
  const followed = followedLedger();
  const asked: number[] = [];
  const block = async (height: number) => {
    asked.push(height);
    return followed.block(height);
  };
  const plan = new AnchorPlan({ ...followed, block }, CADENCE_MS, START);
  const steps: BridgeStep[] = [];
  for (let i = 0; i < 7; i += 1) {
    followed.mine([], CADENCE_MS / 3);
    steps.push(...(await allOf(plan)));
    for (let height = 1; height <= followed.height(); height += 1) followed.prune(height);
  }
  expect(asked).toEqual([5, 6, 7, 8, 9, 10, 11]);
  expect(shown(steps)).toEqual(["anchor 1: 5 to 7, set 2", "anchor 2: 8 to 10, set 2"]);
  expect(plan.lastLeaves.map(({ height }) => height)).toEqual([8, 9, 10]);
});

test("a plan that misses a block or a set says which, and goes on when it is there", async () => {
  const followed = followedLedger();
  followed.mine();
  followed.mine([], CADENCE_MS);
  let isThere = false;
  const chain = { ...followed, block: async (height: number) => (isThere ? followed.block(height) : undefined) };
  const plan = new AnchorPlan(chain, CADENCE_MS, START);
  await expect(plan.next()).rejects.toMatchObject({ details: { code: "BRIDGE_BLOCK_ABSENT", height: 5 } });
  isThere = true;
  expect(await plan.next()).toMatchObject({ kind: "anchor", anchor: { seq: 1n } });
  await expect(new AnchorPlan(followed, CADENCE_MS, { ...START, setNumber: 9n }).next()).rejects.toMatchObject({
    details: { code: "BRIDGE_SET_ABSENT" },
  });
});
