import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { crc32c } from "#storage/db/crc32c.ts";
import { writeFileDurably } from "./archive/durableFile.ts";
import { hasGoodChecksum, withChecksum } from "./checkedJson.ts";

/** Files that people write and no checksum guards. Whoever changes one starts the node again, which takes note of it. */
export const HOME_FILES = ["config.json", "genesis.json", "meters.json"] as const;

/** In the data folder: of each of HOME_FILES the checksums of its lines, as they were when the node was last started. */
export const HOME_SUMS_FILE = "home.sums.json";

/** Checksums by line, crc32c in hex. */
export type HomeSums = Readonly<Record<string, readonly string[]>>;

export interface ChangedFile {
  readonly file: string;
  /** Of the first line that is another, from 1, and where it begins. */
  readonly line: number;
  readonly offset: number;
}

/** Says what changed since the last start, and takes note of how the files are now. */
export async function noteHomeFiles(home: string, data: string, log: Logger): Promise<void> {
  const path = join(data, HOME_SUMS_FILE);
  const before = existsSync(path) ? readHomeSums(readFileSync(path, "utf8")) : undefined;
  if (before === "damaged") log.warn({ path }, "The checksums of the home's files were damaged");
  const known = before === "damaged" ? undefined : before;
  for (const { file, line } of known === undefined ? [] : changedFiles(home, known))
    log.info({ file, line }, "A file of the home was changed since the last start");
  const sums: Record<string, readonly string[]> = {};
  for (const file of HOME_FILES) if (existsSync(join(home, file))) sums[file] = sumsOf(readFileSync(join(home, file)));
  if (JSON.stringify(known) === JSON.stringify(sums)) return;
  await writeFileDurably(path, Buffer.from(formatHomeSums(sums)));
}

/** Undefined: its text is not the one that was written. */
export function readHomeSums(text: string): HomeSums | "damaged" {
  try {
    const value: unknown = JSON.parse(text);
    if (!hasGoodChecksum(value) || formatChecked(value) !== text) return "damaged";
    const { checksum: _, ...sums } = value;
    return sums as HomeSums;
  } catch {
    return "damaged";
  }
}

export function changedFiles(home: string, sums: HomeSums): readonly ChangedFile[] {
  return Object.entries(sums).flatMap(([file, lines]): ChangedFile[] => {
    const path = join(home, file);
    const changed = changedLine(existsSync(path) ? readFileSync(path) : Buffer.alloc(0), lines);
    return changed === undefined ? [] : [{ file, ...changed }];
  });
}

/** The first line that has another checksum. */
export function changedLine(
  bytes: Uint8Array,
  lines: readonly string[],
): { readonly line: number; readonly offset: number } | undefined {
  const now = linesOf(bytes);
  const at = lines.findIndex((sum, index) => sumOf(now[index]?.bytes) !== sum);
  const index = at >= 0 ? at : now.length > lines.length ? lines.length : -1;
  return index < 0 ? undefined : { line: index + 1, offset: now[index]?.offset ?? bytes.length };
}

function formatHomeSums(sums: HomeSums): string {
  return formatChecked(withChecksum(sums));
}

function formatChecked(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function sumsOf(bytes: Uint8Array): readonly string[] {
  return linesOf(bytes).map((line) => sumOf(line.bytes) ?? "");
}

/** With their line feeds. */
function linesOf(bytes: Uint8Array): readonly { readonly offset: number; readonly bytes: Uint8Array }[] {
  const lines: { offset: number; bytes: Uint8Array }[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const feed = bytes.indexOf(0x0a, offset);
    const end = feed < 0 ? bytes.length : feed + 1;
    lines.push({ offset, bytes: bytes.subarray(offset, end) });
    offset = end;
  }
  return lines;
}

function sumOf(line: Uint8Array | undefined): string | undefined {
  return line && crc32c(line).toString(16).padStart(8, "0");
}
