import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the README has every code of this folder, and no other", () => {
  const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !/test|bench/i.test(name));
  const text = names.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const codes = [...text.matchAll(/(?:code: |rejected\(|refuse\()"([A-Z]+_[A-Z_]+)"/g)].map(([, code]) => code);
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const documented = [...readme.matchAll(/^\| `([A-Z]+_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toEqual([...new Set(codes)].sort());
});
