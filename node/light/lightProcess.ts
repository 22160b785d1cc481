import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** How the process of a light node has to be started, so that it fits beside other things on a small computer. */
export interface LightProcess {
  /** Flags of Node.js, before the script. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Young generation of 1 MB: GossipSub's and the proofs' garbage is short-lived, and a light node is idle enough to collect it often.
 * No optimising compilers: 10 MB of their code and their data, for a node whose work is in native signatures. README.md has the figures.
 */
const FLAGS = [
  "--optimize-for-size",
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
  "--compact-on-every-full-gc",
  "--no-short-builtin-calls",
];

/**
 * One arena, because glibc would keep the peak of every thread; what is freed goes back to the system from 64 KiB on, because glibc would raise that
 * threshold to the largest block ever freed. Two threads: LevelDB's and the key files' work is short.
 */
const ENVIRONMENT = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TRIM_THRESHOLD_: "65536",
  UV_THREADPOOL_SIZE: "2",
};

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** `home`: where stripped sources go when the package's own folder cannot be written. */
export function lightProcess(home: string): LightProcess {
  const folder = cacheFolder(home);
  const preload = join(folder, `preload-${hash("sha256", readFileSync(join(ROOT, "node/light/preload.ts")))}.mjs`);
  const stripper = fileURLToPath(new URL("stripBefore.ts", import.meta.url));
  const args = ["--disable-warning=ExperimentalWarning", stripper, ROOT, folder];
  const { status } = spawnSync(process.execPath, args, { stdio: "ignore" });
  if (status !== 0 || !existsSync(preload)) return { flags: FLAGS, environment: ENVIRONMENT };
  const url = pathToFileURL(preload);
  url.searchParams.set("root", pathToFileURL(ROOT).href);
  return {
    flags: [...FLAGS, "--import", url.href],
    // The compile cache stays in memory once it is read, 5 MB; parsing again at the start takes 0.3 s.
    environment: { ...ENVIRONMENT, NODE_DISABLE_COMPILE_CACHE: "1" },
  };
}

/**
 * Makes this process that of a light node: it starts anew in place, with the same id, arguments and terminal, and does not return.
 * Returns where that has been done already, where the system cannot (Windows), and under a supervisor with an IPC channel, which would be
 * lost: such a supervisor starts the node with `lightProcess` itself, as the devnet does.
 */
export function becomeLightProcess(home: string): void {
  if (process.execve === undefined || process.platform === "win32") return;
  if (process.execArgv.includes(FLAGS[0] ?? "") || process.channel !== undefined) return;
  const { flags, environment } = lightProcess(home);
  // It would say that execve is experimental, in a process that ends with it.
  process.removeAllListeners("warning");
  const args = [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)];
  process.execve(process.execPath, args, { ...process.env, ...environment });
}

function cacheFolder(home: string): string {
  const modules = join(ROOT, "node_modules");
  const parent = isWritable(modules) ? join(modules, ".cache") : join(home, "data");
  // By this copy of the program too: copies may share their packages, and each removes what it does not use.
  return join(parent, "stripped", `${process.version}-${hash("sha256", ROOT).slice(0, 8)}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
