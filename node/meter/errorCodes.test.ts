import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createChannels } from "./channels.ts";
import { parseMetersFile } from "./metersFile.ts";
import { REJECTION_REASONS } from "./source.ts";

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

test("the README's table of bad input has every reason and every verdict, and the tests it names exist", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const table = readme.slice(readme.indexOf("## Bad input"), readme.indexOf("## Where every row goes"));
  const named = new Set([...table.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
  const verdicts = Object.keys(createChannels([]).counts()).filter((verdict) => !["value", "delta"].includes(verdict));
  expect([...REJECTION_REASONS, ...verdicts].filter((name) => !named.has(name))).toEqual([]);
  const tests = [...table.matchAll(/`([\w./]+\.test\.ts)`/g)].map(([, path]) => path);
  expect(tests.length).toBeGreaterThan(20);
  expect(tests.filter((path) => !existsSync(`${import.meta.dirname}/${path}`))).toEqual([]);
});

test("the README's meters.json is one", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const [, example = ""] = /```json\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(parseMetersFile(example, "meters.json").devices).toHaveLength(1);
});
