import { expect, test } from "vitest";
import { timestampToMs } from "#storage/types/time.ts";
import { bisect } from "./bisect.ts";
import { LightError } from "./lightError.ts";
import { createTestChain, type TestChain } from "./testChain.ts";
import { DEFAULT_LIGHT_RULES } from "./verify.ts";

/** `every` blocks, one of four validators is replaced by a new one. */
function rotating(length: number, every: number): TestChain {
  let first = 0;
  const powers = () => Object.fromEntries([0, 1, 2, 3].map((i) => [first + i, 10]));
  const chain = createTestChain({ initialPowers: powers() });
  for (let height = 1; height <= length; height++) {
    if (height % every === 0) first += 1;
    chain.append({ nextPowers: powers() });
  }
  return chain;
}

async function run(chain: TestChain, options: { maxSteps?: number; shift?: number } = {}) {
  const fetched: number[] = [];
  const target = chain.lightBlock(0);
  const fetch = async (height: number) => {
    fetched.push(height);
    return chain.lightBlock(height + (options.shift ?? 0));
  };
  const nowMs = timestampToMs(target.signedHeader.header.time) + 1;
  const path = await bisect(chain.lightBlock(1), target, fetch, DEFAULT_LIGHT_RULES, nowMs, options.maxSteps);
  return { fetched, heights: path.map((block) => block.signedHeader.header.height) };
}

test("with one set throughout, the target is reached in one step", async () => {
  const { fetched, heights } = await run(rotating(60, 1000));
  expect(fetched).toEqual([]);
  expect(heights).toEqual([60]);
});

test("a set that changes over time is followed with far fewer blocks than there are", async () => {
  const { fetched, heights } = await run(rotating(60, 6));
  expect(heights).toEqual([...heights].sort((a, b) => a - b));
  expect(heights.at(-1)).toBe(60);
  expect(heights.length).toBeGreaterThan(3);
  expect(fetched.length).toBeLessThan(20);
});

test("a set that changes with every block is still followed", async () => {
  const { heights } = await run(rotating(20, 1));
  expect(heights.at(-1)).toBe(20);
});

test("the number of steps is bounded", async () => {
  await expect(run(rotating(60, 2), { maxSteps: 3 })).rejects.toThrow("LIGHT_STEPS_EXCEEDED");
});

test("a provider that answers with another height is found out", async () => {
  await expect(run(rotating(60, 6), { shift: 1 })).rejects.toMatchObject({
    details: { code: "LIGHT_BLOCK_REJECTED", check: "LIGHT_WRONG_HEIGHT" },
  });
});

test("a forged block on the way ends the bisection with the check that failed", async () => {
  const chain = rotating(60, 6);
  const target = chain.lightBlock(0);
  const nowMs = timestampToMs(target.signedHeader.header.time) + 1;
  const fetch = async (height: number) => {
    const block = chain.lightBlock(height);
    const { header, commit } = block.signedHeader;
    return { ...block, signedHeader: { header: { ...header, appHash: new Uint8Array(32) }, commit } };
  };
  const failed = bisect(chain.lightBlock(1), target, fetch, DEFAULT_LIGHT_RULES, nowMs);
  await expect(failed).rejects.toBeInstanceOf(LightError);
  await expect(failed).rejects.toMatchObject({ details: { check: "LIGHT_COMMIT_HASH_MISMATCH" } });
});
