import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDERS = { cometbft: "COMETBFT", abci: "ABCI" } as const;

test.each(Object.entries(FOLDERS))(
  "node/%s/README.md has every error code of its folder, and no other",
  (folder, prefix) => {
    const path = `${import.meta.dirname}/../${folder}`;
    const codes = new Set<string>();
    for (const name of readdirSync(path).filter((each) => each.endsWith(".ts") && !each.includes("test")))
      for (const [, code = ""] of readFileSync(`${path}/${name}`, "utf8").matchAll(/code: "([A-Z_]+)"/g))
        if (code.startsWith(prefix)) codes.add(code);
    const readme = readFileSync(`${path}/README.md`, "utf8");
    const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
    expect(documented).toStrictEqual([...codes].sort());
  },
);
