import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const CHILD = fileURLToPath(new URL("edge.testChild.ts", import.meta.url));
/** A reading a second, for an hour of the meter's time: four intervals of a quarter. */
const READINGS = 3600;
const DAY_S = 86_400;
const INTERVAL_MS = 900_000;

/** Bytes that the kernel was given to write to disk on behalf of the process, whole pages (Linux). */
function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** gathered: readings that one sync makes durable. As many are sent at once, and the next when these are acknowledged. */
test.each([
  [1, "log"],
  [10, "log"],
  [60, "log"],
  [1, "embedded"],
  [10, "embedded"],
  [60, "embedded"],
])(
  "bytes written a day by one series with a reading a second, %i readings a sync, readingStore %s",
  async (gathered, readingStore) => {
    const home = mkdtempSync(join(tmpdir(), "edge-writes-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const child = spawn(process.execPath, [CHILD, home, "0", String(INTERVAL_MS), readingStore], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const pid = child.pid as number;
    let [sent, acknowledged] = [0, 0];
    let before = 0;
    const done = Promise.withResolvers<void>();
    const send = (): void => {
      let lines = "";
      for (let i = 0; i < gathered; i++) {
        sent += 1;
        lines += `${sent * 1000} ${1_000_000 + sent * 300}\n`;
      }
      child.stdin.write(lines);
    };
    createInterface({ input: child.stdout }).on("line", () => {
      acknowledged += 1;
      if (acknowledged === gathered) before = writtenBytes(pid);
      if (acknowledged === READINGS + gathered) done.resolve();
      else if (acknowledged === sent) send();
    });
    send();
    await done.promise;
    const bytes = writtenBytes(pid) - before;
    child.kill("SIGKILL");
    await once(child, "close");
    const mbPerDay = ((bytes / READINGS) * DAY_S) / 1e6;
    process.stdout.write(
      `${readingStore}, ${gathered} a sync: ${(bytes / READINGS).toFixed(0)} bytes a reading, ${mbPerDay.toFixed(0)} MB a day\n`,
    );
    expect(acknowledged).toBe(READINGS + gathered);
  },
);
