import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP, type Server } from "node:net";
import type { NodeOptions } from "../options.ts";
import { ApiStartError } from "./errors.ts";

/** Characters an API token must have at least: 128 bits in hex. */
export const MIN_TOKEN_CHARS = 32;

/**
 * How POST requests are checked; undefined where no token is needed.
 * @throws ApiStartError API_TOKEN_REQUIRED, API_TOKEN_UNREADABLE
 */
export function readToken(
  options: Pick<NodeOptions, "apiHost" | "apiTokenFile">,
): ((token: string) => boolean) | undefined {
  const { apiTokenFile: file, apiHost: host } = options;
  if (file === "") {
    if (isLoopback(host)) return undefined;
    const hint = "set apiTokenFile to a file with a long random token, or bind to 127.0.0.1";
    throw new ApiStartError({ code: "API_TOKEN_REQUIRED", host, hint });
  }
  let token: string;
  try {
    token = readFileSync(file, "utf8").trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ApiStartError({ code: "API_TOKEN_UNREADABLE", file, reason }, { cause: error });
  }
  if (token.length < MIN_TOKEN_CHARS)
    throw new ApiStartError({
      code: "API_TOKEN_UNREADABLE",
      file,
      reason: `shorter than ${MIN_TOKEN_CHARS} characters`,
    });
  const expected = digest(token);
  return (given) => timingSafeEqual(digest(given), expected);
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Where a listening server is reached from its own machine. */
export function serverUrl(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`;
}
