import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Without the blanks that the formatter aligns tables with. */
const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8").replaceAll(/ +\|/g, " |");

test("the README's table has every error code of this folder, and no other", () => {
  const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const thrown = new Set<string>();
  for (const name of sources) {
    const text = readFileSync(`${import.meta.dirname}/${name}`, "utf8");
    for (const [, code = ""] of text.matchAll(/code: "([A-Z_]+)"/g)) thrown.add(code);
  }
  const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code = ""]) => code);
  const ofOthers = [...thrown].filter((code) => code.startsWith("FORMAT_") || code.startsWith("LEVEL_"));
  expect(documented.toSorted()).toEqual([...thrown].filter((code) => !ofOthers.includes(code)).sort());
});

test("the README's bucket table is the one of buckets.ts", () => {
  const text = readFileSync(`${import.meta.dirname}/buckets.ts`, "utf8");
  const buckets = [...text.matchAll(/\/\*\* (.+) \*\/\n {2}(\w+): (0x[0-9a-f]{2}),/g)].map(
    ([, what, name, number]) => `| ${number} | \`${name}\` | ${what} |`,
  );
  expect(buckets.length).toBeGreaterThan(15);
  expect(readme.split("\n").filter((line) => /^\| 0x/.test(line))).toEqual(buckets);
});
