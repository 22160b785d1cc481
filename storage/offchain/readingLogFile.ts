import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** The part of a file that the log writes with. Behind a write and a `datasync` its bytes are on disk. */
export interface ReadingLogFile {
  write(bytes: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

const { O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = constants;

/**
 * Opens a segment for writing, "wx" a new one. On Linux with O_DSYNC: a write returns when it is on disk, as if fdatasync had followed (open(2)), and
 * an append goes to a thread of the pool and back once instead of twice, which is what an acknowledgement waits for on a busy machine. Elsewhere
 * with fdatasync: macOS has the flag and does not empty the drive's cache for it.
 */
export async function openLogFile(path: string, flags: "wx" | "r+"): Promise<ReadingLogFile> {
  if (process.platform !== "linux") return open(path, flags);
  const file: FileHandle = await open(path, O_RDWR | O_DSYNC | (flags === "wx" ? O_CREAT | O_EXCL : 0));
  return {
    write: (bytes, offset, length, position) => file.write(bytes, offset, length, position),
    datasync: () => Promise.resolve(),
    close: () => file.close(),
  };
}
