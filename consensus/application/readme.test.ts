// biome-ignore lint/style/noRestrictedImports: a test reads the README and the tests beside it; the application has no disk.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CODESPACE, codeNumber, LEDGER_CODES } from "./codes.ts";
import { EVENTS } from "./events.ts";
import { QUERY_PATHS } from "./queries.ts";
import { hasRight, RIGHTS, STANDINGS } from "./roles.ts";
import { RECORD_SCHEMAS } from "./stateRecords.ts";

const folder = new URL(".", import.meta.url);
const readme = readFileSync(new URL("README.md", folder), "utf8");

/** The table whose first heading is `first`: its headings, then its rows, as cells. */
function table(first: string): string[][] {
  const cells = readme.split("\n").map((line) =>
    line.startsWith("|")
      ? line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim())
      : [],
  );
  const start = cells.findIndex((row) => row[0] === first);
  const end = cells.findIndex((row, index) => index > start && row.length === 0);
  return cells.slice(start, end).filter((row) => !row[0]?.startsWith("---"));
}

const rowsOf = (first: string) => table(first).slice(1);

test("the README lists every code with its number and meaning, and no other", () => {
  const inCode = Object.entries(LEDGER_CODES).map(([name, [number, meaning]]) => [`${number}`, name, meaning]);
  expect(rowsOf("code")).toEqual(inCode);
  expect(readme).toContain(`Codespace \`${CODESPACE}\``);
});

test("no two codes share a number, none is 0, and each is the code of a test", () => {
  const numbers = Object.values(LEDGER_CODES).map(([number]) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(Math.min(...numbers)).toBe(codeNumber("INTERNAL"));
  const types = new URL("../../storage/types/", folder);
  const tests = [
    ...readdirSync(folder).map((name) => new URL(name, folder)),
    ...readdirSync(types).map((name) => new URL(name, types)),
  ].filter(({ pathname }) =>
    /(ledgerApplication|roles|intervals|energy|members|validators|queries|amendments|meterRecords|configurations|bigchain|bridge|deviceRegistry|transaction)\.test\.ts$/.test(
      pathname,
    ),
  );
  const text = tests.map((url) => readFileSync(url, "utf8")).join("\n");
  expect(Object.keys(LEDGER_CODES).filter((name) => !text.includes(name))).toEqual([]);
});

test("the README's rights are the role table", () => {
  const columns = table("right")[0]?.slice(1) ?? [];
  expect([...columns].sort()).toEqual([...STANDINGS].sort());
  const rows = Object.keys(RIGHTS).map((right) => [
    right,
    ...columns.map((standing) => (hasRight(standing as "owner", right as "enrolMeter") ? "yes" : "–")),
  ]);
  expect(rowsOf("right")).toEqual(rows);
});

test("the README lists every kind of state record with its message", () => {
  const rows = rowsOf("kind").map(([kind, , value]) => [kind, value?.split(";")[0]]);
  expect(rows).toEqual(Object.entries(RECORD_SCHEMAS).map(([kind, schema]) => [kind, schema.name]));
});

test("the README lists every event with its attributes, and which are indexed", () => {
  const rows = Object.entries(EVENTS).map(([type, attributes]) => [
    type,
    Object.entries(attributes)
      .map(([key, indexed]) => (indexed ? `${key}*` : key))
      .join(", "),
  ]);
  expect(rowsOf("event")).toEqual(rows);
});

test("the README lists every query path", () => {
  const paths = rowsOf("path").map(([path]) => path);
  expect(paths.sort()).toEqual([...QUERY_PATHS].sort());
});
