import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ServiceError } from "./serviceError.ts";

/** Programs of others for tests and the devnet, beside the packages and as easily thrown away. */
export const CACHE = fileURLToPath(new URL("../../node_modules/.cache/services", import.meta.url));

const execute = promisify(execFile);

/** The folder of this name, filled by `fill` when it is not there yet; half a folder is never there. */
export async function cachedFolder(name: string, fill: (draft: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const draft = mkdtempSync(join(CACHE, "draft-"));
  try {
    await fill(draft);
    try {
      renameSync(draft, folder);
    } catch (error) {
      // Another process filled the same meanwhile.
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a program to its end. @throws ServiceError SERVICE_TOOL_NOT_FOUND, SERVICE_BUILD_FAILED */
export async function run(
  tool: string,
  args: readonly string[],
  { cwd, hint, what }: { readonly cwd: string; readonly hint: string; readonly what: string },
): Promise<void> {
  try {
    await execute(tool, [...args], { cwd, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { code, stderr, stdout } = error as NodeJS.ErrnoException & { stderr?: string; stdout?: string };
    if (code === "ENOENT") throw new ServiceError({ code: "SERVICE_TOOL_NOT_FOUND", tool, hint });
    const lines = `${stdout ?? ""}\n${stderr ?? ""}`.trim().split("\n");
    const reason = lines.findLast((line) => /error|^E:/i.test(line)) ?? lines.at(-1) ?? String(error);
    throw new ServiceError({ code: "SERVICE_BUILD_FAILED", what, reason });
  }
}
