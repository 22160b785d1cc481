import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { EvmError } from "./evmError.ts";

export interface AnvilOptions {
  /** Seconds between blocks, fractions too. Absent: a block for each transaction, for tests that wait for every receipt; see `startAnvil`. */
  readonly blockSeconds?: number;
  readonly chainId?: number;
  readonly hardfork?: string;
  /** Of one block. */
  readonly gasLimit?: number;
  /** Accounts with 10 000 ether whose keys everybody knows. */
  readonly accounts?: number;
  /** Blocks until a block is safe; twice as many until it is final. */
  readonly slotsInAnEpoch?: number;
  /** A file that keeps the chain over restarts. */
  readonly stateFile?: string;
  /** Resident memory, in MiB, above which it is killed. */
  readonly maxMemoryMib?: number;
  /** 0, the default: the system chooses. */
  readonly port?: number;
}

export interface Anvil extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly chainId: number;
  /** Settles when the process ends, whoever ended it: with undefined if `close` did. */
  readonly exited: Promise<EvmError | undefined>;
  /** Ends it and waits until it is gone. */
  close(): Promise<void>;
}

export const ANVIL_CHAIN_ID = 31_337;

const DEFAULT_MAX_MEMORY_MIB = 1024;
const WATCH_EVERY_MS = 1_000;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

/** What stands in its log at most, of the beginning: why it did not start. */
const MAX_LOG_CHARS = 64 * 1024;

/**
 * Starts anvil, the Ethereum node of Foundry, from its npm package, on 127.0.0.1. Whoever may have more than one transaction under way gives
 * `blockSeconds`: in its mode of a block for each transaction anvil 1.7.1 loses transactions then, and grows by 80 MB/s until the system kills
 * something. For the same reason its memory is watched.
 * @throws EvmError EVM_NOT_INSTALLED, EVM_START_FAILED
 */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const { chainId = ANVIL_CHAIN_ID, maxMemoryMib = DEFAULT_MAX_MEMORY_MIB } = options;
  // In a process group of its own: Ctrl-C in a terminal is for whoever has started it, who may still have questions.
  const detached = process.platform !== "win32";
  const child = spawn(anvilPath(), argumentsFor(options, chainId), { stdio: ["ignore", "pipe", "pipe"], detached });
  const port = await listeningPort(child);
  const { pid } = child;
  if (pid === undefined) throw new EvmError({ code: "EVM_START_FAILED", log: "no process" });

  let reason: EvmError | undefined;
  let isClosing = false;
  const watchdog = setInterval(() => {
    const memoryMib = residentMib(pid);
    if (memoryMib === undefined || memoryMib <= maxMemoryMib) return;
    reason = new EvmError({ code: "EVM_MEMORY_EXCEEDED", memoryMib, maxMemoryMib });
    child.kill("SIGKILL");
  }, WATCH_EVERY_MS).unref();
  const guard = startGuard(pid);
  const exited = once(child, "exit").then(([code, signal]) => {
    clearInterval(watchdog);
    guard?.kill("SIGKILL");
    return reason ?? (isClosing ? undefined : new EvmError({ code: "EVM_ENDED", exitCode: code, signal }));
  });
  const close = async () => {
    isClosing = true;
    await stop(child);
    await exited;
  };
  const url = `http://127.0.0.1:${port}`;
  return { url, port, pid, chainId, exited, close, [Symbol.asyncDispose]: close };
}

/**
 * Ends anvil when this process is gone, killed -9 too: a shell that waits for the end of a pipe whose other end only this process has. Not on Windows.
 */
function startGuard(pid: number): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const guard = spawn("sh", ["-c", 'read -r _; kill -9 "$0"', `${pid}`], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Without it anvil is as good as before.
  guard.on("error", () => undefined);
  guard.unref();
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  return guard;
}

function argumentsFor(options: AnvilOptions, chainId: number): string[] {
  const {
    blockSeconds,
    hardfork = "osaka",
    gasLimit = 60_000_000,
    accounts = 10,
    slotsInAnEpoch,
    stateFile,
    port = 0,
  } = options;
  const args = ["--port", `${port}`, "--chain-id", `${chainId}`, "--accounts", `${accounts}`];
  args.push("--hardfork", hardfork, "--gas-limit", `${gasLimit}`);
  if (blockSeconds !== undefined) args.push("--block-time", `${blockSeconds}`);
  if (slotsInAnEpoch !== undefined) args.push("--slots-in-an-epoch", `${slotsInAnEpoch}`);
  if (stateFile !== undefined) args.push("--state", stateFile, "--state-interval", "5");
  return args;
}

/** The program itself, without the script of the npm package that would start it: a signal to that script does not always reach it. */
function anvilPath(): string {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const platform = `${process.platform}-${arch}`;
  const suffix = process.platform === "win32" ? ".exe" : "";
  try {
    return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${platform}/bin/anvil${suffix}`);
  } catch (cause) {
    throw new EvmError({ code: "EVM_NOT_INSTALLED", platform }, { cause });
  }
}

/** Waits for the line that names the port. Its output is read on for as long as it lives, or it would stop at a full pipe. */
async function listeningPort(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let log = "";
  const take = (chunk: Buffer) => {
    if (log.length < MAX_LOG_CHARS) log += chunk.toString("utf8");
    const port = /Listening on 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
    if (port !== undefined) resolve(Number(port));
  };
  const fail = (cause?: unknown) =>
    reject(new EvmError({ code: "EVM_START_FAILED", log: log.slice(-2000) }, cause === undefined ? {} : { cause }));
  const timer = setTimeout(fail, START_TIMEOUT_MS);
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  child.once("error", fail);
  child.once("exit", () => fail());
  try {
    return await promise;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** SIGINT, on which it writes its state file; SIGKILL if that takes too long. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}

/** From Linux's process table; undefined elsewhere, and when the process is gone. */
function residentMib(pid: number): number | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return Math.round((pages * 4096) / 2 ** 20);
  } catch {
    return undefined;
  }
}
