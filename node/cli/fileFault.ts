import { type CliError, cliError } from "./cliError.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "this user may not",
  EPERM: "this user may not",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  ENOSPC: "the disk is full",
  EROFS: "the disk cannot be written",
  ENAMETOOLONG: "the name is too long",
};

/** What the system says of a path that the caller named; undefined for every other error. */
export function fileFault(error: unknown): CliError | undefined {
  const { code, path, syscall } = (error ?? {}) as { code?: unknown; path?: unknown; syscall?: unknown };
  if (typeof code !== "string" || typeof path !== "string" || typeof syscall !== "string") return undefined;
  const reason = REASONS[code];
  if (reason === undefined) return undefined;
  const hint = "check the path and who may use it; folders are not made";
  return cliError("failure", "FILE_UNUSABLE", `cannot use ${path}: ${reason} (${code} of ${syscall})`, hint);
}
