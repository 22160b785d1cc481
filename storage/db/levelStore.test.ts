import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { levelError } from "./levelError.ts";
import { openLevelStore } from "./levelStore.ts";
import { testStore } from "./storeSuite.ts";

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ledger-level-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

testStore("level", true, async () => {
  const directory = await temporaryDirectory();
  const store = await openLevelStore(directory);
  let current = store;
  return {
    store,
    reopen: async () => {
      await current.close();
      current = await openLevelStore(directory);
      return current;
    },
    dispose: () => current.close(),
  };
});

test("a directory that is open is locked, and free again after closing", async () => {
  const directory = await temporaryDirectory();
  const store = await openLevelStore(directory);
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: "STORE_LOCKED", details: { directory } });
  await store.batch([{ type: "put", key: Uint8Array.of(1), value: Uint8Array.of(2) }], { sync: true });
  await store.close();
  const again = await openLevelStore(directory);
  expect(await again.get(Uint8Array.of(1))).toEqual(Uint8Array.of(2));
  await again.close();
});

test.each([
  {
    name: "a full disk",
    error: { code: "LEVEL_IO_ERROR", message: "IO error: /d/000003.log: No space left on device" },
    code: "STORE_DISK_FULL",
  },
  {
    name: "a quota",
    error: { code: "LEVEL_IO_ERROR", message: "IO error: /d/000003.log: Disk quota exceeded" },
    code: "STORE_DISK_FULL",
  },
  {
    name: "a full disk, by the file system",
    error: { code: "ENOSPC", message: "ENOSPC: no space left on device, write" },
    code: "STORE_DISK_FULL",
  },
  {
    name: "a bad table",
    error: { code: "LEVEL_CORRUPTION", message: "Corruption: bad block type" },
    code: "STORE_CORRUPT",
  },
  {
    name: "a closed database",
    error: { code: "LEVEL_DATABASE_NOT_OPEN", message: "Database is not open" },
    code: "STORE_CLOSED",
  },
  {
    name: "a broken disk",
    error: { code: "LEVEL_IO_ERROR", message: "IO error: /d/000003.log: Input/output error" },
    code: "STORE_IO_FAILED",
  },
])("$name is $code", ({ error, code }) => {
  expect(levelError(Object.assign(new Error(error.message), { code: error.code }), "/d", "batch").code).toBe(code);
  const wrapped = Object.assign(new Error("Database failed to open"), {
    code: "LEVEL_DATABASE_NOT_OPEN",
    cause: Object.assign(new Error(error.message), { code: error.code }),
  });
  if (code !== "STORE_CLOSED") expect(levelError(wrapped, "/d", "open").code).toBe(code);
});
