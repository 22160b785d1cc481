import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { diskFull, StoreError } from "./storeError.ts";

/**
 * The few file operations whose order decides what survives a crash: the write-ahead log and the sign state use nothing else, so that the
 * simulator can put a disk of its own in their place (simulatedFileSystem.ts).
 *
 * Calls are synchronous. A signature may leave only after its record is on disk, so there is nothing to do meanwhile, and a call that
 * waits in the thread pool would queue behind LevelDB's work there.
 *
 * Every call @throws StoreError STORE_DISK_FULL, STORE_IO_FAILED; those on a file that must exist also STORE_FILE_MISSING.
 */
export interface FileSystem {
  /** Opens for appending; `create` makes an empty file, or empties one that is there. */
  open(path: string, mode: "append" | "create"): AppendFile;
  read(path: string): Uint8Array;
  /** Bytes of a file; undefined when there is none. */
  size(path: string): number | undefined;
  /** Cuts a file to `bytes` and syncs it. */
  truncate(path: string, bytes: number): void;
  /** Replaces `to` if there is one. Survives a crash only after `syncDirectory`. */
  rename(from: string, to: string): void;
  /** Survives a crash only after `syncDirectory`. */
  remove(path: string): void;
  /** Makes the directory and those above it; no error when it is there. */
  makeDirectory(path: string): void;
  /** Names of the files in a directory, sorted. */
  list(path: string): readonly string[];
  /** Puts creations, renames and removals within the directory on disk. */
  syncDirectory(path: string): void;
}

export interface AppendFile {
  /** Writes at the end. When it throws, a part of the bytes may have been written. */
  append(bytes: Uint8Array): void;
  /** Puts everything appended on disk. After a failed sync nothing is known of it, and trying again proves nothing. */
  sync(): void;
  close(): void;
}

/** The file system of this machine. */
export const NODE_FILE_SYSTEM: FileSystem = {
  open(path, mode) {
    const descriptor = attempt("open", path, () => openSync(path, mode === "append" ? "a" : "w"));
    return {
      append: (bytes) =>
        attempt("append", path, () => {
          for (let written = 0; written < bytes.length; )
            written += writeSync(descriptor, bytes, written, bytes.length - written);
        }),
      sync: () => attempt("sync", path, () => fdatasyncSync(descriptor)),
      close: () => attempt("close", path, () => closeSync(descriptor)),
    };
  },

  read: (path) => attempt("read", path, () => readFileSync(path)),

  size: (path) => attempt("size", path, () => statSync(path, { throwIfNoEntry: false })?.size),

  truncate: (path, bytes) =>
    attempt("truncate", path, () => {
      const descriptor = openSync(path, "r+");
      try {
        ftruncateSync(descriptor, bytes);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }),

  rename: (from, to) => attempt("rename", from, () => renameSync(from, to)),

  remove: (path) => attempt("remove", path, () => unlinkSync(path)),

  makeDirectory: (path) => attempt("makeDirectory", path, () => void mkdirSync(path, { recursive: true })),

  list: (path) => attempt("list", path, () => readdirSync(path).sort()),

  syncDirectory: (path) =>
    attempt("syncDirectory", path, () => {
      const descriptor = openSync(path, "r");
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }),
};

/** Runs a file operation; what it throws becomes a StoreError. */
function attempt<Result>(operation: string, path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") throw diskFull(path, error);
    if (code === "ENOENT") throw new StoreError({ code: "STORE_FILE_MISSING", path }, { cause: error });
    throw new StoreError({ code: "STORE_IO_FAILED", path, operation, reason: message }, { cause: error });
  }
}
