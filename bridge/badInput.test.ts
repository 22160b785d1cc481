import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");

/** Rows of the README's table: what, answer, tests. */
const section =
  readFileSync(join(ROOT, "bridge/README.md"), "utf8").split("## Bad input\n")[1]?.split("\n## ")[0] ?? "";
const rows = [...section.matchAll(/^\| (.*) \|$/gm)]
  .slice(1)
  .map(([, row = ""]) => row.split(" | ").map((cell) => cell.trim()));

/** A file's name, then the names of its tests in quotes. */
function testsOf(cell: string): readonly { readonly file: string; readonly name: string }[] {
  return [...cell.matchAll(/`([^`]+)` ((?:"[^"]+"(?:, )?)+)/g)].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ file, name })),
  );
}

test("the table has a row for everything that the bridge must withstand", () => {
  expect(rows.length).toBeGreaterThanOrEqual(24);
  for (const [what, answer, tests = ""] of rows) {
    expect(answer, what).not.toBe("");
    expect(testsOf(tests).length, what).toBeGreaterThan(0);
  }
});

test.each(rows.flatMap(([, , tests = ""]) => testsOf(tests)))('there is a test "$name" in $file', ({ file, name }) => {
  const text = readFileSync(join(ROOT, file), "utf8");
  const isSolidity = file.endsWith(".sol");
  const named = text.split("\n").filter((line) => line.includes(name));
  expect(named.length).toBeGreaterThan(0);
  // In a name, not in a comment.
  const isName = (line: string) =>
    isSolidity ? line.includes("function ") : /["'`]/.test(line) && !/^\s*(\/\/|\*)/.test(line);
  expect(named.some(isName), named.join("\n")).toBe(true);
});

test("every code and error of the table stands in the sources", () => {
  const codes = [...section.matchAll(/`(BRIDGE_[A-Z_]+[A-Z]|EVM_[A-Z_]+[A-Z])`/g)].map(([, code = ""]) => code);
  const bridgeReadme = readFileSync(join(ROOT, "bridge/README.md"), "utf8").split("## Codes\n")[1] ?? "";
  for (const code of codes) expect(bridgeReadme).toContain(`\`${code}\``);
  const errors = [...section.matchAll(/`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`/g)].map(([, name = ""]) => name);
  const contracts = readFileSync(join(ROOT, "contracts/README.md"), "utf8");
  for (const name of errors.filter((each) => !/^(MsgBridge|SignaturePool)/.test(each)))
    expect(contracts, name).toContain(`\`${name}\``);
});
