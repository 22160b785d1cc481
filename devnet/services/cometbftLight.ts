import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A running `cometbft light`: a proxy that verifies what its primary answers before it passes it on. */
export interface CometbftLight extends AsyncDisposable {
  /** Where it serves the same RPC. */
  readonly url: string;
  /** What it has logged so far. */
  readonly log: () => string;
  /** The result of a method, as the proxy verified it. @throws Error with the proxy's reason */
  readonly call: (method: string, params?: object) => Promise<Record<string, unknown>>;
}

export interface LightOptions {
  readonly chainId: string;
  /** RPC addresses, `http://…`. */
  readonly primary: string;
  readonly witnesses: readonly string[];
  /** The header to start from, and its hash in hex. */
  readonly trusted: { readonly height: number; readonly hash: string };
}

const LISTENING = /RPC HTTP server on ([0-9.:]+)/;

/** Starts the Go light client of CometBFT on a port that the system chooses. @throws Error with its log when it ends instead */
export async function startCometbftLight(binary: string, options: LightOptions): Promise<CometbftLight> {
  const { chainId, primary, witnesses, trusted } = options;
  const home = mkdtempSync(join(tmpdir(), "cometbft-light-"));
  const flags = {
    primary: tcp(primary),
    witnesses: witnesses.map(tcp).join(","),
    height: trusted.height.toString(),
    hash: trusted.hash,
    laddr: "tcp://127.0.0.1:0",
    "home-dir": home,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(binary, ["light", chainId, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let log = "";
  const listening = Promise.withResolvers<string>();
  const listen = (chunk: Buffer) => {
    log += chunk.toString();
    const address = LISTENING.exec(log)?.[1];
    if (address !== undefined) listening.resolve(`http://${address}`);
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  child.once("exit", () => listening.reject(new Error(`cometbft light has ended:\n${log}`)));
  child.once("error", listening.reject);

  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(home, { recursive: true, force: true });
  };
  let url: string;
  try {
    url = await listening.promise;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    log: () => log,
    async call(method, params = {}) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      const answer = await fetch(url, { method: "POST", body });
      const { result, error } = (await answer.json()) as {
        result?: Record<string, unknown>;
        error?: { data?: string; message: string };
      };
      if (result === undefined) throw new Error(error?.data ?? error?.message ?? "no answer");
      return result;
    },
    [Symbol.asyncDispose]: stop,
  };
}

function tcp(url: string): string {
  return url.replace(/^http:/, "tcp:");
}
