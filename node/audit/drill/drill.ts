import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { createRandom } from "#consensus/sim/random.ts";
import { type FileFault, type FileKind, fileKindOf } from "./fileKinds.ts";

export interface DrillOptions {
  /** A copy: it is changed, and changed back. */
  readonly home: string;
  readonly passphrase: string;
  readonly flips: number;
  readonly seed: number;
}

/** One byte that was changed. */
export interface Flip {
  readonly file: string;
  readonly offset: number;
  readonly mask: number;
}

export interface KindResult {
  readonly kind: string;
  readonly files: number;
  readonly bytes: number;
  flips: number;
  found: number;
  /** Found, and the offset that is named is at or before the byte that was changed. */
  located: number;
}

export interface DrillResult {
  readonly kinds: readonly KindResult[];
  /** Not found, or named behind where it is. */
  readonly missed: readonly (Flip & { readonly said: FileFault | undefined })[];
  /** Wrong before anything was flipped; they are left out. */
  readonly damaged: readonly (FileFault & { readonly file: string })[];
  /** Files whose bytes mean nothing, by reason. */
  readonly notData: readonly { readonly reason: string; readonly files: number; readonly example: string }[];
  /** Files that nothing here knows. */
  readonly unknown: readonly string[];
  readonly flips: number;
  readonly found: number;
  readonly located: number;
}

interface Target {
  readonly path: string;
  readonly place: string;
  readonly bytes: number;
  readonly check: Extract<FileKind, { kind: string }>["check"];
  readonly result: KindResult;
}

/**
 * Changes one byte of one file at a time, half of the time one bit of it, looks whether that kind of file's own check finds it, and changes it back. Every file
 * with data gets its share of the flips, the larger ones what is left over. The same seed flips the same bytes.
 */
export async function drill(
  options: DrillOptions,
  onFlip: (done: number) => void = () => undefined,
): Promise<DrillResult> {
  const { home, flips, seed } = options;
  const kinds = new Map<string, KindResult>();
  const notData = new Map<string, { reason: string; files: number; example: string }>();
  const targets: Target[] = [];
  const unknown: string[] = [];
  const damaged: (FileFault & { file: string })[] = [];
  for (const path of await filesIn(home)) {
    const place = relative(home, path).split(sep).join("/");
    const { size } = await stat(path);
    const kind = fileKindOf(options, place);
    if (kind === undefined || "notData" in kind || size === 0) {
      if (kind === undefined && size > 0) unknown.push(place);
      else {
        const reason = kind !== undefined && "notData" in kind ? kind.notData : "empty";
        const known = notData.get(reason) ?? { reason, files: 0, example: place };
        notData.set(reason, { ...known, files: known.files + 1 });
      }
      continue;
    }
    const fault = await kind.check(path);
    if (fault !== undefined) {
      damaged.push({ file: place, ...fault });
      continue;
    }
    const before = kinds.get(kind.kind) ?? { kind: kind.kind, files: 0, bytes: 0, flips: 0, found: 0, located: 0 };
    const result = { ...before, files: before.files + 1, bytes: before.bytes + size };
    kinds.set(kind.kind, result);
    targets.push({ path, place, bytes: size, check: kind.check, result });
  }

  const random = createRandom(seed);
  const missed: (Flip & { said: FileFault | undefined })[] = [];
  const bySize = targets.toSorted((a, b) => b.bytes - a.bytes);
  let done = 0;
  for (const [rank, target] of bySize.entries()) {
    const share = Math.floor(flips / bySize.length) + (rank < flips % bySize.length ? 1 : 0);
    const result = kinds.get(target.result.kind) as KindResult;
    for (let n = 0; n < share; n++) {
      const mask = random.chance(0.5) ? 1 << random.int(8) : 1 + random.int(255);
      const flip = { file: target.place, offset: random.int(target.bytes), mask };
      const said = await flipAndCheck(target, flip);
      const isLocated = said !== undefined && said.offset <= flip.offset;
      result.flips += 1;
      if (said !== undefined) result.found += 1;
      if (isLocated) result.located += 1;
      else missed.push({ ...flip, said });
      done += 1;
      onFlip(done);
    }
  }
  const sum = (of: (kind: KindResult) => number) => [...kinds.values()].reduce((total, kind) => total + of(kind), 0);
  return {
    kinds: [...kinds.values()].toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
    ...{ missed, damaged, unknown, notData: [...notData.values()], flips: sum((kind) => kind.flips) },
    ...{ found: sum((kind) => kind.found), located: sum((kind) => kind.located) },
  };
}

async function flipAndCheck(target: Target, { offset, mask }: Flip): Promise<FileFault | undefined> {
  const file = await open(target.path, "r+");
  try {
    await flipByte(file, offset, mask);
    try {
      return await target.check(target.path);
    } finally {
      await flipByte(file, offset, mask);
    }
  } finally {
    await file.close();
  }
}

async function flipByte(file: FileHandle, offset: number, mask: number): Promise<void> {
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0] = (byte[0] as number) ^ mask;
  await file.write(byte, 0, 1, offset);
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
