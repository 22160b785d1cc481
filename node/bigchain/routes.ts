import { type Answer, jsonAnswer, methodNotAllowed, notFoundAnswer, notFoundPage } from "./answers.ts";
import { transactionText } from "./documents.ts";
import { listBlocks, listOutputs, listTransactions, searchAssets, searchMetadata } from "./listRoutes.ts";
import type { BigchainPorts } from "./ports.ts";
import { MODE, RequestRefused, readArguments } from "./requestArguments.ts";

export const BIGCHAIN_PREFIX = "/api/v1";

/** The server that this one is a stand-in for, as GET / says it. */
const SOFTWARE = { software: "BigchainDB", version: "2.2.2" } as const;
const DOCS = "https://docs.bigchaindb.com/projects/server/en/v2.2.2/";
export const STREAM_PATH = "/api/v1/streams/valid_transactions";

/** What a route is given of a request. */
interface Call {
  readonly query: URLSearchParams;
  /** Parts of the path that stand for something. */
  readonly parts: readonly string[];
  readonly submit: (mode: "async" | "sync" | "commit") => Promise<Answer>;
}

interface Route {
  /** Of a path without the prefix and without a slash at its end. */
  readonly pattern: RegExp;
  readonly get: (call: Call) => Promise<Answer> | Answer;
  readonly post?: (call: Call) => Promise<Answer>;
}

export interface Router {
  /** Never rejects but for a fault of this program; `submit` reads the body, and only for a POST that has a route. */
  answer(request: {
    readonly method: string;
    /** Path and query. */
    readonly target: string;
    readonly submit: (mode: "async" | "sync" | "commit") => Promise<Answer>;
  }): Promise<Answer>;
}

/** The real server's paths, and this one's own below `…/proof`. `streamUrl`: for example `ws://localhost:9985`. */
export function createRouter(ports: BigchainPorts, streamUrl: () => string): Router {
  const { queries } = ports;
  const routes: readonly Route[] = [
    {
      pattern: /^\/transactions$/,
      get: ({ query }) => listTransactions(query, queries),
      post: async ({ query, submit }) => submit(readArguments(query, { mode: MODE }).mode ?? "async"),
    },
    { pattern: /^\/transactions\/([^/]+)$/, get: ({ parts }) => transaction(parts[0] ?? "", ports) },
    { pattern: /^\/transactions\/([^/]+)\/proof$/, get: ({ parts }) => proof(parts[0] ?? "", ports) },
    { pattern: /^\/outputs$/, get: ({ query }) => listOutputs(query, queries) },
    { pattern: /^\/assets$/, get: ({ query }) => searchAssets(query, queries) },
    { pattern: /^\/metadata$/, get: ({ query }) => searchMetadata(query, queries) },
    { pattern: /^\/blocks\/(\d{1,15})$/, get: ({ parts }) => block(Number(parts[0]), ports) },
    { pattern: /^\/blocks$/, get: ({ query }) => listBlocks(query, queries) },
    { pattern: /^\/validators$/, get: () => jsonAnswer(200, ports.validators().map(validatorOf)) },
  ];

  function routeOf(path: string): { readonly route: Route; readonly parts: readonly string[] } | undefined {
    if (path === "/") return { route: { pattern: /^/, get: () => jsonAnswer(200, rootIndex(streamUrl())) }, parts: [] };
    // Only with its slash, as the real server has it.
    if (path === `${BIGCHAIN_PREFIX}/`)
      return { route: { pattern: /^/, get: () => jsonAnswer(200, apiIndex("", streamUrl())) }, parts: [] };
    if (!path.startsWith(`${BIGCHAIN_PREFIX}/`)) return undefined;
    const rest = path.slice(BIGCHAIN_PREFIX.length).replace(/\/$/, "");
    for (const route of routes) {
      const match = route.pattern.exec(rest);
      if (match !== null) return { route, parts: match.slice(1) };
    }
    return undefined;
  }

  return {
    async answer({ method, target, submit }) {
      const [rawPath = "", ...rest] = target.split("?");
      const path = decodePath(rawPath);
      const found = path === undefined ? undefined : routeOf(path);
      if (found === undefined) return notFoundPage();
      const { route, parts } = found;
      const allowed = route.post === undefined ? "GET, HEAD, OPTIONS" : "GET, HEAD, OPTIONS, POST";
      const call = { query: new URLSearchParams(rest.join("?")), parts, submit };
      try {
        if (method === "GET" || method === "HEAD") return await route.get(call);
        if (method === "POST" && route.post !== undefined) return await route.post(call);
        if (method === "OPTIONS")
          return { status: 200, contentType: "text/html", headers: { Allow: allowed }, body: "" };
        return methodNotAllowed(allowed);
      } catch (error) {
        if (error instanceof RequestRefused) return error.answer;
        throw error;
      }
    },
  };
}

async function transaction(id: string, { queries }: BigchainPorts): Promise<Answer> {
  const tx = await queries.transaction(id);
  if (tx === undefined) return notFoundAnswer();
  return { ...jsonAnswer(200, null), body: `${transactionText(tx)}\n` };
}

async function proof(id: string, ports: BigchainPorts): Promise<Answer> {
  const tx = await ports.queries.transaction(id);
  const file = tx === undefined ? undefined : await ports.proof(tx.ledgerTxId);
  return file === undefined ? notFoundAnswer() : { ...jsonAnswer(200, null), body: file };
}

async function block(height: number, ports: BigchainPorts): Promise<Answer> {
  if (height > ports.height()) return notFoundAnswer();
  const transactions: string[] = [];
  for await (const tx of ports.queries.transactionsOfBlock(height)) transactions.push(transactionText(tx));
  return { ...jsonAnswer(200, null), body: `{"height":${height},"transactions":[${transactions.join(",")}]}\n` };
}

function validatorOf({ publicKey, type, votingPower }: ReturnType<BigchainPorts["validators"]>[number]) {
  return { public_key: { type: `${type}-base64`, value: publicKey }, voting_power: votingPower };
}

/** `prefix` is empty for GET /api/v1/: the real server leaves it out there. */
function apiIndex(prefix: string, streamUrl: string) {
  return {
    assets: `${prefix}/assets/`,
    blocks: `${prefix}/blocks/`,
    docs: `${DOCS}http-client-server-api.html`,
    metadata: `${prefix}/metadata/`,
    outputs: `${prefix}/outputs/`,
    streams: `${streamUrl}${STREAM_PATH}`,
    transactions: `${prefix}/transactions/`,
    validators: `${prefix}/validators`,
  };
}

function rootIndex(streamUrl: string) {
  return { api: { v1: apiIndex(BIGCHAIN_PREFIX, streamUrl) }, docs: DOCS, ...SOFTWARE };
}

/** Undefined for one that is not percent-encoded UTF-8. */
function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
