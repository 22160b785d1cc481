import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ServiceError } from "./serviceError.ts";

/** A program of others that runs in a process group of its own, so that what it starts ends with it. */
export interface ServiceProcess {
  readonly pid: number;
  /** The end of what it said. */
  log(): string;
  isRunning(): boolean;
  /** Ends the group at once and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to end, and ends it when it has not after 20 s. */
  stop(): Promise<void>;
}

export interface ServiceCommand {
  readonly what: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it says when it is ready; without it, it is ready when it runs. */
  readonly readyWhen?: RegExp;
  /** TCP port where it listens when it is ready: some say so a moment before. */
  readonly port?: number;
  /** Of that port. Default 127.0.0.1. */
  readonly host?: string;
}

const LOG_CHARS = 20_000;
const STOP_MS = 20_000;
const LOOK_MS = 50;

/** @throws ServiceError SERVICE_START_FAILED with the end of its log, SERVICE_TOOL_NOT_FOUND */
export async function startService(command: ServiceCommand): Promise<ServiceProcess> {
  const { what, program, args, cwd, env, readyWhen } = command;
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  const ready = Promise.withResolvers<void>();
  const listen = (chunk: Buffer): void => {
    log = (log + chunk.toString("utf8")).slice(-LOG_CHARS);
    if (readyWhen?.test(log)) ready.resolve();
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  child.once("error", (error: NodeJS.ErrnoException) => {
    const hint = `it is needed to run ${what}`;
    if (error.code === "ENOENT")
      ready.reject(new ServiceError({ code: "SERVICE_TOOL_NOT_FOUND", tool: program, hint }));
    else ready.reject(error);
  });
  child.once("spawn", () => {
    if (readyWhen === undefined) ready.resolve();
  });
  child.once("exit", () => {
    const reason = log.split("\n").filter(Boolean).slice(-8).join(" | ");
    ready.reject(new ServiceError({ code: "SERVICE_START_FAILED", what, reason }));
  });
  await ready.promise;
  const service = overProcess(child, () => log);
  const { port, host = "127.0.0.1" } = command;
  while (port !== undefined && service.isRunning() && !(await accepts(port, host))) await delay(LOOK_MS);
  return service;
}

function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function overProcess(child: ChildProcess, log: () => string): ServiceProcess {
  const pid = child.pid as number;
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const exited = once(child, "exit");
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };
  const kill = async (): Promise<void> => {
    signal("SIGKILL");
    if (isRunning()) await exited;
  };
  return {
    pid,
    log,
    isRunning,
    kill,
    async stop() {
      if (!isRunning()) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => signal("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(timer);
      // What it may have left behind in its group.
      signal("SIGKILL");
    },
  };
}
