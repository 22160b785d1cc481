import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { type bridgeVectors, VECTORS_FILE } from "#bridge/testVectors.ts";
import { Rfc6962Harness } from "./abi/harness/Rfc6962Harness.ts";
import { revertOf, startTestEvm } from "./testing.ts";

const vectors = JSON.parse(readFileSync(VECTORS_FILE, "utf8")) as ReturnType<typeof bridgeVectors>;
const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const harness = await Rfc6962Harness.deploy(evm.wallets[0] as (typeof evm.wallets)[0], []);

test("every path of the vectors leads to its root", async () => {
  for (const { size, root, paths } of vectors.trees)
    for (const { item, index, path } of paths) {
      const leaf = await harness.leafHashOfWord(item);
      expect(await harness.leafHash(item)).toBe(leaf);
      expect(await harness.rootOf(leaf, index, size, path), `${index} of ${size}`).toBe(root);
    }
});

test("a true path under another size or place leads to the root exactly where the tree cannot tell", async () => {
  const tree = vectors.trees.find(({ size }) => size === vectors.claims.size) as (typeof vectors.trees)[0];
  let accepted = 0;
  for (const { leaf, index, size, isAccepted } of vectors.claims.claims) {
    const { item, path } = tree.paths[leaf] as (typeof tree.paths)[0];
    const reached = await harness.rootOf(await harness.leafHashOfWord(item), index, size, path).catch(() => undefined);
    expect(reached === tree.root, `${leaf} as ${index} of ${size}`).toBe(isAccepted);
    accepted += Number(isAccepted);
  }
  expect(accepted).toBeGreaterThan(0);
});

test("places outside the tree, and paths of another length, are refused by name", async () => {
  const { root, size, paths } = vectors.trees[4] as (typeof vectors.trees)[0];
  const [{ path }] = paths as [(typeof paths)[0]];
  const nameOf = async (index: bigint, total: bigint, given: readonly string[]) =>
    (await revertOf(harness.rootOf(root, index, total, given), Rfc6962Harness)).name;
  expect(await nameOf(BigInt(size), BigInt(size), path)).toBe("IndexOutOfRange");
  expect(await nameOf(0n, 0n, [])).toBe("IndexOutOfRange");
  expect(await nameOf(0n, BigInt(size), path.slice(1))).toBe("PathLengthWrong");
  expect(await nameOf(0n, BigInt(size), [...path, root])).toBe("PathLengthWrong");
  // More leaves than there can be: answered in 256 steps, not never.
  expect(await nameOf(0n, 2n ** 256n - 1n, path)).toBe("PathLengthWrong");
});
