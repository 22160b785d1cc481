import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { CACHE } from "./cache.ts";
import { ServiceError } from "./serviceError.ts";

/** The version this ledger is deployed with, and the others it must work with (research/cometbft.md §1.1). */
export const COMETBFT_VERSIONS = ["0.38.25", "0.39.4", "0.40.0"] as const;

export type CometbftVersion = (typeof COMETBFT_VERSIONS)[number];

const execute = promisify(execFile);

/**
 * The path of CometBFT's program, built by `go install` when it is not there yet (about a minute).
 * @throws ServiceError GO_NOT_FOUND, SERVICE_BUILD_FAILED
 */
export async function cometbftBinary(version: CometbftVersion = "0.38.25"): Promise<string> {
  const folder = join(CACHE, `cometbft-${version}`);
  const binary = join(folder, "cometbft");
  if (existsSync(binary)) return binary;
  mkdirSync(CACHE, { recursive: true });
  const draft = mkdtempSync(join(CACHE, "draft-"));
  try {
    // Another process may build the same at the same time: whoever is done last puts the same program in place.
    await goInstall(`github.com/cometbft/cometbft/cmd/cometbft@v${version}`, draft);
    mkdirSync(folder, { recursive: true });
    renameSync(join(draft, "cometbft"), binary);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return binary;
}

async function goInstall(what: string, folder: string): Promise<void> {
  try {
    await execute("go", ["install", what], {
      env: { ...process.env, GOBIN: folder, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" },
      maxBuffer: 16 * 1024 * 1024,
    });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT")
      throw new ServiceError({ code: "GO_NOT_FOUND", hint: "install Go 1.25 or later, or give --cometbft a program" });
    throw new ServiceError({
      code: "SERVICE_BUILD_FAILED",
      what,
      reason: stderr?.trim().split("\n").at(-1) ?? String(error),
    });
  }
}
