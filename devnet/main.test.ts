import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The command as a person gives it, with everything that it starts. */
const TIMEOUT_MS = 180_000;
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const SMALL = ["--nodes", "2", "--full", "0", "--light", "0"];

interface Devnet {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Until the text is there. */
  readonly shows: (text: RegExp) => Promise<void>;
}

function startDevnet(...args: readonly string[]): Devnet {
  const child = spawn(process.execPath, [MAIN, ...SMALL, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, as a shell gives it.
    detached: true,
  });
  let output = "";
  const waiting: { readonly text: RegExp; readonly resolve: () => void }[] = [];
  const take = (chunk: string) => {
    output += chunk;
    for (const { text, resolve } of waiting) if (text.test(output)) resolve();
  };
  child.stdout?.setEncoding("utf8").on("data", take);
  child.stderr?.setEncoding("utf8").on("data", take);
  return {
    child,
    output: () => output,
    shows: (text) => new Promise((resolve) => void (text.test(output) ? resolve() : waiting.push({ text, resolve }))),
  };
}

/** That nobody answers at any address which the devnet has shown. */
async function expectNothingLeft(output: string): Promise<void> {
  const urls = new Set(output.match(/http:\/\/127\.0\.0\.1:\d+/g));
  // At least REST and RPC of two validators, and Ethereum.
  expect(urls.size).toBeGreaterThanOrEqual(5);
  for (const url of urls) await expect.poll(() => isAnswering(url), { timeout: 30_000 }).toBe(false);
}

async function isAnswering(url: string): Promise<boolean> {
  try {
    await fetch(url);
    return true;
  } catch {
    return false;
  }
}

/** A terminal tells the whole process group. */
function pressCtrlC({ pid = 0 }: ChildProcess): void {
  process.kill(-pid, "SIGINT");
}

test("Ctrl-C ends a devnet and everything it has started", { timeout: TIMEOUT_MS }, async () => {
  const { child, output, shows } = startDevnet();
  await shows(/Ethereum http:\S+ {2}block \d+, anchored to block \d+ by 1 anchors/);
  pressCtrlC(child);
  const [code] = (await once(child, "close")) as [number | null];
  expect([code, output()]).toEqual([0, expect.stringContaining("every node holds the same chain")]);
  await expectNothingLeft(output());
});

test("a devnet that is killed -9 leaves nothing running", { timeout: TIMEOUT_MS }, async () => {
  // What is killed removes no files either.
  const directory = mkdtempSync(join(tmpdir(), "energy-devnet-main-"));
  const { child, output, shows } = startDevnet("--keep", directory);
  await shows(/validator1 +[1-9]/);
  await shows(/Ethereum http/);
  child.kill("SIGKILL");
  await once(child, "exit");
  await expectNothingLeft(output());
  rmSync(directory, { recursive: true, force: true });
});

test("without Ethereum nothing is shown of it", { timeout: TIMEOUT_MS }, async () => {
  const { child, output, shows } = startDevnet("--no-ethereum");
  // Both have blocks to compare at the end.
  await shows(/validator0 +(?:[3-9]|\d\d)/);
  await shows(/validator1 +(?:[3-9]|\d\d)/);
  pressCtrlC(child);
  const [code] = (await once(child, "close")) as [number | null];
  expect([code, output()]).toEqual([0, expect.not.stringContaining("Ethereum")]);
});

test("a given Ethereum node needs a key", async () => {
  const { child, output } = startDevnet("--ethereum", "http://127.0.0.1:1");
  const [code] = (await once(child, "close")) as [number | null];
  expect([code, output()]).toEqual([1, expect.stringContaining("--ethereum needs --ethereum-key")]);
});

test("an Ethereum node that is not there ends it, with what to do", async () => {
  const directory = mkdtempSync(join(tmpdir(), "energy-devnet-main-"));
  const key = join(directory, "key");
  writeFileSync(key, "01".repeat(32));
  const { child, output } = startDevnet("--ethereum", "http://127.0.0.1:1", "--ethereum-key", key);
  const [code] = (await once(child, "close")) as [number | null];
  rmSync(directory, { recursive: true });
  expect([code, output()]).toEqual([1, expect.stringContaining("EVM_UNREACHABLE")]);
  expect(output()).toContain("--no-ethereum");
});
