// biome-ignore lint/style/noRestrictedImports: a test reads the README and the sources beside it; the engine has no disk.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the README's table has every code of the engine, and no other", () => {
  const here = new Set<string>();
  const isSource = (name: string) => name.endsWith(".ts") && !name.includes("test");
  for (const name of readdirSync(import.meta.dirname).filter(isSource)) {
    const text = readFileSync(`${import.meta.dirname}/${name}`, "utf8");
    for (const [, ofDetails, ofVerdict] of text.matchAll(/code: "([A-Z_]+)"|rejected\(\s*"([A-Z_]+)"/g))
      here.add(ofDetails ?? ofVerdict ?? "");
  }
  const own = [...here].filter((code) => !/^(FORMAT|COMMIT)_/.test(code));
  const readme = readFileSync(`${import.meta.dirname}/../README.md`, "utf8");
  const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code = ""]) => code);
  expect(documented).toEqual(own.sort());
});
