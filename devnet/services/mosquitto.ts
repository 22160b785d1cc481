import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LedgerError } from "#storage/error.ts";

export class MosquittoError extends LedgerError<
  | { readonly code: "MOSQUITTO_NOT_FOUND"; readonly hint: string; readonly reason: string }
  | { readonly code: "MOSQUITTO_NOT_STARTED"; readonly exitCode: number | null }
> {}

export interface MosquittoProgram {
  readonly path: string;
  /** Where its libraries are, when they are not the system's. */
  readonly libraryPath: string | undefined;
}

export interface Mosquitto extends AsyncDisposable {
  readonly port: number;
  /** Resolves when it takes connections. @throws MosquittoError MOSQUITTO_NOT_STARTED */
  start(): Promise<void>;
  /** SIGKILL: no goodbye, nothing saved. */
  kill(): Promise<void>;
}

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/services", import.meta.url));
const SYSTEM_PATHS = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];
/** What Debian's mosquitto needs beyond its base system. */
const PACKAGES = [
  "mosquitto",
  "libmosquitto1",
  "libcjson1",
  "libwebsockets17",
  "libev4",
  "libuv1",
  "libdlt2",
  "libwrap0",
];
const POLL_MS = 10;

const execute = promisify(execFile);

/**
 * The Mosquitto of the system, or else the one of Debian's packages, unpacked beside the npm packages: nothing is installed.
 * @throws MosquittoError MOSQUITTO_NOT_FOUND
 */
export async function mosquittoProgram(): Promise<MosquittoProgram> {
  const system = SYSTEM_PATHS.find((path) => existsSync(path));
  if (system !== undefined) return { path: system, libraryPath: undefined };
  const folder = join(CACHE, "mosquitto");
  if (!existsSync(folder)) await unpack(folder);
  const libraries = join(folder, "usr/lib");
  const [architecture = ""] = readdirSync(libraries).filter((name) => name.endsWith("-linux-gnu"));
  const libraryPath = [join(libraries, architecture), join(folder, "lib", architecture)].join(":");
  return { path: join(folder, "usr/sbin/mosquitto"), libraryPath };
}

async function unpack(folder: string): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const draft = mkdtempSync(join(CACHE, "draft-"));
  try {
    await execute("apt-get", ["download", ...PACKAGES], { cwd: draft });
    for (const name of readdirSync(draft)) {
      if (!name.endsWith(".deb")) continue;
      await execute("dpkg-deb", ["--extract", name, "root"], { cwd: draft });
    }
    renameSync(join(draft, "root"), folder);
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0] ?? "";
    const hint = "install Mosquitto 2, or run on Debian with its package lists";
    throw new MosquittoError({ code: "MOSQUITTO_NOT_FOUND", hint, reason }, { cause: error });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * A broker on 127.0.0.1 that keeps sessions and messages in `folder` over its death: it saves on every change, as one has to ask of it. folder: is there,
 * and the broker's alone. It is not started yet.
 */
export function createMosquitto(program: MosquittoProgram, folder: string, port: number): Mosquitto {
  const configuration = join(folder, "mosquitto.conf");
  writeFileSync(
    configuration,
    [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence true",
      `persistence_location ${folder}/`,
      "autosave_on_changes true",
      "autosave_interval 1",
      "max_queued_messages 0",
      "log_dest none",
      // Without it a broker that root starts gives up its rights, and with them its folder.
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      "",
    ].join("\n"),
  );
  let child: ChildProcess | undefined;

  async function kill(): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, "exit");
    running.kill("SIGKILL");
    await exited;
  }

  return {
    port,
    kill,
    async start() {
      const { path, libraryPath } = program;
      const env = libraryPath === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraryPath };
      const started = spawn(path, ["-c", configuration], { env, stdio: "ignore" });
      child = started;
      while (!(await isListening(port))) {
        if (started.exitCode !== null || started.signalCode !== null)
          throw new MosquittoError({ code: "MOSQUITTO_NOT_STARTED", exitCode: started.exitCode });
        await setTimeout(POLL_MS);
      }
    },
    [Symbol.asyncDispose]: kill,
  };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
