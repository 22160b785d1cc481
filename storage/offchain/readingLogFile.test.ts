import { constants, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLogFile } from "./readingLogFile.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "log-file-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Flags that the kernel has for an open file of this process (proc(5): fdinfo, octal); 0 where there is no /proc. */
function kernelFlags(path: string): number {
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== path) continue;
    } catch {
      continue;
    }
    return Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0", 8);
  }
  return 0;
}

test.runIf(process.platform === "linux")(
  "each write of a segment, new or opened again, is on disk when it returns",
  async () => {
    const path = join(directory, "segment");
    for (const flags of ["wx", "r+"] as const) {
      const file = await openLogFile(path, flags);
      expect(kernelFlags(path) & constants.O_DSYNC).toBe(constants.O_DSYNC);
      await file.close();
    }
  },
);

test("a new segment is never an old one, and an old one is neither emptied nor made", async () => {
  const path = join(directory, "segment");
  await expect(openLogFile(path, "r+")).rejects.toMatchObject({ code: "ENOENT" });
  const first = await openLogFile(path, "wx");
  await first.write(Buffer.from("abcdef"), 1, 4, 0);
  await first.datasync();
  await first.close();
  await expect(openLogFile(path, "wx")).rejects.toMatchObject({ code: "EEXIST" });
  const again = await openLogFile(path, "r+");
  await again.write(Buffer.from("xy"), 0, 2, 2);
  await again.close();
  expect(readFileSync(path, "latin1")).toBe("bcxy");
});
