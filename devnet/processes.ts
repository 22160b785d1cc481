import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
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
  /** A message over the IPC channel. */
  send(message: string): void;
  stop(): Promise<void>;
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
}): NodeProcess {
  const logFile = join(options.home, "node.log");
  let child: ChildProcess | undefined;
  let stopping = false;
  let stayDown = false;
  let restarts = 0;
  let restartTimer: NodeJS.Timeout | undefined;

  function start(): void {
    if (child !== undefined || stopping) return;
    stayDown = false;
    const log = openSync(logFile, "a");
    const started = spawn(process.execPath, [...options.nodeFlags, MAIN, "start", "--home", options.home], {
      stdio: ["ignore", log, log, "ipc"],
      env: { ...process.env, ...options.environment },
    });
    child = started;
    started.once("exit", () => {
      child = undefined;
      if (stopping || stayDown) return;
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
    send: (message) => void child?.send(message),
    stop,
  };
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
