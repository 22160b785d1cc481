import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CID } from "multiformats/cid";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { openKey, readSealedKeyFile } from "#storage/crypto/seal.ts";
import { compareClosedMark } from "#storage/db/levelClosedMark.ts";
import { readLevelLog } from "#storage/db/levelLog.ts";
import { checkLevelTable } from "#storage/db/levelTable.ts";
import { formatSignRecord, parseSignRecord } from "#storage/db/signStateFile.ts";
import { StoreError } from "#storage/db/storeError.ts";
import { readWalSegment } from "#storage/db/walSegment.ts";
import { LedgerError } from "#storage/error.ts";
import { faultOfDeadLetters } from "#storage/offchain/deadLetterFile.ts";
import { faultOfQueueCursor } from "#storage/offchain/queueCursor.ts";
import { faultsOfSegment } from "#storage/offchain/readingLogSalvage.ts";
import { damagedChunk } from "../../abci/snapshots.ts";
import { readRecord } from "../../archive/archiveRecords.ts";
import { hasGoodChecksum } from "../../checkedJson.ts";
import { changedLine, HOME_FILES, HOME_SUMS_FILE, readHomeSums } from "../../homeSums.ts";

/** Where a file is not what was written. */
export interface FileFault {
  /** The damage is at this byte or behind it. */
  readonly offset: number;
  readonly reason: string;
}

/** What a file is, by its place in the home. */
export type FileKind =
  /** Undefined: nothing is wrong. The check reads the file, and whatever it needs beside it, from disk. */
  | { readonly kind: string; readonly check: (path: string) => Promise<FileFault | undefined> }
  /** Why nothing depends on its bytes. */
  | { readonly notData: string };

export interface KindOptions {
  readonly home: string;
  readonly passphrase: string;
}

/** Undefined: a file that nothing here knows. place: relative to the home, with slashes. */
export function fileKindOf({ home, passphrase }: KindOptions, place: string): FileKind | undefined {
  const name = basename(place);
  const [top = "", second = ""] = place.split("/");
  if (name.endsWith(".tmp") || name.endsWith(".part")) return { notData: "a write that a crash cut off" };
  if ((HOME_FILES as readonly string[]).includes(place))
    return { kind: place, check: (path) => checkHomeFile(home, place, path) };
  if (top === "keys") return { kind: "keys", check: (path) => checkKey(path, passphrase) };
  if (/^[^/]+\.log$/.test(place)) return { notData: "a log for people" };
  if (top === "cometbft") return { notData: "CometBFT's own, which it checks itself" };
  if (top !== "data") return undefined;
  if (place === `data/${HOME_SUMS_FILE}`) return { kind: "sums of the home's files", check: checkHomeSums };
  if (place === "data/priv_validator_state.json") return { kind: "sign state", check: checkSignState };
  if (place === "data/devices.json") return { kind: "device states", check: checkDevices };
  if (second === "stripped") return { notData: "program code, made anew when it is missing" };
  if (second === "wal") return walKind(name);
  if (second === "readings") return readingsKind(name);
  if (second === "forward") return forwardKind(name);
  if (second === "snapshots") return { kind: "snapshots", check: checkSnapshot };
  if (place.startsWith("data/archive/records/")) return { kind: "archive records", check: checkArchiveRecord };
  if (place.startsWith("data/archive/blocks/")) return { kind: "archive blocks", check: checkArchiveBlock };
  return levelKind(name);
}

function levelKind(name: string): FileKind | undefined {
  if (name === "LOG" || name === "LOG.old") return { notData: "LevelDB's diary for people; nothing reads it" };
  if (name === "LOCK") return { notData: "empty: the kernel's lock is on it" };
  if (/^\d+\.(ldb|sst)$/.test(name)) return { kind: "LevelDB tables", check: checkTable };
  if (/^\d+\.log$/.test(name)) return { kind: "LevelDB logs", check: checkLevelLog };
  if (/^MANIFEST-\d+$/.test(name)) return { kind: "LevelDB manifests", check: checkLevelLog };
  if (name === "CURRENT") return { kind: "LevelDB CURRENT", check: checkCurrent };
  if (name === "CLOSED.json") return { kind: "LevelDB marks of a close", check: checkClosed };
  return undefined;
}

