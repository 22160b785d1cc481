import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { headerView, nodeView } from "./observe.ts";
import { prepareNet } from "./prepare.ts";

const MAIN = fileURLToPath(new URL("../node/main.ts", import.meta.url));
const TIMEOUT_MS = 60_000;

/**
 * What the kernel lets a file grow to, in blocks of 512 bytes. Writes beyond it fail like those on a full disk, with EFBIG in place of ENOSPC:
 * a full disk needs rights that a test does not have.
 */
const LIMIT_BLOCKS = 400;

test(
  "a validator whose files can grow no further stops with the reason, loses nothing, and goes on when there is room",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "energy-full-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const net = await prepareNet({ directory, validators: 1, full: 0, light: 0, households: 0, dataFile: undefined });
    const [validator] = net.nodes;
    if (validator === undefined) throw new Error("no validator");
    const config = join(validator.home, "config.json");
    const options = JSON.parse(readFileSync(config, "utf8")) as object;
    writeFileSync(config, JSON.stringify({ ...options, createEmptyBlocks: true, timeoutCommitMs: 1 }));

    const run = (prefix: string) => {
      const command = `${prefix} exec "$0" "$@"`;
      const child = spawn("sh", ["-c", command, process.execPath, MAIN, "start", "--home", validator.home], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      let log = "";
      child.stderr.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      return { child, ended, log: () => log };
    };
    const heightsIn = (log: string) =>
      [...log.matchAll(/"height":(\d+),[^\n]*"Committed block"/g)].map(([, h]) => Number(h));

    // Ignoring SIGXFSZ makes the write fail instead of ending the process.
    const limited = run(`trap '' XFSZ; ulimit -f ${LIMIT_BLOCKS};`);
    expect(await limited.ended).toBe(1);
    expect(limited.log()).toMatch(/STORE_DISK_FULL/);
    const committed = Math.max(...heightsIn(limited.log()));
    expect(committed).toBeGreaterThan(3);

    const free = run("");
    for (;;) {
      const height = (await nodeView(validator.apiUrl))?.height ?? 0;
      if (height > committed + 3) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const next = await headerView(validator.apiUrl, committed + 1);
    const line = limited
      .log()
      .split("\n")
      .find((text) => text.includes(`"height":${committed},`) && text.includes('"hash"'));
    expect(line?.toLowerCase()).toContain(next?.lastBlockId.hash.toLowerCase() ?? "none");
    free.child.kill("SIGTERM");
    expect(await free.ended).toBe(0);
    expect(free.log()).not.toMatch(/STORE_CORRUPT|DOUBLE_SIGN/);
  },
  TIMEOUT_MS,
);
