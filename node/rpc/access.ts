import type { IncomingMessage } from "node:http";
import { isLoopback, readToken } from "../api/access.ts";

/**
 * Who may use the RPC: on loopback everybody, beyond it whoever has the API token, as bearer or as the password of basic authentication, which is
 * what CometBFT's own clients send for `http://name:TOKEN@host`.
 * @throws ApiStartError API_TOKEN_REQUIRED, API_TOKEN_UNREADABLE
 */
export function createAccess(
  host: string,
  apiTokenFile: string,
): ((request: Pick<IncomingMessage, "headers">) => boolean) | undefined {
  if (isLoopback(host)) return undefined;
  const isTokenValid = readToken({ apiHost: host, apiTokenFile });
  return isTokenValid && (({ headers }) => isTokenValid(tokenOf(headers.authorization ?? "")));
}

function tokenOf(authorization: string): string {
  const [, scheme = "", credentials = ""] = /^(Bearer|Basic) +(\S+)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== "basic") return credentials;
  const text = Buffer.from(credentials, "base64").toString("utf8");
  return text.slice(text.indexOf(":") + 1);
}
