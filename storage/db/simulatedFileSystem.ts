import { LedgerError } from "../error.ts";
import type { AppendFile, FileSystem } from "./fileSystem.ts";
import { SECTOR_BYTES } from "./sectors.ts";
import { diskFull, StoreError } from "./storeError.ts";

/** Thrown out of the operation at which the simulated machine stops. Nothing works afterwards until `restart`. */
export class SimulatedCrash extends LedgerError<{ readonly code: "SIMULATED_CRASH"; readonly effect: number }> {}

/** Where within an operation the machine stops: before it, in its middle (half of an append is written), or after it. */
export type CrashPoint = "before" | "during" | "after";

export interface SimulatedFileSystem extends FileSystem {
  /** Operations so far that changed something or synced it. */
  readonly effects: number;
  /** Stops the machine at effect number `effect`, counted from 1 for the next one. */
  crashAt(effect: number, point: CrashPoint): void;
  /**
   * Starts the machine again; files opened before are gone.
   * "kill": the process died, everything it wrote is there. "power": what was not synced is there, torn, or lost, as `random` says.
   * Answers what was lost.
   */
  restart(after: "kill" | "power"): DiskLoss;
  /** Lets the next `sync` or `syncDirectory` fail, and with it everything since the last good one be lost. */
  failNextSync(): void;
  /** Bytes that all files together may have; more is STORE_DISK_FULL, after the part that fits. */
  setCapacity(bytes: number): void;
  /** Lets all files together grow by `bytes` from what they have now. */
  setRoom(bytes: number): void;
  /** What a power cut now would surely leave of a file; undefined when its name is not on disk. */
  durable(path: string): Uint8Array | undefined;
  /** Changes bits of a file at rest. */
  flip(path: string, offset: number, mask: number): void;
}

/** What a restart took: changes of names, and files that lost unsynced bytes, wholly or leaving a part or a hole. */
export interface DiskLoss {
  readonly names: number;
  readonly lostFiles: number;
  readonly tornFiles: number;
}

const NOTHING_LOST: DiskLoss = { names: 0, lostFiles: 0, tornFiles: 0 };

/** A file's bytes: as programs see them, and as they are on disk. */
interface Inode {
  content: Uint8Array;
  durable: Uint8Array;
}

/** Creation, rename or removal within a directory that is not on disk yet. */
interface NameChange {
  readonly directory: string;
  apply(names: Map<string, Inode>): void;
}

/**
 * A disk in memory that loses what a real one may lose: unsynced bytes, partly or wholly, in any sector; names whose directory was not
 * synced, from some change on, as a journal does. random: numbers in [0, 1), the only source of chance. Directories need no sync of
 * their own; paths are compared as they are written.
 */