function readingsKind(name: string): FileKind | undefined {
  if (name.endsWith(".readings")) return { kind: "reading log", check: checkSegment };
  if (name === "thinned.jsonl") return { kind: "notes of removed samples", check: checkNotes };
  if (/\.torn-\d+$/.test(name)) return { notData: "a write that a crash cut off, kept for people" };
  return undefined;
}

function forwardKind(name: string): FileKind | undefined {
  if (name.endsWith(".place"))
    return { kind: "places of the second tier", check: async (path) => faultOfQueueCursor(await readFile(path)) };
  if (name.endsWith(".dead-letters.txt"))
    return {
      kind: "dead letters",
      check: async (path) => faultOfDeadLetters(path, await readFile(path, "latin1")),
    };
  return undefined;
}

function walKind(name: string): FileKind | undefined {
  if (/^wal-\d{10}$/.test(name)) return { kind: "write-ahead log", check: checkWal };
  if (/^cut-\d+-\d+$/.test(name)) return { notData: "a write that a crash cut off, kept for people" };
  return undefined;
}

async function checkTable(path: string): Promise<FileFault | undefined> {
  return storeFault(async () => {
    checkLevelTable(path, await readFile(path));
    return undefined;
  });
}

/** A record that is not whole at the end is reported as well: a crash explains it, and only a mark of a close says that there was none. */
async function checkLevelLog(path: string): Promise<FileFault | undefined> {
  return storeFault(async () => {
    const bytes = await readFile(path);
    const { tornBytes } = readLevelLog(path, bytes);
    return tornBytes === 0 ? undefined : { offset: bytes.length - tornBytes, reason: "its last record is not whole" };
  });
}

async function checkCurrent(path: string): Promise<FileFault | undefined> {
  const manifest = /^(MANIFEST-\d{6,})\n$/.exec(await readFile(path, "latin1"))?.[1];
  const isThere = manifest !== undefined && existsSync(join(dirname(path), manifest));
  return isThere ? undefined : { offset: 0, reason: "it names no manifest that is here" };
}

/** The mark says which files there are and how long: what is wrong with it may as well be told of one of them. */
async function checkClosed(path: string): Promise<FileFault | undefined> {
  const fault = await storeFault(async () => {
    await compareClosedMark(dirname(path), []);
    return undefined;
  });
  return fault && { ...fault, offset: 0 };
}

async function storeFault(check: () => Promise<FileFault | undefined>): Promise<FileFault | undefined> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof StoreError) || error.details.code !== "STORE_CORRUPT") throw error;
    const { offset, reason, file } = error.details;
    return { offset, reason: `${basename(file)}: ${reason}` };
  }
}

async function checkSegment(path: string): Promise<FileFault | undefined> {
  return faultsOfSegment(await readFile(path), basename(path))[0];
}

async function checkNotes(path: string): Promise<FileFault | undefined> {
  let offset = 0;
  for (const line of (await readFile(path, "latin1")).split(/(?<=\n)/)) {
    const text = line.slice(0, -1);
    if (!line.endsWith("\n") || !isCheckedJson(Buffer.from(text, "latin1").toString("utf8")))
      return { offset, reason: "a line does not have its checksum" };
    offset += line.length;
  }
  return undefined;
}

async function checkDevices(path: string): Promise<FileFault | undefined> {
  const text = await readFile(path, "utf8");
  const isRight = text.endsWith("\n") && isCheckedJson(text.slice(0, -1), 1);
  return isRight ? undefined : { offset: 0, reason: "it does not have its checksum" };
}

function isCheckedJson(text: string, indent = 0): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return hasGoodChecksum(value) && JSON.stringify(value, null, indent) === text;
  } catch {
    return false;
  }
}

async function checkWal(path: string): Promise<FileFault | undefined> {
  const bytes = await readFile(path);
  const { end } = readWalSegment(bytes, Number(basename(path).slice("wal-".length)));
  return end === bytes.length ? undefined : { offset: end, reason: "a record does not have its checksum" };
}

