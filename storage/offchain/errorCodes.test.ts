import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the README's table has every error code of the log, of readings and of intervals, and no other", () => {
  const sourcesOf = (folder: string, pattern: RegExp): string[] =>
    readdirSync(folder)
      .filter((name) => pattern.test(name) && !name.endsWith(".test.ts"))
      .map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  const texts = [
    ...sourcesOf(import.meta.dirname, /\.ts$/),
    ...sourcesOf(`${import.meta.dirname}/../types`, /^(reading|interval)(?!ProofFile)\w*\.ts$/),
  ];
  const codes = texts.flatMap((text) =>
    [...text.matchAll(/(?:code: |rejected\()"([A-Z_]+)"/g)].map(([, code = ""]) => code),
  );
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const documented = [...readme.matchAll(/^\| `([A-Z_]+)` *\|/gm)].map(([, code = ""]) => code);
  expect(documented.toSorted()).toStrictEqual([...new Set(codes)].sort());
});
