import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { CID } from "multiformats/cid";
import type { ArchivePeriod } from "#storage/archive/archivePeriods.ts";
import { isMeterId } from "#storage/types/reading.ts";
import { hasGoodChecksum, withChecksum } from "../checkedJson.ts";
import { ArchiveStoreError } from "./archiveStoreError.ts";
import { writeFileDurably } from "./durableFile.ts";

/** What this node knows of one archive it made. It is written before the archive is sealed, so that no crash makes a second one. */
export interface LocalArchive extends ArchivePeriod {
  readonly meterId: string;
  /** From 1. */
  readonly version: number;
  readonly cid: string;
  readonly fileBytes: number;
  readonly readingCount: number;
  readonly erasedCount: number;
  /** SHA-256, hex. */
  readonly fileHash: string;
  readonly isEncrypted: boolean;
  /** URLs of IPFS nodes that have it pinned, and names of the systems that were given the readings. */
  readonly pinnedBy: readonly string[];
  readonly deliveredTo: readonly string[];
  /** Transaction on the ledger, with an empty id where another node sent it or this one died before it was told; absent until it is there. */
  readonly sealed?: { readonly txId: string; readonly height: number };
  /** Readings came, or were erased, since: it is to be made anew. */
  readonly isStale: boolean;
  /** The file is gone, because it had readings that were erased since. */
  readonly isRemoved: boolean;
}

const RECORD_FORMAT = "energy-ledger archive record 1";

/** Records as files, one folder per meter: other processes read them while the node runs. */
export interface ArchiveRecords {
  /** By meter, period and version; without a meter, all. @throws ArchiveStoreError ARCHIVE_RECORD_CORRUPT */
  list(meterId?: string): Promise<readonly LocalArchive[]>;
  /** Resolves when it is on disk, in place of the record of this meter, period and version. */
  save(archive: LocalArchive): Promise<void>;
  remove(archive: LocalArchive): Promise<void>;
}

export function openArchiveRecords(folder: string): ArchiveRecords {
  // A meter id has characters that file names have not.
  const folderOf = (meterId: string) =>
    join(folder, createHash("sha256").update(meterId, "latin1").digest("hex").slice(0, 32));
  const pathOf = ({ meterId, fromMs, untilMs, version }: LocalArchive) =>
    join(folderOf(meterId), `${fromMs}-${untilMs}-${version}.json`);

  async function read(directory: string): Promise<readonly LocalArchive[]> {
    const names = (await namesIn(directory)).filter((name) => name.endsWith(".json") && !name.startsWith("."));
    const archives = await Promise.all(names.map((name) => readRecord(join(directory, name))));
    return archives.sort((a, b) => a.fromMs - b.fromMs || a.untilMs - b.untilMs || a.version - b.version);
  }

  return {
    async list(meterId) {
      if (meterId !== undefined) return read(folderOf(meterId));
      const all: LocalArchive[] = [];
      for (const name of await namesIn(folder)) all.push(...(await read(join(folder, name))));
      return all.sort((a, b) => (a.meterId < b.meterId ? -1 : a.meterId > b.meterId ? 1 : 0));
    },
    save: (archive) =>
      writeFileDurably(pathOf(archive), Buffer.from(textOf(withChecksum({ format: RECORD_FORMAT, ...archive })))),
    remove: (archive) => rm(pathOf(archive), { force: true }),
  };
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function textOf(record: object): string {
  return `${JSON.stringify(record, null, 1)}\n`;
}

/** @throws ArchiveStoreError ARCHIVE_RECORD_CORRUPT */
export async function readRecord(file: string): Promise<LocalArchive> {
  const corrupt = (reason: string, cause?: unknown) =>
    new ArchiveStoreError({ code: "ARCHIVE_RECORD_CORRUPT", file, reason }, { cause });
  let value: Record<string, unknown>;
  let text: string;
  try {
    text = await readFile(file, "utf8");
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw corrupt((error as Error).message, error);
  }
  const fault = faultIn(value);
  if (fault !== undefined) throw corrupt(fault);
  if (!hasGoodChecksum(value) || textOf(value) !== text) throw corrupt("checksum");
  const { format: _format, checksum: _checksum, ...archive } = value as Record<string, unknown>;
  return archive as unknown as LocalArchive;
}

function faultIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "no record";
  const record = value as Record<string, unknown>;
  if (record.format !== RECORD_FORMAT) return "format";
  if (typeof record.meterId !== "string" || !isMeterId(record.meterId)) return "meterId";
  for (const name of ["fromMs", "untilMs", "version", "fileBytes", "readingCount", "erasedCount"])
    if (!Number.isSafeInteger(record[name]) || (record[name] as number) < 0) return name;
  for (const name of ["isEncrypted", "isStale", "isRemoved"]) if (typeof record[name] !== "boolean") return name;
  for (const name of ["pinnedBy", "deliveredTo"])
    if (!Array.isArray(record[name]) || record[name].some((each) => typeof each !== "string")) return name;
  if (typeof record.fileHash !== "string" || !/^[0-9a-f]{64}$/.test(record.fileHash)) return "fileHash";
  try {
    CID.parse(String(record.cid));
  } catch {
    return "cid";
  }
  const sealed = record.sealed as { txId?: unknown; height?: unknown } | undefined;
  if (sealed !== undefined && (typeof sealed?.txId !== "string" || !Number.isSafeInteger(sealed.height)))
    return "sealed";
  return undefined;
}
