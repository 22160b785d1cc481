import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { openLogFile, type ReadingLogFile } from "#storage/offchain/readingLogFile.ts";

/** Bytes written one behind the other before the probe starts at the front of a new file, as a segment of the log would be. */
const FILE_BYTES = 16 * 1024 * 1024;

/** Milliseconds that each write and fdatasync of so many bytes takes at the end of a file of this folder, for so long. */
export async function probeFsync(directory: string, batchBytes: number, seconds: number): Promise<number[]> {
  const path = join(directory, "probe");
  const bytes = Buffer.alloc(batchBytes, 0x5a);
  const samples: number[] = [];
  const endsMs = performance.now() + seconds * 1000;
  let file = await open(path, "w");
  try {
    for (let at = 0; performance.now() < endsMs; at += batchBytes) {
      if (at > FILE_BYTES) {
        await file.close();
        file = await open(path, "w");
        at = 0;
      }
      const beganMs = performance.now();
      await file.write(bytes, 0, batchBytes, at);
      await file.datasync();
      samples.push(performance.now() - beganMs);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return samples;
}

/** What a log wrote and how long each of its batches took, write and fdatasync, as this process saw it. */
export interface WrittenBatches {
  bytes: number;
  readonly milliseconds: number[];
}

/** The log's own files, watched: in the time of a batch is also how long this busy process needed to hear that the disk was ready. */
export function watchFiles(written: WrittenBatches): (path: string, flags: "wx" | "r+") => Promise<ReadingLogFile> {
  return async (path, flags) => {
    const file = await openLogFile(path, flags);
    let beganMs: number | undefined;
    return {
      write(bytes, offset, length, position) {
        beganMs ??= performance.now();
        written.bytes += length;
        return file.write(bytes, offset, length, position);
      },
      async datasync() {
        await file.datasync();
        if (beganMs !== undefined) written.milliseconds.push(performance.now() - beganMs);
        beganMs = undefined;
      },
      close: () => file.close(),
    };
  };
}
