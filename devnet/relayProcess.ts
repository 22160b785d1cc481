import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT } from "./net.ts";

const MAIN = fileURLToPath(new URL("../node/main.ts", import.meta.url));
const STOP_TIMEOUT_MS = 5_000;

/** A relayer by itself: `energy-ledger bridge relay` as a process that can be killed and started again. */
export interface RelayProcess {
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: () => number | undefined;
  /** Nothing where it runs already. */
  readonly start: () => void;
  /** SIGKILL, and down until `start`; resolves once it is gone. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** It keeps an IPC channel to this process and ends when that closes: nothing is left behind, however this process ends. */
export function startRelayProcess(options: {
  readonly home: string;
  readonly key: string;
  readonly ethereumUrl: string;
}): RelayProcess {
  const { home, key, ethereumUrl } = options;
  const logFile = join(home, "relay.log");
  let child: ChildProcess | undefined;
  let gone = Promise.resolve();

  function start(): void {
    if (child !== undefined) return;
    const log = openSync(logFile, "a");
    const args = [MAIN, "bridge", "relay", "--ethereum", ethereumUrl, "--key", key, "--home", home, "--json"];
    const started = spawn(process.execPath, args, {
      stdio: ["ignore", log, log, "ipc"],
      env: { ...process.env, ...ENVIRONMENT },
      detached: process.platform !== "win32",
    });
    closeSync(log);
    child = started;
    gone = new Promise((resolve) => {
      started.once("exit", () => {
        child = undefined;
        resolve();
      });
    });
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    if (running === undefined) return;
    running.kill(signal);
    const timer = setTimeout(() => running.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }

  start();
  return { logFile, pid: () => child?.pid, start, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}