async function checkSignState(path: string): Promise<FileFault | undefined> {
  try {
    const bytes = await readFile(path);
    const isAsWritten = formatSignRecord(parseSignRecord(path, bytes)) === bytes.toString("utf8");
    return isAsWritten ? undefined : { offset: 0, reason: "its text is not the one that is written" };
  } catch (error) {
    return codedFault(error);
  }
}

/** Keys opened once, by the checksum of their encrypted part. */
const opened = new Map<string, string>();

async function checkKey(path: string, passphrase: string): Promise<FileFault | undefined> {
  try {
    const text = await readFile(path, "utf8");
    const file = JSON.parse(text) as { version?: unknown; type?: unknown; publicKey?: unknown; sealed?: unknown };
    if (`${JSON.stringify(file, null, 2)}\n` !== text)
      return { offset: 0, reason: "its text is not the one that is written" };
    const sealed = readSealedKeyFile(file.sealed);
    const known = `${sealed.checksum} ${sealed.ciphertext} ${sealed.tag}`;
    const publicKey = opened.get(known) ?? hex(publicKeyOf(await openKey(sealed, passphrase)).bytes);
    opened.set(known, publicKey);
    const { sealed: _, version, type, publicKey: shown, ...others } = file;
    const isRight = version === 1 && type === sealed.type && shown === publicKey && Object.keys(others).length === 0;
    return isRight ? undefined : { offset: 0, reason: "what it shows is not what is encrypted" };
  } catch (error) {
    return error instanceof SyntaxError ? { offset: 0, reason: "it is not JSON" } : codedFault(error);
  }
}

async function checkHomeFile(home: string, place: string, path: string): Promise<FileFault | undefined> {
  const sums = readHomeSums(await readFile(join(home, "data", HOME_SUMS_FILE), "utf8").catch(() => ""));
  if (sums === "damaged") return { offset: 0, reason: "there are no checksums of it: start the node once" };
  const lines = sums[place];
  if (lines === undefined) return { offset: 0, reason: "it was not there when the node was started" };
  const changed = changedLine(await readFile(path), lines);
  return changed && { offset: changed.offset, reason: `line ${changed.line} is another than at the last start` };
}

async function checkHomeSums(path: string): Promise<FileFault | undefined> {
  const isDamaged = readHomeSums(await readFile(path, "utf8")) === "damaged";
  return isDamaged ? { offset: 0, reason: "it does not have its checksum" } : undefined;
}

/** path: of a chunk, or of the sums beside a snapshot. */
async function checkSnapshot(path: string): Promise<FileFault | undefined> {
  const isSums = path.endsWith(".sums.json");
  const folder = isSums ? path.slice(0, -".sums.json".length) : dirname(path);
  const sums = `${folder}.sums.json`;
  if (!existsSync(sums)) return { offset: 0, reason: "it was taken without checksums" };
  const names = (await readdir(folder)).sort((a, b) => Number(a) - Number(b));
  const hashes = await Promise.all(names.map(async (name) => sha256(await readFile(join(folder, name)))));
  const chunk = damagedChunk(sums, Buffer.concat(hashes));
  if (chunk === undefined) return undefined;
  const isThis = isSums ? chunk === -1 : chunk === Number(basename(path));
  return isThis ? { offset: 0, reason: "it does not have its checksum" } : undefined;
}

async function checkArchiveRecord(path: string): Promise<FileFault | undefined> {
  try {
    await readRecord(path);
    return undefined;
  } catch (error) {
    return codedFault(error);
  }
}

async function checkArchiveBlock(path: string): Promise<FileFault | undefined> {
  const isRight = Buffer.compare(sha256(await readFile(path)), CID.parse(basename(path)).multihash.digest) === 0;
  return isRight ? undefined : { offset: 0, reason: "it is not what its CID says" };
}

function codedFault(error: unknown): FileFault {
  if (error instanceof LedgerError) return { offset: 0, reason: error.message };
  throw error;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
