import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { REJECTION_REASONS } from "./source.ts";

/** The README of a folder has a table whose first column names every file that is no test, and no other file. */
export function testReadmeFiles(folder: string, claim = "the README's table of files has every file"): void {
  test(claim, () => {
    const sources = readdirSync(folder).filter((name) => /\.ts$/.test(name) && !/test/i.test(name));
    const rows = readmeOf(folder).matchAll(/^\| (`\w+\.ts`.*?) +\|/gm);
    const named = [...rows].flatMap(([, row = ""]) => [...row.matchAll(/`(\w+\.ts)`/g)].map(([, name]) => name));
    expect(named.toSorted()).toEqual(sources.toSorted());
  });
}

/** "What is refused", up to the heading `until`, names the reasons that the folder's tests have, but for words that mean something else there. */
export function testReadmeReasons(folder: string, until: string, otherWords: readonly string[] = []): void {
  test("the README names every reason that the tests have seen, and no other", () => {
    const tests = readdirSync(folder).filter((name) => /\.test\.ts$/.test(name) && !/readme/.test(name));
    const seen = tests.flatMap((name) =>
      [...readFileSync(`${folder}/${name}`, "utf8").matchAll(/"([a-z]+(?:-[a-z]+)*)[" ]/g)].map(([, word]) => word),
    );
    const reasons = REJECTION_REASONS.filter((reason) => seen.includes(reason) && !otherWords.includes(reason));
    const readme = readmeOf(folder);
    const rows = readme.slice(readme.indexOf("## What is refused"), readme.indexOf(until));
    const documented = [...rows.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
    );
    expect(documented.toSorted()).toEqual(reasons.toSorted());
  });
}

function readmeOf(folder: string): string {
  return readFileSync(`${folder}/README.md`, "utf8");
}
