import { type FetchGetUrlFunc, FetchRequest, type GetUrlResponse, JsonRpcProvider } from "ethers";
import { EvmError } from "./evmError.ts";

export interface EvmNodeOptions {
  /** JSON-RPC over HTTP. What stands behind the host (a provider's key, say) and user information are never shown. */
  readonly url: string;
  /** Of one request. */
  readonly timeoutMs?: number;
  /** Of one answer. */
  readonly maxAnswerBytes?: number;
  /** How often a receipt is asked for. */
  readonly pollingMs?: number;
  /** Questions that a node answers with "too many" are asked so often in all, with growing pauses. */
  readonly maxAttempts?: number;
  readonly fetch?: typeof fetch;
}

/** An Ethereum node that nothing was asked of yet. */
export interface EvmNode {
  readonly request: FetchRequest;
  /** For people: scheme, host and port. */
  readonly name: string;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/** 2 MB hold the logs of some thousand events; whoever reads logs asks for smaller ranges when this is exceeded. */
export const MAX_EVM_ANSWER_BYTES = 8 * 1024 * 1024;

const DEFAULT_POLLING_MS = 500;

/** Tells the provider's own retries on 429 to end within seconds; the default waits for minutes. */
const DEFAULT_MAX_ATTEMPTS = 4;

/**
 * How every part of this program asks an Ethereum node: requests have a timeout and answers a limit, redirects are not followed, user information goes into
 * a header. Nothing is asked yet; every question rejects with EVM_URL_MALFORMED where the URL is none.
 */
export function evmNode(options: EvmNodeOptions): EvmNode {
  const { url, maxAttempts = DEFAULT_MAX_ATTEMPTS } = options;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return nodeWithoutUrl();
  const { origin: name, username, password } = new URL(url);
  const request = new FetchRequest(withoutCredentials(url));
  if (username !== "") {
    const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
    request.setHeader("authorization", `Basic ${basic}`);
  }
  request.setThrottleParams({ maxAttempts });
  request.getUrlFunc = limitedFetch(name, options);
  return { request, name };
}

function nodeWithoutUrl(): EvmNode {
  const request = new FetchRequest("http://none");
  const hint = "give an Ethereum node as http://127.0.0.1:8545 or https://…";
  request.getUrlFunc = () => Promise.reject(new EvmError({ code: "EVM_URL_MALFORMED", hint }));
  return { request, name: "none" };
}

/** Answers are not kept, and requests not held back to go together: 14 instead of 60 calls a second otherwise. */
export function evmProvider({ request }: EvmNode, chainId: bigint, pollingMs = DEFAULT_POLLING_MS): JsonRpcProvider {
  return new JsonRpcProvider(request, chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
    batchMaxCount: 1,
    pollingInterval: pollingMs,
  });
}

function withoutCredentials(url: string): string {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare.href;
}

function limitedFetch(node: string, options: EvmNodeOptions): FetchGetUrlFunc {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxAnswerBytes = MAX_EVM_ANSWER_BYTES, fetch: ask = fetch } = options;
  return async (request): Promise<GetUrlResponse> => {
    let response: Response;
    let body: Uint8Array;
    try {
      response = await ask(request.url, {
        method: request.method,
        headers: request.headers,
        body: request.body === null ? null : new Uint8Array(request.body),
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      body = await readLimited(response, maxAnswerBytes);
    } catch (cause) {
      if (cause instanceof EvmError) throw cause;
      const { name, message, cause: inner } = cause as Error & { readonly cause?: { readonly code?: unknown } };
      const reason = name === "TimeoutError" ? `no answer within ${timeoutMs} ms` : String(inner?.code ?? message);
      throw unreachable(node, reason, cause);
    }
    const headers = Object.fromEntries(response.headers);
    // The body is unpacked already.
    delete headers["content-encoding"];
    return { statusCode: response.status, statusMessage: response.statusText, headers, body };
  };
}

async function readLimited(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) {
      const hint = "ask for less at once, or ask another Ethereum node";
      throw new EvmError({ code: "EVM_ANSWER_TOO_LARGE", maxBytes, hint });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function unreachable(node: string, reason: string, cause?: unknown): EvmError {
  const hint = "check that the Ethereum node runs and that its URL is right";
  return new EvmError({ code: "EVM_UNREACHABLE", node, reason, hint }, { cause });
}
