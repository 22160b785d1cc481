import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { readLevelLog } from "./levelLog.ts";
import { checkLevelTable } from "./levelTable.ts";
import { corruptFile } from "./storeError.ts";

/** Tables checked at once, 2 MiB each. */
const TABLES_AT_ONCE = 4;

export interface LevelCheck {
  /** False for a directory without a database: one will be made. */
  readonly exists: boolean;
  /** Name and bytes of the unfinished writes a crash left at the end of logs. */
  readonly torn: readonly { readonly file: string; readonly bytes: number }[];
}

/**
 * Checks the files of a LevelDB directory before LevelDB opens them, because opening changes them and forgives too much: a missing CURRENT
 * makes it start an empty database, a bad log record is skipped, a bad table block is read as it is.
 * Reads every byte: the checksum runs at about 750 MiB/s (x64, `storage.bench.ts` has the whole), so a start takes longer by that.
 * (a) CURRENT names a manifest, (b) the manifest is whole, (c) every table it lists is there with its size, (d) each block of each
 * table has its checksum, (e) the log it names is there, (f) all log records are whole, and their sequence numbers have no gap.
 * @throws StoreError STORE_CORRUPT
 */
export async function checkLevelDirectory(directory: string): Promise<LevelCheck> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const present = new Set(names);
  const at = (name: string) => join(directory, name);
  if (!present.has("CURRENT")) {
    const left = names.find((name) => /^(MANIFEST-\d+|\d+\.(log|ldb|sst))$/.test(name));
    // LevelDB writes the first manifest before CURRENT: a crash in between leaves that and nothing of ours.
    if (left !== undefined && left !== "MANIFEST-000001") throw corruptFile(at("CURRENT"), 0, "the file is missing");
    return { exists: false, torn: [] };
  }

  const current = (await readFile(at("CURRENT"))).toString("latin1");
  const manifestName = /^(MANIFEST-\d{6,})\n$/.exec(current)?.[1];
  if (manifestName === undefined || !present.has(manifestName))
    throw corruptFile(at("CURRENT"), 0, "it names no manifest that is here");

  const manifestFile = at(manifestName);
  const manifest = readLevelLog(manifestFile, await readFile(manifestFile));
  if (manifest.records.length === 0) throw corruptFile(manifestFile, 0, "the manifest is empty");
  const version = { logNumber: 0, lastSequence: 0, tables: new Map<number, number>() };
  for (const record of manifest.records) applyVersionEdit(manifestFile, record.offset, record.payload, version);

  const tables = [...version.tables];
  for (let start = 0; start < tables.length; start += TABLES_AT_ONCE)
    await Promise.all(
      tables.slice(start, start + TABLES_AT_ONCE).map(([number, bytes]) => {
        const stem = number.toString().padStart(6, "0");
        return checkTable(at(present.has(`${stem}.sst`) ? `${stem}.sst` : `${stem}.ldb`), bytes);
      }),
    );

  const torn = manifest.tornBytes > 0 ? [{ file: manifestName, bytes: manifest.tornBytes }] : [];
  const logNumbers = names
    .map((name) => Number(/^(\d+)\.log$/.exec(name)?.[1] ?? Number.NaN))
    .filter((number) => number >= version.logNumber)
    .sort((a, b) => a - b);
  const logName = (number: number) => `${number.toString().padStart(6, "0")}.log`;
  if (logNumbers[0] !== version.logNumber) throw corruptFile(at(logName(version.logNumber)), 0, "the log is missing");
  let nextSequence: number | undefined;
  for (const number of logNumbers) {
    const file = at(logName(number));
    const log = readLevelLog(file, await readFile(file));
    for (const record of log.records) {
      const { sequence, count } = batchHeader(file, record.offset, record.payload);
      // Batches in tables are older than those in the log; within the logs each batch goes on where the one before ended.
      if (nextSequence !== undefined ? sequence !== nextSequence : sequence > version.lastSequence + 1)
        throw corruptFile(file, record.offset, `a batch is missing before sequence number ${sequence}`);
      nextSequence = sequence + count;
    }
    if (log.tornBytes > 0) torn.push({ file: logName(number), bytes: log.tornBytes });
  }
  return { exists: true, torn };
}

async function checkTable(file: string, bytes: number): Promise<void> {
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined) throw corruptFile(file, 0, "the table is missing");
  if (facts.size !== bytes) throw corruptFile(file, Math.min(bytes, facts.size), `it should have ${bytes} bytes`);
  checkLevelTable(file, await readFile(file));
}

/** A write batch starts with the sequence number of its first operation (8) and their number (4), little-endian. */
function batchHeader(file: string, offset: number, payload: Uint8Array): { sequence: number; count: number } {
  if (payload.length < 12) throw corruptFile(file, offset, "a batch is shorter than its header");
  const view = new DataView(payload.buffer, payload.byteOffset);
  return { sequence: view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32, count: view.getUint32(8, true) };
}

interface Version {
  logNumber: number;
  lastSequence: number;
  readonly tables: Map<number, number>;
}

/** One record of the manifest (leveldb db/version_edit.cc): tagged numbers, keys, and files added and deleted. */
function applyVersionEdit(file: string, offset: number, edit: Uint8Array, version: Version): void {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = edit[at++];
      if (byte === undefined) throw corruptFile(file, offset, "a manifest record ends early");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw corruptFile(file, offset, "a manifest record has a number that is too long");
  };
  const skipBytes = () => {
    const length = varint();
    at += length;
    if (at > edit.length) throw corruptFile(file, offset, "a manifest record ends early");
  };
  while (at < edit.length) {
    const tag = varint();
    if (tag === 1)
      skipBytes(); // comparator
    else if (tag === 2) version.logNumber = varint();
    else if (tag === 3 || tag === 9)
      varint(); // next file number; previous log number, always 0 today
    else if (tag === 4) version.lastSequence = varint();
    else if (tag === 5) {
      varint(); // compaction pointer: level and key
      skipBytes();
    } else if (tag === 6) {
      varint(); // level
      version.tables.delete(varint());
    } else if (tag === 7) {
      varint(); // level
      const number = varint();
      version.tables.set(number, varint());
      skipBytes(); // smallest key
      skipBytes(); // largest key
    } else throw corruptFile(file, offset, `a manifest record has an unknown field ${tag}`);
  }
}
