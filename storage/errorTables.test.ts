import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Codes of other folders that a folder passes on. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = { crypto: ["FORMAT_TOO_MANY"] };

/** Codes of transactions are the ledger's own: consensus/application/README.md has them with their numbers. */
const OF_LEDGER = /^(TX|ACCOUNT)_/;

function codesIn(folder: string): string[] {
  const codes = new Set<string>();
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))) {
    const text = readFileSync(`${folder}/${name}`, "utf8");
    for (const [, ofDetails, ofVerdict] of text.matchAll(/code: "([A-Z_]+)"|rejected\(\s*"([A-Z_]+)"/g))
      codes.add(ofDetails ?? ofVerdict ?? "");
  }
  return [...codes];
}

for (const folder of ["crypto", "types"])
  test(`the table of storage/${folder} has every code that is thrown or answered there, and no other`, () => {
    const path = `${import.meta.dirname}/${folder}`;
    const readme = readFileSync(`${path}/README.md`, "utf8");
    const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code = ""]) => code);
    const here = codesIn(path).filter(
      (code) => !(FOREIGN[folder] ?? []).includes(code) && !(folder === "types" && OF_LEDGER.test(code)),
    );
    expect(documented).toEqual(here.sort());
  });
