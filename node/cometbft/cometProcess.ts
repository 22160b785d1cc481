import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { CometError } from "./cometError.ts";
import { removeUnbornDatabases } from "./unbornDatabases.ts";

/** Pause before CometBFT is started again, in ms: doubled with every failure in a row up to the second number. */
const RESTART_DELAYS_MS = [250, 8_000] as const;

/** A CometBFT that ran this long has not failed in a row, in ms. */
const STEADY_MS = 30_000;

/** Failures in a row after which an operator has to look. */
const MAX_FAILURES = 8;

/** How long CometBFT may take to end when asked, in ms. */
const STOP_TIMEOUT_MS = 10_000;

export interface CometProcess {
  pid(): number | undefined;
  /** Times it was started again after it ended by itself. */
  restarts(): number;
  stop(): Promise<void>;
}

/**
 * Runs CometBFT as a child and starts it again when it ends: it does so by itself whenever the ABCI connection breaks
 * (proxy/multi_app_conn.go), and never reconnects. One that an earlier, killed node has left behind is ended first.
 */
export function superviseComet(
  options: {
    readonly binary: string;
    readonly directory: string;
    /** The first pause before a restart, and the longest. */
    readonly restartDelaysMs?: readonly [number, number];
  },
  ports: { readonly log: Logger; onStarting(): void; onFatal(error: unknown): void },
): CometProcess {
  const { binary, directory, restartDelaysMs = RESTART_DELAYS_MS } = options;
  const { log } = ports;
  const pidFile = join(directory, "cometbft.pid");
  let child: ChildProcess | undefined;
  let failures = 0;
  let restarts = 0;
  let isStopped = false;
  let lastWords = "";
  const stopping = new AbortController();

  async function run(): Promise<void> {
    await endLeftover(pidFile, directory, log);
    while (!isStopped) {
      ports.onStarting();
      const unborn = removeUnbornDatabases(directory);
      if (unborn.length > 0) log.warn({ unborn }, "CometBFT was killed before it had made these: it makes them anew");
      const startedMs = performance.now();
      const code = await runOnce();
      rmSync(pidFile, { force: true });
      if (isStopped) return;
      restarts += 1;
      failures = performance.now() - startedMs > STEADY_MS ? 1 : failures + 1;
      if (failures >= MAX_FAILURES)
        throw new CometError({ code: "COMETBFT_KEEPS_FAILING", times: failures, lastWords });
      const [first, most] = restartDelaysMs;
      const pauseMs = Math.min(most, first * 2 ** (failures - 1));
      log.warn({ code, lastWords, pauseMs }, "CometBFT has ended and is started again");
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  function runOnce(): Promise<string> {
    return new Promise((resolve, reject) => {
      const started = spawn(binary, ["start", "--home", directory], {
        cwd: directory,
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      if (started.pid !== undefined) writeFileSync(pidFile, String(started.pid));
      for (const stream of [started.stdout, started.stderr])
        createInterface({ input: stream }).on("line", (line) => {
          const { level, text, facts } = readLine(line);
          if (level !== "debug") lastWords = text;
          log[level](facts, text);
        });
      started.once("error", (error: NodeJS.ErrnoException) => {
        child = undefined;
        const hint = "go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25, or name it with --cometbft-binary";
        reject(error.code === "ENOENT" ? new CometError({ code: "COMETBFT_NOT_FOUND", binary, hint }) : error);
      });
      started.once("exit", (code, signal) => {
        child = undefined;
        resolve(signal ?? String(code));
      });
    });
  }

  const running = run().catch((error) => {
    if (!isStopped) ports.onFatal(error);
  });

  return {
    pid: () => child?.pid,
    restarts: () => restarts,
    async stop() {
      isStopped = true;
      stopping.abort();
      const last = child;
      if (last !== undefined) {
        last.kill("SIGTERM");
        const timer = setTimeout(() => last.kill("SIGKILL"), STOP_TIMEOUT_MS);
        await new Promise((resolve) => last.once("exit", resolve));
        clearTimeout(timer);
      }
      await running;
    },
  };
}

/** CometBFT's own line, as JSON or as it came. Its errors about peers are none of this node. */
function readLine(line: string): { level: "debug" | "info" | "error"; text: string; facts: object } {
  try {
    const { level, _msg: text, ts: _ts, ...facts } = JSON.parse(line) as Record<string, unknown>;
    return { level: level === "error" ? "error" : "debug", text: `CometBFT: ${String(text)}`, facts };
  } catch {
    return { level: "info", text: `CometBFT: ${line}`, facts: {} };
  }
}

/** Ends the CometBFT that runs on this directory without its node. */
async function endLeftover(pidFile: string, directory: string, log: Logger): Promise<void> {
  const pid = Number(readOr(pidFile, ""));
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const isOurs = () => readOr(`/proc/${pid}/cmdline`, "").includes(directory);
  if (!isOurs()) return;
  log.warn({ pid }, "A CometBFT of an earlier start is still there and is ended");
  process.kill(pid, "SIGTERM");
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isOurs()) {
    if (performance.now() > deadline) process.kill(pid, "SIGKILL");
    await delay(50);
  }
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}
