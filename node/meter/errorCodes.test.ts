import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the README's tables have every file and every error code of this folder, and no other", () => {
  const sources = readdirSync(import.meta.dirname).filter((name) => /\.ts$/.test(name) && !/test/i.test(name));
  const codes = sources.flatMap((name) =>
    [...readFileSync(`${import.meta.dirname}/${name}`, "utf8").matchAll(/code: "([A-Z_]+)"/g)].map(([, code]) => code),
  );
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const documented = [...readme.matchAll(/^\| `([A-Z_]+)` *\|/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toStrictEqual([...new Set(codes)].sort());
  const files = [...readme.matchAll(/^\| (`\w+\.ts`.*?) +\|/gm)].flatMap(([, row = ""]) =>
    [...row.matchAll(/`(\w+\.ts)`/g)].map(([, name]) => name),
  );
  expect(files.toSorted()).toStrictEqual(sources.toSorted());
});
