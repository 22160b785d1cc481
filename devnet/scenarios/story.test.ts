import { expect, test } from "vitest";
import { createStory } from "./story.ts";

test("a story is told while it happens, with what was not true, and counts what it spent", () => {
  let told = "";
  const story = createStory((text) => {
    told += text;
  });
  story.tell("Alice", "pays", { amount: "1 ETH", note: undefined });
  story.claim("Bob has it", true);
  story.claim("nothing was lost", false);
  story.spend(21_000n, 7n);
  story.spend(1_000n, 1n);
  expect(told).toBe("1.   Alice pays\n     amount  1 ETH\n     ✓ Bob has it\n     ✗ NOT TRUE: nothing was lost\n");
  expect(story.steps).toEqual([{ who: "Alice", did: "pays", facts: { amount: "1 ETH" } }]);
  expect(story.claims.map(({ holds }) => holds)).toEqual([true, false]);
  expect(story.spent()).toEqual({ transactions: 2, gas: 22_000n, feeWei: 8n });
});
