import { API_PREFIX } from "../api/apiPrefix.ts";
import type { ApiErrorBody } from "../api/errors.ts";
import { CliError, cliError } from "./cliError.ts";
import type { ExitName } from "./exitCodes.ts";

/** Longest wait for an answer: above the default of apiCommitTimeoutMs, so that the node's own answer comes first. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Answers of a node are untrusted too: the largest, a proof, is about 400 KiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface LedgerClient {
  readonly url: string;
  /** GET under /ledger/v1. @throws CliError NODE_UNREACHABLE, NOT_FOUND and the API's codes */
  readonly get: <T>(path: string) => Promise<T>;
  /** GET with the API token, for what only the node's owner may read. */
  readonly getPrivate: <T>(path: string) => Promise<T>;
  readonly getText: (path: string) => Promise<string>;
  /** As getPrivate, for answers of any length. */
  readonly getStream: (path: string) => AsyncIterable<Uint8Array>;
  readonly submit: (tx: Uint8Array, wait: "sync" | "commit") => Promise<SubmitAnswer>;
}

export interface SubmitAnswer {
  readonly txId: string;
  readonly code: number;
  readonly log: string;
  readonly height?: number;
}

/** Talks to one node's REST API. */
export function createLedgerClient(options: {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly token: string | undefined;
}): LedgerClient {
  const { url, token } = options;
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = async (path: string, init: RequestInit): Promise<string> => {
    let response: Response;
    let text: string;
    try {
      response = await options.fetch(url + API_PREFIX + path, {
        ...init,
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      text = await readText(response);
    } catch (error) {
      throw unreachable(url, error);
    }
    if (!response.ok) throw answeredError(url, response.status, text);
    return text;
  };
  const json = <T>(text: string): T => {
    try {
      return JSON.parse(text) as T;
    } catch {
      throw notALedger(url);
    }
  };
  return {
    url,
    get: async (path) => json(await request(path, {})),
    getPrivate: async (path) => json(await request(path, { headers: authorization })),
    getText: (path) => request(path, {}),
    async *getStream(path) {
      try {
        const response = await options.fetch(url + API_PREFIX + path, { headers: authorization });
        if (!response.ok) throw answeredError(url, response.status, await readText(response));
        for await (const chunk of response.body ?? []) yield chunk as Uint8Array;
      } catch (error) {
        throw error instanceof CliError ? error : unreachable(url, error);
      }
    },
    submit: async (tx, wait) => {
      const headers = { "content-type": "application/octet-stream", ...authorization };
      return json(await request(`/transactions?wait=${wait}`, { method: "POST", headers, body: new Uint8Array(tx) }));
    },
  };
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > MAX_ANSWER_BYTES) throw new RangeError("answer too large");
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function unreachable(url: string, error: unknown): CliError {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  const reason = cause?.code ?? cause?.message ?? message;
  const hint = "start it with `energy-ledger start`, or name another node with --node URL";
  return cliError("unreachable", "NODE_UNREACHABLE", `no node answers at ${url} (${reason})`, hint);
}

function notALedger(url: string): CliError {
  return cliError("unreachable", "NODE_ANSWER_MALFORMED", `${url} is not an energy ledger node`, "check --node URL");
}

const EXITS: Readonly<Record<string, ExitName>> = {
  NOT_FOUND: "notFound",
  TRANSACTION_REFUSED: "refused",
  QUERY_REFUSED: "refused",
};

function answeredError(url: string, status: number, text: string): CliError {
  let body: Partial<ApiErrorBody>;
  try {
    body = JSON.parse(text) as ApiErrorBody;
  } catch {
    return notALedger(url);
  }
  const { code, message, hint, details } = body;
  if (typeof code !== "string" || typeof message !== "string") return notALedger(url);
  // Whoever asks by a light node's home means its own node, and must be told how to name another.
  const advice = code === "NOT_SERVED_BY_ROLE" ? `${hint} Name one with --node URL; this was ${url}` : hint;
  const error = cliError(EXITS[code] ?? "failure", code, message, advice ?? `the node answered ${status}`);
  return details === undefined ? error : withFacts(error, details);
}

function withFacts(error: CliError, facts: Readonly<Record<string, unknown>>): CliError {
  return new (error.constructor as typeof CliError)({ ...error.details, facts });
}
