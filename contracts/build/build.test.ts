import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ABI_FOLDER, abiFiles } from "./build.ts";
import { compileContracts } from "./compile.ts";

test("the committed ABI, bytecode and types are what the sources compile to", () => {
  const built = abiFiles(compileContracts());
  const committed = readdirSync(ABI_FOLDER, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.\w+$/.test(name),
  );
  expect(committed.sort()).toEqual([...built.keys()].sort());
  for (const [path, text] of built) expect(readFileSync(join(ABI_FOLDER, path), "utf8") === text, path).toBe(true);
}, 300_000);
