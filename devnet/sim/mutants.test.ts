import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { MUTANTS } from "#consensus/sim/mutants.ts";

test.each(MUTANTS)("$name: its text is once in today's $file", async ({ file, find, replace }) => {
  const source = await readFile(new URL(`../../${file}`, import.meta.url), "utf8");
  expect(source.split(find)).toHaveLength(2);
  expect(replace).not.toBe(find);
});

test("names are unique, and there are at least twenty", () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
});
