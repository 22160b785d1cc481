import { type ErrorDetails, LedgerError } from "../error.ts";

/** What can go wrong with bytes at rest. `next` says what the operator can do about it. */
export type StoreErrorDetails =
  /** The store was closed before, or while, this was asked of it. */
  | { readonly code: "STORE_CLOSED" }
  /** Another process holds the database directory. */
  | { readonly code: "STORE_LOCKED"; readonly directory: string; readonly next: string }
  /** A database file does not hold what was written to it; `offset` is in bytes from the start of the file. */
  | {
      readonly code: "STORE_CORRUPT";
      readonly file: string;
      readonly offset: number;
      readonly reason: string;
      readonly next: string;
    }
  /** The value under `key` (hex, without its bucket byte) fails its checksum or its decoder. */
  | { readonly code: "STORE_VALUE_CORRUPT"; readonly bucket: string; readonly key: string; readonly reason: string }
  /** A value that other stored values say must be there is not. */
  | { readonly code: "STORE_VALUE_MISSING"; readonly bucket: string; readonly key: string }
  | { readonly code: "STORE_DISK_FULL"; readonly path: string; readonly next: string }
  | { readonly code: "STORE_IO_FAILED"; readonly path: string; readonly operation: string; readonly reason: string }
  | { readonly code: "STORE_FILE_MISSING"; readonly path: string }
  /** An earlier write failed, so that what is on disk is unknown until the store has been opened anew. */
  | { readonly code: "STORE_FAILED"; readonly path: string; readonly earlier: string }
  | { readonly code: "STORE_KEY_TOO_LONG"; readonly bytes: number; readonly maxBytes: number }
  | { readonly code: "STORE_VALUE_TOO_LONG"; readonly bytes: number; readonly maxBytes: number };

export class StoreError extends LedgerError<StoreErrorDetails & ErrorDetails> {}

const DISK_FULL_NEXT = "Free space on this disk, then start the node again: nothing acknowledged was lost.";
const CORRUPT_NEXT =
  "Keep a copy of the directory, restore it from a backup or delete it, and start the node: it fetches the blocks from its peers.";

export function diskFull(path: string, cause?: unknown): StoreError {
  return new StoreError({ code: "STORE_DISK_FULL", path, next: DISK_FULL_NEXT }, { cause });
}

export function corruptFile(file: string, offset: number, reason: string, cause?: unknown): StoreError {
  return new StoreError({ code: "STORE_CORRUPT", file, offset, reason, next: CORRUPT_NEXT }, { cause });
}
