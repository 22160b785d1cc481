import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLevelStore } from "./levelStore.ts";
import { StoreError } from "./storeError.ts";

/**
 * A database with everything LevelDB makes: tables compressed and not, a log with records, a manifest. Each case damages a copy and then
 * reads all of it back: the answer is the very bytes that were written, or an error with a code, never something else.
 */
const ENTRIES = 400;
const RANGE = { gte: Uint8Array.of(0x20), lt: Uint8Array.of(0x21) };
let root: string;
let original: string;
let logOnly: string;
let cases = 0;

const keyAt = (index: number) => Uint8Array.of(0x20, index >> 8, index & 0xff);
/** Half of the values compress and half do not. */
function valueAt(index: number): Uint8Array {
  let state = index + 1;
  return Uint8Array.from({ length: 120 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return index % 2 === 0 ? state >>> 24 : index & 0xff;
  });
}

async function writeEntries(directory: string, from: number, to: number): Promise<void> {
  const store = await openLevelStore(directory);
  for (let start = from; start < to; start += 20)
    await store.batch(
      Array.from({ length: Math.min(20, to - start) }, (_, index) => ({
        type: "put" as const,
        key: keyAt(start + index),
        value: valueAt(start + index),
      })),
      { sync: start + 20 >= to },
    );
  await store.close();
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ledger-damage-"));
  original = join(root, "original");
  await mkdir(original);
  // Opening again moves the log into a table; the last entries stay in the log.
  await writeEntries(original, 0, 200);
  await writeEntries(original, 200, 350);
  await writeEntries(original, 350, ENTRIES);
  logOnly = join(root, "logOnly");
  await mkdir(logOnly);
  await writeEntries(logOnly, 0, ENTRIES);
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Damage {
  readonly from?: string;
  readonly file: string;
  /** A crash leaves no mark of a clean close. */
  readonly afterCrash?: boolean;
  readonly change: (path: string, bytes: Buffer) => Promise<unknown>;
}

/** The code that opening or reading reports, "same" for exactly the bytes written, "prefix" for the first of them only. */
async function outcomeOf(damage: Damage): Promise<string> {
  const directory = join(root, `case-${cases++}`);
  await cp(damage.from ?? original, directory, { recursive: true });
  if (damage.afterCrash === true) await rm(join(directory, "CLOSED.json"));
  const path = join(directory, damage.file);
  await damage.change(path, await readFile(path));
  try {
    return await readAll(directory);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.code;
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function readAll(directory: string): Promise<"same" | "prefix"> {
  const store = await openLevelStore(directory);
  try {
    let next = 0;
    for await (const [key, value] of store.iterate(RANGE)) {
      expect(key).toEqual(keyAt(next));
      expect(value).toEqual(valueAt(next));
      expect(await store.get(key)).toEqual(value);
      next++;
    }
    return next === ENTRIES ? "same" : "prefix";
  } finally {
    await store.close();
  }
}

const flip =
  (offset: number, mask = 0x01) =>
  async (path: string, bytes: Buffer) => {
    bytes[offset] = (bytes[offset] as number) ^ mask;
    await writeFile(path, bytes);
  };

async function filesOf(directory: string, pattern: RegExp): Promise<{ file: string; bytes: number }[]> {
  const names = (await readdir(directory)).filter((name) => pattern.test(name));
  return Promise.all(names.map(async (file) => ({ file, bytes: (await readFile(join(directory, file))).length })));
}

test("the undamaged database reads back, and has tables, a log and a manifest", async () => {
  expect(await outcomeOf({ file: "CURRENT", change: async () => undefined })).toBe("same");
  expect((await filesOf(original, /ldb$/)).length).toBeGreaterThan(0);
  expect((await filesOf(original, /log$/)).some(({ bytes }) => bytes > 0)).toBe(true);
});

test("a flipped bit anywhere in the database's files is reported", async () => {
  for (const { file, bytes } of await filesOf(original, /^(CURRENT|CLOSED.json|MANIFEST-.*|.*\.(ldb|log))$/)) {
    const step = Math.max(1, Math.floor(bytes / 25));
    for (let offset = 0; offset < bytes; offset += step) {
      const outcome = await outcomeOf({ file, change: flip(offset, 1 << (offset % 8)) });
      expect(`${file}@${offset}: ${outcome}`).toBe(`${file}@${offset}: STORE_CORRUPT`);
    }
  }
}, 20_000);

test("a flipped bit in the log is reported after a crash too", async () => {
  const [log] = await filesOf(logOnly, /log$/);
  if (log === undefined) throw new Error("no log");
  for (let offset = 0; offset < log.bytes; offset += Math.floor(log.bytes / 25)) {
    const outcome = await outcomeOf({ from: logOnly, file: log.file, afterCrash: true, change: flip(offset, 0x10) });
    expect(`${offset}: ${outcome}`).toBe(`${offset}: STORE_CORRUPT`);
  }
  // Every header of the first records: a wrong length must not pass for the end of the file.
  for (let offset = 0; offset < 7; offset++)
    expect(await outcomeOf({ from: logOnly, file: log.file, afterCrash: true, change: flip(offset, 0x80) })).toBe(
      "STORE_CORRUPT",
    );
}, 20_000);

test("a file cut short after a clean close is reported", async () => {
  for (const { file, bytes } of await filesOf(original, /^(CURRENT|CLOSED.json|MANIFEST-.*|.*\.(ldb|log))$/))
    for (const length of new Set([0, 1, bytes >> 1, bytes - 1])) {
      if (length === bytes) continue;
      const outcome = await outcomeOf({ file, change: (path) => truncate(path, length) });
      expect(`${file} to ${length}: ${outcome}`).toBe(`${file} to ${length}: STORE_CORRUPT`);
    }
}, 20_000);

test("a log cut short by a crash gives the batches before the cut", async () => {
  const [log] = await filesOf(logOnly, /log$/);
  if (log === undefined) throw new Error("no log");
  const outcomes = new Set<string>();
  for (let length = 0; length <= log.bytes; length += Math.floor(log.bytes / 25))
    outcomes.add(
      await outcomeOf({ from: logOnly, file: log.file, afterCrash: true, change: (path) => truncate(path, length) }),
    );
  expect([...outcomes]).toEqual(["prefix"]);
});

test("a log whose end a power loss left as zeros gives the batches before it, and says what was dropped", async () => {
  const [log] = await filesOf(logOnly, /log$/);
  if (log === undefined) throw new Error("no log");
  const directory = join(root, "zeros");
  await cp(logOnly, directory, { recursive: true });
  await rm(join(directory, "CLOSED.json"));
  const path = join(directory, log.file);
  await writeFile(path, (await readFile(path)).fill(0, Math.floor(log.bytes / 2 / 512) * 512));
  const store = await openLevelStore(directory);
  expect(store.torn).toEqual([{ file: log.file, bytes: expect.any(Number) }]);
  await store.close();
  expect(await readAll(directory)).toBe("prefix");
});

test("a file that is gone is reported, not replaced by an empty database", async () => {
  for (const { file } of await filesOf(original, /^(CURRENT|MANIFEST-.*|.*\.(ldb|log))$/)) {
    for (const afterCrash of [false, true])
      expect(`${file}: ${await outcomeOf({ file, afterCrash, change: (path) => rm(path) })}`).toBe(
        `${file}: STORE_CORRUPT`,
      );
  }
});

test("a value that changed where LevelDB's own checksums are right is reported with its bucket and key", async () => {
  const directory = join(root, "frame");
  await copyDirectory(original, directory);
  const raw = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: "view", valueEncoding: "view" });
  const framed = Uint8Array.from((await raw.get(keyAt(7))) as Uint8Array);
  framed[20] = (framed[20] as number) ^ 1;
  await raw.put(keyAt(7), framed);
  await raw.put(keyAt(8), (await raw.get(keyAt(9))) as Uint8Array);
  await raw.close();
  await rm(join(directory, "CLOSED.json"));
  const store = await openLevelStore(directory);
  for (const index of [7, 8])
    await expect(store.get(keyAt(index))).rejects.toMatchObject({
      code: "STORE_VALUE_CORRUPT",
      details: { bucket: "appState", key: `000${index}` },
    });
  expect(await store.get(keyAt(9))).toEqual(valueAt(9));
  await store.close();
});

async function copyDirectory(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true }))
    if (entry.isFile()) await copyFile(join(from, entry.name), join(to, entry.name));
}
