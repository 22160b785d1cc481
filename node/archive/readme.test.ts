import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const README = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !/test/i.test(name));

test("the README has every code that is thrown here, and no other", () => {
  const text = sources.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const codes = [...text.matchAll(/readonly code: "([A-Z_]+)"/g)].map(([, code]) => code);
  const documented = [...README.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toEqual([...new Set(codes)].sort());
});

test("the README names every file", () => {
  for (const name of sources.filter((each) => !each.endsWith("Error.ts"))) expect(README).toContain(`\`${name}\``);
});
