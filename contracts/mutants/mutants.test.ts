import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CONTRACTS_FOLDER } from "../build/compile.ts";
import { MUTANT_GROUPS } from "./index.ts";

describe.each(MUTANT_GROUPS)("mistakes of $contract", ({ mutants }) => {
  test.each(mutants)("$name: its text is once in today's $file", ({ file, find, replace }) => {
    const source = readFileSync(join(CONTRACTS_FOLDER, file), "utf8");
    expect(source.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });

  test("have names of their own, and there are at least twelve", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(12);
  });
});
