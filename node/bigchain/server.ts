import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { SubmitMode } from "#storage/assets/assetStore.ts";
import { type Answer, bodyTooLarge, errorAnswer, internalError, reasonPhrase } from "./answers.ts";
import {
  MAX_BODY_BYTES,
  MAX_CONNECTIONS,
  MAX_DISCARDED_BYTES,
  MAX_HEADER_BYTES,
  MAX_HELD_BYTES,
  MAX_TARGET_CHARS,
  REQUEST_TIMEOUT_MS,
  UNREAD_TIMEOUT_MS,
} from "./limits.ts";
import type { Router } from "./routes.ts";

export interface RequestPorts {
  readonly router: Router;
  readonly submit: (body: Uint8Array, mode: SubmitMode) => Promise<Answer>;
  readonly onFault: (target: string, error: unknown) => void;
}

export interface RequestLimits {
  readonly requestTimeoutMs: number;
  readonly unreadTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxHeldBytes: number;
}

export const REQUEST_LIMITS: RequestLimits = {
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
  unreadTimeoutMs: UNREAD_TIMEOUT_MS,
  maxConnections: MAX_CONNECTIONS,
  maxHeldBytes: MAX_HELD_BYTES,
};

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A server of nothing but this interface, not yet listening; a request that does not arrive in time is ended with 408. */
export function createBigchainServer(handle: RequestHandler, limits: RequestLimits): Server {
  const { requestTimeoutMs, maxConnections } = limits;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, Math.ceil(requestTimeoutMs / 2)),
    },
    (request, response) => void handle(request, response),
  );
  server.maxConnections = maxConnections;
  return server;
}

/** Answers requests, here and behind the node's own REST. Never rejects. */
export function createRequestHandler(ports: RequestPorts, limits: RequestLimits): RequestHandler {
  const { router, submit, onFault } = ports;
  let heldBytes = 0;

  async function readAndSubmit(request: IncomingMessage, mode: SubmitMode): Promise<Answer> {
    let ownBytes = 0;
    const hold = (bytes: number): boolean => {
      ownBytes += bytes;
      heldBytes += bytes;
      return heldBytes <= limits.maxHeldBytes;
    };
    try {
      const body = await readBody(request, hold);
      if (body === "busy") return errorAnswer(503, "Internal error - too many transactions are being checked", "BUSY");
      return body === undefined ? bodyTooLarge() : await submit(body, mode);
    } finally {
      heldBytes -= ownBytes;
    }
  }

  return async (request, response) => {
    const { method = "GET", url: target = "/" } = request;
    try {
      const answer =
        target.length > MAX_TARGET_CHARS
          ? errorAnswer(414, "Request-URI Too Large")
          : await router.answer({ method, target, submit: (mode) => readAndSubmit(request, mode) });
      if (method === "OPTIONS") allowOtherOrigins(request, response);
      // What of a body nobody wanted is still under way would be read as the next request.
      if (!request.complete) response.setHeader("Connection", "close");
      await writeAnswer(response, answer, method === "HEAD", limits.unreadTimeoutMs);
    } catch (error) {
      // A client that went away while it was sending is no fault of ours.
      if (request.complete && !response.destroyed) onFault(target, error);
      if (response.headersSent || response.destroyed) return void response.destroy();
      await writeAnswer(response, internalError(), method === "HEAD", limits.unreadTimeoutMs).catch(() =>
        response.destroy(),
      );
    }
  };
}

/** A browser asks this before a page of another site may post JSON; every origin may, as at the real server (flask-cors). */
function allowOtherOrigins({ headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
  const wanted = headers["access-control-request-headers"];
  if (wanted !== undefined) response.setHeader("Access-Control-Allow-Headers", wanted);
}

/**
 * Undefined when it is longer than allowed; the rest is then read and forgotten, within reason, so that the client gets to read why. `hold` is told of bytes that are
 * kept, and answers whether there is room for them.
 */
function readBody(
  request: IncomingMessage,
  hold: (bytes: number) => boolean,
): Promise<Uint8Array | undefined | "busy"> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_DISCARDED_BYTES) return Promise.resolve(undefined);
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined | "busy">();
  const onData = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) return settle(undefined);
    if (bytes > MAX_BODY_BYTES) chunks = [];
    else if (!hold(chunk.length)) settle("busy");
    else chunks.push(chunk);
  };
  const onEnd = () => settle(bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks));
  const onClose = () => reject(new Error("the request was broken off"));
  // Left open: whoever is told why his body is not read must be able to read that.
  const settle = (body: Uint8Array | undefined | "busy") => {
    request.pause();
    for (const [name, listener] of listeners) request.off(name, listener);
    resolve(body);
  };
  const listeners = [
    ["data", onData],
    ["end", onEnd],
    ["error", onClose],
    ["close", onClose],
  ] as const;
  for (const [name, listener] of listeners) request.on(name, listener);
  return promise;
}

/** Whoever does not read the answer must not keep it, or the iterator behind it, in our memory. */
async function writeAnswer(
  response: ServerResponse,
  answer: Answer,
  isHead: boolean,
  unreadTimeoutMs: number,
): Promise<void> {
  const { status, contentType, headers, body } = answer;
  response.setTimeout(unreadTimeoutMs, () => response.destroy());
  const common = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Next-After",
    "Content-Type": contentType,
    ...headers,
  };
  if (typeof body === "string") {
    response.writeHead(status, reasonPhrase(status), { ...common, "Content-Length": Buffer.byteLength(body) });
    response.end(isHead ? undefined : body);
    return;
  }
  response.writeHead(status, reasonPhrase(status), common);
  if (!isHead)
    for await (const text of body) {
      if (response.destroyed) return;
      if (!response.write(text)) await drained(response);
    }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.once("drain", done);
    response.once("close", done);
  });
}
