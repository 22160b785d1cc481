import { expect, test } from "vitest";
import { BEHAVIOUR_NAMES, BEHAVIOURS } from "./behaviours.ts";
import { drawPlan } from "./drawPlan.ts";
import { byzantineNodes, isWithinThird, type Plan } from "./plan.ts";

const plans = Array.from({ length: 2000 }, (_, seed) => drawPlan(seed));

/** Byzantine and total power, before and after the plan's change of a power. */
function powersOf(plan: Plan): readonly (readonly [byzantine: number, total: number])[] {
  const traitors = byzantineNodes(plan);
  const change = plan.faults.find((fault) => fault.type === "validatorPower");
  const nodes = plan.powers.length + plan.fullNodes;
  const sum = (powerOf: (node: number) => number, isCounted: (node: number) => boolean) =>
    Array.from({ length: nodes }, (_, node) => (isCounted(node) ? powerOf(node) : 0)).reduce((a, b) => a + b, 0);
  const before = (node: number) => plan.powers[node] ?? 0;
  const after = (node: number) => (node === change?.node ? change.power : before(node));
  return [before, after].map(
    (powerOf) => [sum(powerOf, (node) => traitors.has(node)), sum(powerOf, () => true)] as const,
  );
}

test("the same seed gives the same plan, as JSON", () => {
  for (const [seed, plan] of plans.entries()) {
    expect(drawPlan(seed)).toEqual(plan);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  }
});

test("less than a third of the power is ever Byzantine", () => {
  for (const plan of plans)
    for (const [byzantine, total] of powersOf(plan)) expect(isWithinThird(byzantine, total)).toBe(true);
});

test("every fault and every behaviour is drawn, and only validators do what needs a vote", () => {
  const faults = plans.flatMap((plan) => plan.faults.map((fault) => ({ fault, validators: plan.powers.length })));
  expect(new Set(faults.map(({ fault }) => fault.type))).toEqual(
    new Set(["link", "cut", "clog", "crash", "diskFull", "syncFailure", "clock", "byzantine", "validatorPower"]),
  );
  const behaviours = faults.flatMap(({ fault, validators }) =>
    fault.type === "byzantine" ? [{ ...fault, isValidator: fault.node < validators }] : [],
  );
  expect(new Set(behaviours.map(({ behaviour }) => behaviour))).toEqual(new Set(BEHAVIOUR_NAMES));
  for (const { behaviour, isValidator } of behaviours)
    expect(isValidator || !BEHAVIOURS[behaviour].needsVote).toBe(true);
});

test("a committee is asked for more than it bears by f+1, and for a number of traitors", () => {
  for (let seed = 0; seed < 50; seed++) {
    const [[byzantine, total]] = powersOf(drawPlan(seed, { byzantine: "f+1" })) as [readonly [number, number]];
    expect(isWithinThird(byzantine, total)).toBe(false);
    expect(byzantineNodes(drawPlan(seed, { byzantine: 0 })).size).toBeLessThanOrEqual(1);
  }
});
