import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorText } from "./cometJson/goJson.ts";
import type { Answer, Dispatcher } from "./jsonRpc.ts";
import {
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
  MAX_OPEN_CONNECTIONS,
  MAX_UNREAD_ANSWER_BYTES,
  REQUEST_TIMEOUT_MS,
  UNREAD_TIMEOUT_MS,
} from "./limits.ts";
import type { Methods } from "./method.ts";
import { methodList } from "./methodList.ts";
import { rpcError } from "./rpcError.ts";

export interface ServerPorts {
  readonly methods: Methods;
  readonly dispatcher: Dispatcher;
  /** Whether a request may be answered at all; undefined where everybody may ask. */
  readonly isAllowed: ((request: IncomingMessage) => boolean) | undefined;
  readonly onFault: (path: string, error: unknown) => void;
  /** MAX_UNREAD_ANSWER_BYTES unless told otherwise. */
  readonly maxUnreadAnswerBytes?: number;
  /** REQUEST_TIMEOUT_MS unless told otherwise. */
  readonly requestTimeoutMs?: number;
}

/** How often Node looks for requests that do not arrive, in ms. */
const CHECK_INTERVAL_MS = 1000;

/**
 * HTTP of the RPC, in the paths and statuses of CometBFT (rpc/jsonrpc/server): POST / takes JSON-RPC, GET / lists the methods, any other path
 * is a method whose arguments stand behind it. Not yet listening.
 */
export function createRpcServer(ports: ServerPorts): Server {
  const { isAllowed, onFault, requestTimeoutMs = REQUEST_TIMEOUT_MS } = ports;
  const unread = createUnreadAnswers(ports.maxUnreadAnswerBytes ?? MAX_UNREAD_ANSWER_BYTES);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
    (request, response) => {
      response.setHeader("X-Server-Time", Math.floor(Date.now() / 1000));
      if (isAllowed !== undefined && !isAllowed(request)) return refuse(response);
      answer(request, response, ports, unread).catch((error: unknown) => {
        // A client that went away while it was sending is no fault of ours.
        if (request.complete) onFault(request.url ?? "", error);
        response.destroy();
      });
    },
  );
  server.maxConnections = MAX_OPEN_CONNECTIONS;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  ports: ServerPorts,
  unread: UnreadAnswers,
): Promise<void> {
  const { methods, dispatcher } = ports;
  const body = await readBody(request);
  if (body === undefined) return refuseBody(response);
  const url = urlOf(request);
  if (url === undefined) return write(response, 404, PLAIN, "404 page not found\n");
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const context = { remote: remoteOf(request), signal: gone.signal, connection: undefined };
  if (url.pathname === "/") {
    if (body === "") return write(response, 200, "text/html", methodList(methods, request.headers.host ?? ""));
    return writeAnswer(response, await dispatcher.answerBody(body, context), unread);
  }
  if (url.pathname === "/websocket") {
    response.setHeader("Sec-Websocket-Version", "13");
    return write(response, 400, PLAIN, "Bad Request\n");
  }
  const answered = dispatcher.answerUri(url.pathname.slice(1), queryOf(url, request, body), context);
  if (answered === undefined) return write(response, 404, PLAIN, "404 page not found\n");
  writeAnswer(response, await answered, unread);
}

/** Undefined when it is longer than allowed. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What stands behind the path, then what a form says. */
function queryOf(url: URL, request: IncomingMessage, body: string): URLSearchParams {
  const query = new URLSearchParams(url.searchParams);
  if (request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded"))
    for (const [name, value] of new URLSearchParams(body)) query.append(name, value);
  return query;
}

const JSON_TYPE = "application/json";
const PLAIN = "text/plain; charset=utf-8";

function writeAnswer(response: ServerResponse, { status, text, isCacheable }: Answer, unread: UnreadAnswers): void {
  if (!unread.add(response, text.length)) {
    const { body } = rpcError("RPC_SERVER_ERROR", "too many answers wait to be read: try again later");
    write(response, 503, JSON_TYPE, errorText(undefined, body));
  } else {
    if (isCacheable) response.setHeader("Cache-Control", "public, max-age=86400");
    if (text === "") response.writeHead(status).end();
    else write(response, status, JSON_TYPE, text);
  }
}

function write(response: ServerResponse, status: number, contentType: string, text: string): void {
  // Whoever does not read the answer must not keep it in our memory.
  response.setTimeout(UNREAD_TIMEOUT_MS, () => response.destroy());
  if (contentType === PLAIN) response.setHeader("X-Content-Type-Options", "nosniff");
  response.writeHead(status, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

/** What is made for clients that have not read it yet. */
interface UnreadAnswers {
  /** False when it would be more than may wait. */
  add(response: ServerResponse, bytes: number): boolean;
}

function createUnreadAnswers(maxBytes: number): UnreadAnswers {
  let total = 0;
  return {
    add(response, bytes) {
      // Nobody waits for it any more, and nothing will be kept.
      if (response.closed) return true;
      // One answer is always possible.
      if (total > 0 && total + bytes > maxBytes) return false;
      total += bytes;
      response.once("close", () => {
        total -= bytes;
      });
      return true;
    },
  };
}

function refuseBody(response: ServerResponse): void {
  const { body } = rpcError("RPC_INVALID_REQUEST", "error reading request body: http: request body too large");
  response.setHeader("Connection", "close");
  write(response, 400, JSON_TYPE, errorText(undefined, body));
}

function refuse(response: ServerResponse): void {
  response.setHeader("WWW-Authenticate", "Bearer");
  response.setHeader("Connection", "close");
  const { body } = rpcError("RPC_SERVER_ERROR", "this node's RPC needs the API token");
  write(response, 401, JSON_TYPE, errorText(undefined, body));
}

/** Undefined for a target that is no URL, such as `//`: Node's parser lets it through. */
export function urlOf({ url = "/" }: IncomingMessage): URL | undefined {
  return URL.parse(url, "http://rpc") ?? undefined;
}

export function remoteOf({ socket }: IncomingMessage): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
