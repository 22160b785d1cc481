// biome-ignore lint/style/noRestrictedImports: a test reads the README and the sources beside it; the light client has no disk.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");

/** The codes in the first column of the table under `heading`. */
function documented(heading: string): string[] {
  const section = readme.split(/^## /m).find((text) => text.startsWith(heading)) ?? "";
  const firstColumns = [...section.matchAll(/^\|([^|]*)\|/gm)].map(([, column = ""]) => column);
  return firstColumns.flatMap((column) => [...column.matchAll(/`(LIGHT_[A-Z_]+)`/g)].map(([, code = ""]) => code));
}

const sources = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".ts") && !name.includes("test"))
  .map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8"));
const found = (pattern: RegExp) => sources.flatMap((text) => [...text.matchAll(pattern)].map(([, code = ""]) => code));
const sorted = (codes: readonly string[]) => [...new Set(codes)].sort();

test("the table of refused blocks has every code of a verdict, and no other", () => {
  const verdicts = found(/(?:rejected|rejectedBlock)\(\s*"(LIGHT_[A-Z_]+)"/g);
  const checks = found(/check: "(LIGHT_[A-Z_]+)"/g);
  expect(sorted(documented("Codes of a refused block"))).toEqual(sorted([...verdicts, ...checks]));
});

test("the table of the client's errors has every code that is thrown, and no other", () => {
  expect(sorted(documented("Errors of the client"))).toEqual(sorted(found(/\{ ?\s*code: "(LIGHT_[A-Z_]+)"/g)));
});
