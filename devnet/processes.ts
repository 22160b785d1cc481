import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, createWriteStream, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../node/main.ts", import.meta.url));

/** How long a node that is asked to stop may take before it is killed, in ms. */
const STOP_TIMEOUT_MS = 5_000;

/** USER_HZ of Linux. */
const TICKS_PER_SECOND = 100;

/** Pause before a node that died is started again, in ms. */
const RESTART_DELAY_MS = 500;

/** One node of the net as an operating-system process, started again whenever it dies until `stop` is called. */
export interface NodeProcess {
  readonly name: string;
  readonly home: string;
  readonly logFile: string;
  /** Process id of the running process, undefined between a death and the next start. */
  pid(): number | undefined;
  /** Times the process was started again after it died. */
  restarts(): number;
  /** Sends a signal to the running process; with `stayDown` it is not started again until `start` is called. */
  kill(signal: NodeJS.Signals, options?: { stayDown: boolean }): void;
  start(): void;
  /** How its lives ended, oldest first. */
  exits(): readonly NodeExit[];
  /**
   * What the kernel lets each of its files grow to from now on, in bytes, in its next lives too; undefined: no limit. Writes beyond it fail
   * like those on a full disk, with EFBIG in place of ENOSPC. A node that dies of it is not started again until `start` is called. Linux.
   */
  limitFiles(bytes: number | undefined): void;
  /** A message over the IPC channel. */
  send(message: string): void;
  stop(): Promise<void>;
}

export interface NodeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts `energy-ledger start --home HOME` on the Node.js that runs this program. The child keeps an IPC channel to us
 * and exits when it closes, so that even `kill -9` of the devnet leaves no process behind.
 */
export function startNodeProcess(options: {
  name: string;
  home: string;
  nodeFlags: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Its log goes through this process, so that a limit on the node's files does not end it. */
  pipeLog?: boolean;
}): NodeProcess {
  const logFile = join(options.home, "node.log");
  let child: ChildProcess | undefined;
  let stopping = false;
  let stayDown = false;
  let restarts = 0;
  let restartTimer: NodeJS.Timeout | undefined;
  let maxFileBytes: number | undefined;
  const exits: NodeExit[] = [];

  function start(): void {
    if (child !== undefined || stopping) return;
    clearTimeout(restartTimer);
    stayDown = false;
    const log = options.pipeLog === true ? "pipe" : openSync(logFile, "a");
    const command = [process.execPath, ...options.nodeFlags, MAIN, "start", "--home", options.home];
    const [file = "", ...args] =
      maxFileBytes === undefined ? command : ["prlimit", softLimit(maxFileBytes), ...command];
    const started = spawn(file, args, {
      stdio: ["ignore", log, log, "ipc"],
      env: { ...process.env, ...options.environment },
      // Ctrl-C in a terminal is for this process, which then asks the nodes for the last time; its own end ends them by the channel.
      detached: process.platform !== "win32",
    });
    if (typeof log === "number") closeSync(log);
    else {
      const written = createWriteStream(logFile, { flags: "a" });
      started.stdout?.pipe(written, { end: false });
      started.stderr?.pipe(written, { end: false });
      started.once("close", () => written.end());
    }
    child = started;
    started.once("exit", (code, signal) => {
      child = undefined;
      exits.push({ code, signal });
      if (stopping || stayDown || maxFileBytes !== undefined) return;
      restarts += 1;
      restartTimer = setTimeout(start, RESTART_DELAY_MS);
    });
  }

  async function stop(): Promise<void> {
    stopping = true;
    clearTimeout(restartTimer);
    const running = child;
    if (running === undefined) return;
    const gone = new Promise<void>((resolve) => running.once("exit", () => resolve()));
    running.kill("SIGTERM");
    const timer = setTimeout(() => running.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }

  start();
  return {
    name: options.name,
    home: options.home,
    logFile,
    pid: () => child?.pid,
    restarts: () => restarts,
    kill(signal, { stayDown: keepDown } = { stayDown: false }) {
      stayDown = keepDown;
      child?.kill(signal);
    },
    start,
    exits: () => exits,
    limitFiles(bytes) {
      maxFileBytes = bytes;
      if (child?.pid === undefined) return;
      const { status, stderr } = spawnSync("prlimit", [softLimit(bytes), "--pid", String(child.pid)]);
      if (status !== 0) throw new Error(`prlimit, of util-linux, is needed: ${stderr}`);
    },
    send: (message) => void child?.send(message),
    stop,
  };
}

/** Of the soft limit only: without it there is no way back. */
function softLimit(bytes: number | undefined): string {
  return `--fsize=${bytes ?? "unlimited"}:`;
}

/** Processor time a process has used so far, all threads, user and system, in seconds (/proc/PID/stat), or undefined where it cannot be read. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    // The name of the program, which may hold spaces, ends with the last bracket; fields 14 and 15 are utime and stime in ticks of 10 ms.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    const ticks = Number(fields[11]) + Number(fields[12]);
    return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : undefined;
  } catch {
    return undefined;
  }
}

/** Resident memory of a process in bytes (VmRSS of /proc/PID/status), or undefined where it cannot be read. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
