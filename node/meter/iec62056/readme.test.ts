import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { REJECTION_REASONS } from "../source.ts";

const FOLDER = import.meta.dirname;
const README = readFileSync(`${FOLDER}/README.md`, "utf8");

test("the README's table of files has every file", () => {
  const sources = readdirSync(FOLDER).filter((name) => /\.ts$/.test(name) && !/test/i.test(name));
  const named = [...README.matchAll(/^\| (`\w+\.ts`.*?) +\|/gm)].flatMap(([, row = ""]) =>
    [...row.matchAll(/`(\w+\.ts)`/g)].map(([, name]) => name),
  );
  expect(named.toSorted()).toEqual(sources.toSorted());
});

test("the README names every reason that the tests have seen, and no other", () => {
  const tests = readdirSync(FOLDER).filter((name) => /\.test\.ts$/.test(name) && !/readme/.test(name));
  const seen = tests.flatMap((name) =>
    [...readFileSync(`${FOLDER}/${name}`, "utf8").matchAll(/"([a-z]+(?:-[a-z]+)*)[" ]/g)].map(([, word]) => word),
  );
  const reasons = REJECTION_REASONS.filter((reason) => seen.includes(reason));
  const rows = README.slice(README.indexOf("## What is refused"), README.indexOf("## Limits"));
  const documented = [...rows.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  );
  expect(documented.toSorted()).toEqual(reasons.toSorted());
});
