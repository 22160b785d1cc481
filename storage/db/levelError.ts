import { corruptFile, diskFull, StoreError } from "./storeError.ts";

const LOCKED_NEXT = "Another node runs on this directory: stop it, or give this one a directory of its own.";

/** Turns what LevelDB or the file system threw into a StoreError; LevelDB tells a full disk only in its message. */
export function levelError(error: unknown, directory: string, operation: string): StoreError {
  if (error instanceof StoreError) return error;
  const chain: { code?: unknown; message?: unknown }[] = [];
  for (let each = error; typeof each === "object" && each !== null && chain.length < 8; each = (each as Error).cause)
    chain.push(each);
  const hasCode = (...codes: string[]) => chain.some((each) => codes.includes(String(each.code)));
  const reason = String(chain.at(-1)?.message ?? error);

  if (hasCode("LEVEL_LOCKED"))
    return new StoreError({ code: "STORE_LOCKED", directory, next: LOCKED_NEXT }, { cause: error });
  if (
    hasCode("ENOSPC", "EDQUOT", "EFBIG") ||
    /No space left on device|Disk quota exceeded|File too large/i.test(reason)
  )
    return diskFull(directory, error);
  if (hasCode("LEVEL_CORRUPTION") || /^Corruption:|^Invalid argument:/.test(reason))
    return corruptFile(directory, 0, reason, error);
  if (hasCode("LEVEL_DATABASE_NOT_OPEN", "LEVEL_ITERATOR_NOT_OPEN") && operation !== "open")
    return new StoreError({ code: "STORE_CLOSED" }, { cause: error });
  return new StoreError({ code: "STORE_IO_FAILED", path: directory, operation, reason }, { cause: error });
}