export function createSimulatedFileSystem(options: { readonly random: () => number }): SimulatedFileSystem {
  const { random } = options;
  let names = new Map<string, Inode>();
  let durableNames = new Map<string, Inode>();
  let pending: NameChange[] = [];
  let effects = 0;
  let life = 0;
  let isDown = false;
  let crash: { effect: number; point: CrashPoint } | undefined;
  let isNextSyncBad = false;
  let capacityBytes = Number.POSITIVE_INFINITY;

  function stop(): never {
    isDown = true;
    crash = undefined;
    throw new SimulatedCrash({ code: "SIMULATED_CRASH", effect: effects });
  }

  /** Runs one effect, unless the machine stops before it, in it, or after it. */
  function effect(run: () => void, runHalf: () => void = () => undefined): void {
    checkUp();
    effects++;
    const point = crash?.effect === effects ? crash.point : undefined;
    if (point === "before") stop();
    if (point === "during") {
      runHalf();
      stop();
    }
    run();
    if (point === "after") stop();
  }

  function checkUp(): void {
    if (isDown) throw new SimulatedCrash({ code: "SIMULATED_CRASH", effect: effects });
  }

  function find(path: string): Inode {
    checkUp();
    const inode = names.get(path);
    if (inode === undefined) throw new StoreError({ code: "STORE_FILE_MISSING", path });
    return inode;
  }

  function changeName(path: string, apply: NameChange["apply"]): void {
    apply(names);
    pending.push({ directory: directoryOf(path), apply });
  }

  function usedBytes(): number {
    let bytes = 0;
    for (const inode of new Set(names.values())) bytes += inode.content.length;
    return bytes;
  }

  function failSync(path: string, operation: string): void {
    if (!isNextSyncBad) return;
    isNextSyncBad = false;
    throw new StoreError({ code: "STORE_IO_FAILED", path, operation, reason: "the simulated disk failed" });
  }

  function appendTo(path: string, inode: Inode, bytes: Uint8Array): void {
    const room = Math.max(0, capacityBytes - usedBytes());
    inode.content = concat(inode.content, bytes.subarray(0, room));
    if (bytes.length > room) throw diskFull(path);
  }

  return {
    get effects() {
      return effects;
    },

    open(path, mode): AppendFile {
      checkUp();
      const known = names.get(path);
      const inode = known ?? { content: new Uint8Array(0), durable: new Uint8Array(0) };
      if (known === undefined) effect(() => changeName(path, (all) => all.set(path, inode)));
      else if (mode === "create")
        effect(() => {
          inode.content = new Uint8Array(0);
        });
      const born = life;
      const checkLife = () => {
        if (born !== life) throw new StoreError({ code: "STORE_CLOSED" });
      };
      return {
        append(bytes) {
          checkLife();
          effect(
            () => appendTo(path, inode, bytes),
            () => appendTo(path, inode, bytes.subarray(0, bytes.length >> 1)),
          );
        },
        sync() {
          checkLife();
          effect(() => {
            if (isNextSyncBad) inode.content = inode.durable;
            failSync(path, "sync");
            inode.durable = inode.content;
          });
        },
        close: checkLife,
      };
    },

    read: (path) => find(path).content.slice(),

    size(path) {
      checkUp();
      return names.get(path)?.content.length;
    },

    truncate(path, bytes) {
      const inode = find(path);
      effect(() => {
        inode.content = inode.content.slice(0, bytes);
        inode.durable = inode.content;
      });
    },

    rename(from, to) {
      const inode = find(from);
      effect(() =>
        changeName(to, (all) => {
          all.delete(from);
          all.set(to, inode);
        }),
      );
    },

    remove(path) {
      find(path);
      effect(() => changeName(path, (all) => all.delete(path)));
    },

    makeDirectory: checkUp,

    list(path) {
      checkUp();
      const prefix = `${path}/`;
      return [...names.keys()]
        .filter((name) => directoryOf(name) === path)
        .map((name) => name.slice(prefix.length))
        .sort();
    },

    syncDirectory(path) {
      effect(() => {
        failSync(path, "syncDirectory");
        for (const change of pending) if (change.directory === path) change.apply(durableNames);
        pending = pending.filter((change) => change.directory !== path);
      });
    },

    crashAt(next, point) {
      crash = { effect: effects + next, point };
    },

    restart(after) {
      life++;
      isDown = false;
      crash = undefined;
      if (after === "kill") return NOTHING_LOST;
      const surviving = Math.floor(random() * (pending.length + 1));
      for (const change of pending.slice(0, surviving)) change.apply(durableNames);
      const loss = { names: pending.length - surviving, lostFiles: 0, tornFiles: 0 };
      pending = [];
      names = new Map(durableNames);
      durableNames = new Map(durableNames);
      for (const inode of new Set(names.values())) {
        const { content, durable } = inode;
        inode.content = tear(inode, random);
        inode.durable = inode.content;
        if (inode.content === content) continue;
        if (inode.content === durable) loss.lostFiles += 1;
        else loss.tornFiles += 1;
      }
      return loss;
    },

    failNextSync() {
      isNextSyncBad = true;
    },

    setCapacity(bytes) {
      capacityBytes = bytes;
    },

    setRoom(bytes) {
      capacityBytes = usedBytes() + bytes;
    },

    durable: (path) => durableNames.get(path)?.durable,

    flip(path, offset, mask) {
      const inode = find(path);
      const isDurable = inode.durable === inode.content;
      inode.content = inode.content.slice();
      inode.content[offset] = (inode.content[offset] as number) ^ mask;
      if (isDurable) inode.durable = inode.content;
    },
  };
}

/** What power loss leaves of a file: of the unsynced bytes all, none, a part, or a part with sectors that were never written. */
function tear(inode: Inode, random: () => number): Uint8Array {
  const { content, durable } = inode;
  if (content === durable) return content;
  const isGrown = content.length >= durable.length && durable.every((byte, index) => content[index] === byte);
  if (!isGrown) return random() < 0.5 ? durable : content;
  const kind = random();
  if (kind < 0.25) return durable;
  if (kind < 0.5) return content;
  const length = durable.length + Math.floor(random() * (content.length - durable.length + 1));
  const torn = content.slice(0, length);
  if (kind < 0.75) return torn;
  for (let sector = Math.ceil(durable.length / SECTOR_BYTES); sector * SECTOR_BYTES < length; sector++)
    if (random() < 0.5) torn.fill(0, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
  return torn;
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
