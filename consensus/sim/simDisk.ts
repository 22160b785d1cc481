import type { AppendFile, FileSystem } from "#storage/db/fileSystem.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { createSimulatedFileSystem, SimulatedCrash } from "#storage/db/simulatedFileSystem.ts";
import type { Store } from "#storage/db/store.ts";
import { diskFull, StoreError } from "#storage/db/storeError.ts";
import type { EffectCounter } from "./effects.ts";
import type { Random } from "./random.ts";

const CRASH_EFFECTS = { before: "crashBefore", during: "crashDuring", after: "crashAfter" } as const;

/** Thrown out of whatever a dead node was doing. */
export class Died extends Error {}

type CrashPoint = "before" | "during" | "after";

/** What one life of a node sees of its disk; everything throws `Died` once that life is over. */
export interface DiskOfLife {
  readonly files: FileSystem;
  readonly store: Store;
}

/** The disk of one node over all its lives: files that can be torn, and a store whose batches are atomic. */
export interface SimDisk {
  /** The machine starts (again). */
  open(): DiskOfLife;
  /** The node dies at its `effect`-th effect from now on, counted from 1; 0: at once. */
  arm(effect: number, point: CrashPoint): void;
  /** Sending a message is an effect too. False when the node has died of it, before the message left. */
  countSend(): boolean;
  /** The machine stops: "kill" keeps what was written, "power" only what was synced, and of the rest what chance leaves. */
  stop(loss: "kill" | "power"): void;
  fill(roomBytes: number): void;
  free(): void;
  failNextSync(): void;
  /** What a power cut now would surely leave of a file. */
  durable(path: string): Uint8Array | undefined;
}

/** onBatch: a batch is on disk, whether or not its writer lives to know it. */
export function createSimDisk(
  random: Random,
  effectCounter: EffectCounter,
  onCrash: () => void,
  onBatch: () => void,
): SimDisk {
  const inner = createSimulatedFileSystem({ random: () => random.next() });
  const chain = createMemoryStore();
  let life = 0;
  /** Effects that are no file operations; files count their own. */
  let otherEffects = 0;
  let target: { at: number; point: CrashPoint } | undefined;
  let isFull = false;
  let isStoreSyncBad = false;

  const effects = () => inner.effects + otherEffects;

  function crash(point: CrashPoint): void {
    target = undefined;
    effectCounter.count(CRASH_EFFECTS[point]);
    onCrash();
  }

  function die(point: CrashPoint): never {
    crash(point);
    throw new Died();
  }

  /** Notes what a full or failing disk did. */
  function noteFailure(error: unknown): void {
    if (!(error instanceof StoreError)) return;
    if (error.code === "STORE_DISK_FULL") effectCounter.count("diskRefused");
    else if (error.code === "STORE_IO_FAILED") effectCounter.count("syncFailed");
  }

  /** Files count alone; before each of their operations they are told where the next crash is. */
  function guard<T>(own: number, run: () => T): T {
    if (own !== life) throw new Died();
    if (target !== undefined) inner.crashAt(Math.max(1, target.at - effects()), target.point);
    try {
      return run();
    } catch (error) {
      if (error instanceof SimulatedCrash) die(target?.point ?? "before");
      noteFailure(error);
      throw error;
    }
  }

  function filesOf(own: number): FileSystem {
    const guarded = <T>(run: () => T) => guard(own, run);
    return {
      open(path, mode): AppendFile {
        const file = guarded(() => inner.open(path, mode));
        return {
          append: (bytes) => guarded(() => file.append(bytes)),
          sync: () => guarded(() => file.sync()),
          close: () => guarded(() => file.close()),
        };
      },
      read: (path) => guarded(() => inner.read(path)),
      size: (path) => guarded(() => inner.size(path)),
      truncate: (path, bytes) => guarded(() => inner.truncate(path, bytes)),
      rename: (from, to) => guarded(() => inner.rename(from, to)),
      remove: (path) => guarded(() => inner.remove(path)),
      makeDirectory: (path) => guarded(() => inner.makeDirectory(path)),
      list: (path) => guarded(() => inner.list(path)),
      syncDirectory: (path) => guarded(() => inner.syncDirectory(path)),
    };
  }

  function storeOf(own: number): Store {
    let failure: string | undefined;
    const check = () => {
      if (own !== life) throw new Died();
    };
    return {
      async get(key) {
        check();
        return chain.get(key);
      },
      async batch(operations, options) {
        check();
        if (failure !== undefined) throw new StoreError({ code: "STORE_FAILED", path: "ledger", earlier: failure });
        otherEffects++;
        const point = target !== undefined && effects() >= target.at ? target.point : undefined;
        // A batch is there wholly or not at all.
        if (point === "before" || (point === "during" && random.chance(0.5))) die(point);
        if (isFull || isStoreSyncBad) {
          isStoreSyncBad = false;
          const error = isFull
            ? diskFull("ledger")
            : new StoreError({ code: "STORE_IO_FAILED", path: "ledger", operation: "sync", reason: "simulated" });
          failure = error.message;
          noteFailure(error);
          throw error;
        }
        await chain.batch(operations, options);
        onBatch();
        if (point !== undefined) die(point);
      },
      iterate(range) {
        check();
        return chain.iterate(range);
      },
      sizeBytes: () => chain.sizeBytes(),
      close: async () => undefined,
    };
  }

  return {
    open() {
      life++;
      return { files: filesOf(life), store: storeOf(life) };
    },
    arm(effect, point) {
      if (effect <= 0) crash(point);
      else target = { at: effects() + effect, point };
    },
    countSend() {
      otherEffects++;
      if (target === undefined || effects() < target.at) return true;
      crash("before");
      return false;
    },
    stop(loss) {
      life++;
      target = undefined;
      const { names, lostFiles, tornFiles } = inner.restart(loss);
      effectCounter.count("nameLost", names);
      effectCounter.count("bytesLost", lostFiles);
      effectCounter.count("fileTorn", tornFiles);
    },
    fill(roomBytes) {
      inner.setRoom(roomBytes);
      isFull = true;
    },
    free() {
      inner.setRoom(Number.POSITIVE_INFINITY);
      isFull = false;
    },
    failNextSync() {
      if (random.chance(0.3)) isStoreSyncBad = true;
      else inner.failNextSync();
    },
    durable: (path) => inner.durable(path),
  };
}
