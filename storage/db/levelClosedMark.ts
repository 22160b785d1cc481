import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { corruptFile } from "./storeError.ts";

/**
 * A file that a clean close leaves: the database's files and their sizes. After a crash a log may end early, and what it lacks was never
 * acknowledged; after a clean close it may not, and only this file tells the two apart.
 */
const FILE_NAME = "CLOSED.json";
const DATABASE_FILE = /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb|sst))$/;

/** Called when the database is closed. Where it cannot be written, the next start takes this close for a crash, which is safe. */
export async function writeClosedMark(directory: string): Promise<void> {
  const file = join(directory, FILE_NAME);
  try {
    const handle = await open(`${file}.tmp`, "w");
    try {
      await handle.writeFile(JSON.stringify({ files: await databaseFiles(directory) }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.tmp`, file);
    await syncDirectory(directory);
  } catch {
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** Unfinished writes at the end of logs (levelCheck.ts). */
type Torn = readonly { readonly file: string; readonly bytes: number }[];

/** As compareClosedMark; removes the mark before the database changes. @throws StoreError STORE_CORRUPT */
export async function checkClosedMark(directory: string, torn: Torn): Promise<void> {
  if (!(await compareClosedMark(directory, torn))) return;
  await rm(join(directory, FILE_NAME));
  await syncDirectory(directory);
}

/**
 * Compares the directory with the mark of the last close; false without one.
 * @throws StoreError STORE_CORRUPT when a file has another size than at the close, or a log is unfinished in spite of it
 */
export async function compareClosedMark(directory: string, torn: Torn): Promise<boolean> {
  const file = join(directory, FILE_NAME);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return false;
  const marked = parseMark(file, text);
  const present = await databaseFiles(directory);
  for (const name of new Set([...Object.keys(marked), ...Object.keys(present)])) {
    if (marked[name] !== present[name])
      throw corruptFile(
        join(directory, name),
        Math.min(marked[name] ?? 0, present[name] ?? 0),
        `the node closed it with ${marked[name] ?? "no"} bytes, it has ${present[name] ?? "none"}`,
      );
  }
  for (const each of torn)
    throw corruptFile(
      join(directory, each.file),
      (present[each.file] ?? 0) - each.bytes,
      "its last record is not whole",
    );
  return true;
}

function parseMark(file: string, text: string): Record<string, unknown> & Record<string, number> {
  try {
    const { files } = JSON.parse(text);
    if (typeof files === "object" && files !== null) return files;
  } catch {
    // as below
  }
  throw corruptFile(file, 0, "it is not the JSON that a close writes");
}

async function databaseFiles(directory: string): Promise<Record<string, number>> {
  const names = (await readdir(directory)).filter((name) => DATABASE_FILE.test(name)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await stat(join(directory, name))).size] as const)),
  );
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
