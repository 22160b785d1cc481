import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { removeUnbornDatabases } from "./unbornDatabases.ts";

test("a database that was never made is removed; one that holds something, or is damaged, is not", () => {
  const home = mkdtempSync(join(tmpdir(), "unborn-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  expect(removeUnbornDatabases(home)).toEqual([]);
  const folders: Record<string, readonly string[]> = {
    // As a CometBFT that was killed in its first second left them.
    "evidence.db": ["LOCK", "LOG", "MANIFEST-000000"],
    "tx_index.db": ["LOCK", "LOG"],
    "state.db": ["000319.log", "000321.ldb", "CURRENT", "CURRENT.bak", "LOCK", "LOG", "MANIFEST-000320"],
    "blockstore.db": ["000001.log", "LOCK", "LOG", "MANIFEST-000000"],
    "light.db": ["LOCK", "LOG", "MANIFEST-000007"],
    cs: ["wal"],
  };
  for (const [name, files] of Object.entries(folders)) {
    mkdirSync(join(home, "data", name), { recursive: true });
    for (const file of files) writeFileSync(join(home, "data", name, file), "");
  }
  expect([...removeUnbornDatabases(home)].sort()).toEqual(["evidence.db", "tx_index.db"]);
  expect(readdirSync(join(home, "data")).sort()).toEqual(["blockstore.db", "cs", "light.db", "state.db"]);
});
