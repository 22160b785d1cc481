import { type FetchGetUrlFunc, FetchRequest, type GetUrlResponse, JsonRpcProvider } from "ethers";
import { EvmError } from "./evmError.ts";

export interface EvmConnectOptions {
  /** JSON-RPC over HTTP. What stands behind the host (a provider's key, say) and user information are never shown. */
  readonly url: string;
  /** Another chain is refused. Absent: whatever the node says. */
  readonly chainId?: bigint;
  /** Of one request. */
  readonly timeoutMs?: number;
  /** Of one answer. */
  readonly maxAnswerBytes?: number;
  /** How often a receipt is asked for. */
  readonly pollingMs?: number;
  readonly fetch?: typeof fetch;
}

export interface EvmConnection extends Disposable {
  readonly provider: JsonRpcProvider;
  readonly chainId: bigint;
  /** The node for people: scheme, host and port. */
  readonly node: string;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/** 2 MB hold the logs of some thousand events; whoever reads logs asks for smaller ranges when this is exceeded. */
export const MAX_EVM_ANSWER_BYTES = 8 * 1024 * 1024;

const DEFAULT_POLLING_MS = 500;

/**
 * Connects to an Ethereum node, and asks which chain it follows before anything else: a library that retries for ever, or signs for a chain
 * that nobody named, is no help at a command line. Requests have a timeout and answers a limit; redirects are not followed.
 * @throws EvmError EVM_URL_MALFORMED, EVM_UNREACHABLE, EVM_WRONG_CHAIN, EVM_ANSWER_MALFORMED, EVM_ANSWER_TOO_LARGE
 */
export async function connectEvm(options: EvmConnectOptions): Promise<EvmConnection> {
  const { url, chainId: expected, pollingMs = DEFAULT_POLLING_MS } = options;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new EvmError({
      code: "EVM_URL_MALFORMED",
      hint: "give an Ethereum node as http://127.0.0.1:8545 or https://…",
    });
  const { origin: node, username, password } = new URL(url);
  const request = new FetchRequest(withoutCredentials(url));
  if (username !== "") {
    const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
    request.setHeader("authorization", `Basic ${basic}`);
  }
  // Tells the provider's own retries on 429 to end within seconds; the default waits for minutes.
  request.setThrottleParams({ maxAttempts: 4 });
  request.getUrlFunc = limitedFetch(node, options);
  const chainId = await chainIdOf(request, node);
  if (expected !== undefined && chainId !== expected) {
    const hint = "name a node of the chain that the contracts are on, or the contracts file of this chain";
    throw new EvmError({ code: "EVM_WRONG_CHAIN", chainId, expected, hint });
  }
  const provider = new JsonRpcProvider(request, chainId, {
    staticNetwork: true,
    // Answers are not kept, and requests not held back to go together: 14 instead of 60 calls a second otherwise.
    cacheTimeout: -1,
    batchMaxCount: 1,
    pollingInterval: pollingMs,
  });
  return { provider, chainId, node, [Symbol.dispose]: () => provider.destroy() };
}

function withoutCredentials(url: string): string {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare.href;
}

async function chainIdOf(request: FetchRequest, node: string): Promise<bigint> {
  const asked = request.clone();
  asked.body = { jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] };
  const response = await asked.send();
  if (!response.ok()) throw unreachable(node, `it answers with status ${response.statusCode}`);
  let result: unknown;
  try {
    result = (JSON.parse(response.bodyText) as { readonly result?: unknown } | null)?.result;
  } catch (cause) {
    throw notEthereum("the answer is no JSON", cause);
  }
  if (typeof result !== "string" || !/^0x[0-9a-f]{1,16}$/i.test(result)) throw notEthereum("eth_chainId has no number");
  return BigInt(result);
}

function limitedFetch(node: string, options: EvmConnectOptions): FetchGetUrlFunc {
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

function unreachable(node: string, reason: string, cause?: unknown): EvmError {
  const hint = "check that the Ethereum node runs and that its URL is right";
  return new EvmError({ code: "EVM_UNREACHABLE", node, reason, hint }, { cause });
}

function notEthereum(reason: string, cause?: unknown): EvmError {
  const hint = "whatever answers there is no Ethereum node: check the URL";
  return new EvmError({ code: "EVM_ANSWER_MALFORMED", reason, hint }, { cause });
}
