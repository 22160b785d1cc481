import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Logger } from "pino";
import { MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { formatProofFile } from "#storage/types/proofFileJson.ts";
import { MAX_READING_TIME_MS } from "#storage/types/reading.ts";
import type { OwnAudit } from "../audit/ownAudit.ts";
import type { OpeningsRequest, RefusedItem, SumOpening } from "../light/outbox.ts";
import type { UnsealedRun } from "../meter/unsealed.ts";
import type { NodeOptions } from "../options.ts";
import { readToken, serverUrl } from "./access.ts";
import { API_PREFIX } from "./apiPrefix.ts";
import { ApiError, ApiStartError, apiError, errorBody } from "./errors.ts";
import { createEventStream, type EventStream, type EventType } from "./eventStream.ts";
import { headerJson, statusJson } from "./json.ts";
import type { ApiPorts } from "./ports.ts";
import { createRateLimiter } from "./rateLimit.ts";
import { MAX_HEADER_BYTES, MAX_REQUEST_CONNECTIONS } from "./serverLimits.ts";
import type { createSmallAnalytics } from "./smallAnalytics.ts";

// Not by an import, which reads every export of node:http, its WebSocket too, and so loads undici: 12 MB (Node 24.21, x64).
const { createServer } = process.getBuiltinModule("node:http");

export type SmallApiOptions = Pick<
  NodeOptions,
  "apiHost" | "apiPort" | "apiTokenFile" | "apiRequestsPerSecond" | "apiRequestTimeoutMs" | "apiMaxEventClients"
>;

export type SmallApiPorts = Pick<
  ApiPorts,
  "status" | "readiness" | "peers" | "proof" | "subscribe" | "header" | "light" | "readings"
> & {
  /** What opens the committed sums of this node's own intervals; absent where it meters nothing. */
  readonly openings?: ((request: OpeningsRequest) => Promise<readonly SumOpening[]>) | undefined;
  /** Readings of its own meters that are kept and on no ledger; absent where it meters nothing. At most `limit` of each; undefined: of a meter that it never closed an interval of. */
  readonly unsealed?: ((meterId: string | undefined, limit: number) => Promise<UnsealedAnswer | undefined>) | undefined;
  /** What an audit of this node's own meters needs; loaded when it is first asked for. */
  readonly audit?: (() => Promise<OwnAudit>) | undefined;
  /** Prometheus text. */
  readonly metrics: () => string | Promise<string>;
};

export interface UnsealedAnswer {
  /** Late readings that can be sealed no more. */
  readonly late: readonly UnsealedRun[];
  /** Intervals and amendments that the ledger refused. */
  readonly refused: readonly RefusedItem[];
}

type SmallAnalytics = ReturnType<typeof createSmallAnalytics>;

/** The only one with a body, a tariff; nothing is changed by it. */
const COST_ROUTE = /^\/ledger\/v1\/analytics\/cost$/;

type Route = (match: RegExpExecArray, url: URL, request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

/**
 * The routes a light node needs, with the paths, answers and errors of the full API, on node:http alone: serving both, Fastify with its
 * validators held 20 MB more (Node 24.21, compile cache, 3000 requests). It only reads.
 * @throws ApiStartError API_TOKEN_REQUIRED, API_TOKEN_UNREADABLE, API_ADDRESS_UNAVAILABLE
 */
export async function createSmallApi(
  options: SmallApiOptions,
  ports: SmallApiPorts,
  parts: { readonly log: Logger },
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const isTokenValid = readToken(options);
  const events = createEventStream({ epoch: Date.now().toString(36), maxClients: options.apiMaxEventClients });
  const routes = routesOf(ports, events, isTokenValid);
  const rateLimiter = createRateLimiter({ perSecond: options.apiRequestsPerSecond, nowMs: () => performance.now() });
  const { apiRequestTimeoutMs: timeoutMs } = options;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      keepAliveTimeout: timeoutMs,
      connectionsCheckingInterval: Math.min(1000, Math.ceil(timeoutMs / 2)),
    },
    (request, response) => void respond(request, response),
  );
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const waitMs = rateLimiter.take(request.socket.remoteAddress ?? "");
      if (waitMs > 0) {
        response.setHeader("retry-after", Math.ceil(waitMs / 1000));
        throw apiError("RATE_LIMITED", "too many requests from this address");
      }
      await answerRequest(routes, request, response);
    } catch (error) {
      const known = error instanceof ApiError ? error : apiError("INTERNAL", "the node could not answer this request");
      if (known !== error) parts.log.error({ err: error, path: request.url }, "Request failed");
      sendJson(response, known.status, known.body);
    }
  }
  server.maxConnections = MAX_REQUEST_CONNECTIONS + options.apiMaxEventClients;
  const unsubscribe = ports.subscribe(events.publish);
  const close = async () => {
    unsubscribe();
    events.close();
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  try {
    await listen(server, options);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: serverUrl(server, options.apiHost), close };
}

function routesOf(
  ports: SmallApiPorts,
  events: EventStream,
  isTokenValid: ((token: string) => boolean) | undefined,
): readonly (readonly [RegExp, Route])[] {
  /** Sums and readings are the prosumer's secret: whoever may not write may not read them either. */
  const checkToken = ({ headers }: IncomingMessage): void => {
    const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1];
    if (isTokenValid !== undefined && (token === undefined || !isTokenValid(token)))
      throw apiError("UNAUTHORIZED", "this request needs the API token");
  };
  return [
    ...auditRoutes(ports, checkToken),
    ...analyticsRoutes(ports, checkToken),
    [
      /^\/ledger\/v1\/openings$/,
      async (_match, url, request) => {
        checkToken(request);
        if (ports.openings === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node meters nothing");
        const openings = await ports.openings(readOpeningsRequest(url.searchParams));
        return {
          openings: openings.map(({ intervalEndMs, amendment, sumMwh, salt }) => ({
            intervalEndMs,
            amendment,
            sumMwh: sumMwh.toString(),
            salt: Buffer.from(salt).toString("hex"),
          })),
        };
      },
    ],
    [
      /^\/ledger\/v1\/unsealed$/,
      async (_match, url, request) => {
        checkToken(request);
        if (ports.unsealed === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node meters nothing");
        const meterId = url.searchParams.get("meter") ?? undefined;
        if (meterId !== undefined && (meterId === "" || meterId.length > MAX_METER_ID_CHARS))
          throw apiError("BAD_REQUEST", "meter is a meter id");
        const unsealed = await ports.unsealed(meterId, MAX_UNSEALED);
        if (unsealed !== undefined) return unsealed;
        throw apiError("NOT_FOUND", `this node has closed no interval of meter ${meterId}`);
      },
    ],
    [/^\/health$/, async () => ({ status: "ok" })],
    [
      /^\/ready$/,
      async () => {
        const readiness = await ports.readiness();
        if (!readiness.ready) throw apiError("NOT_READY", readiness.reason);
        return { status: "ready" };
      },
    ],
    [
      /^\/metrics$/,
      async (_match, _url, _request, response) => {
        const text = await ports.metrics();
        sendText(response, 200, "text/plain; version=0.0.4; charset=utf-8", text);
      },
    ],
    [/^\/ledger\/v1\/status$/, async () => statusJson(await ports.status())],
    [/^\/ledger\/v1\/peers$/, async () => ({ peers: await ports.peers() })],
    [
      /^\/ledger\/v1\/light$/,
      async () => {
        if (ports.light === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node's role has no light view");
        return ports.light();
      },
    ],
    [
      /^\/ledger\/v1\/headers\/([0-9]{1,15})$/,
      async ([, height = ""]) => {
        if (ports.header === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node's role has no headers");
        const header = await ports.header(Number(height));
        if (header === undefined) throw apiError("NOT_FOUND", `there is no header of height ${height} here`);
        return headerJson(header);
      },
    ],
    [
      /^\/ledger\/v1\/transactions\/([0-9a-fA-F]{64})\/proof$/,
      async ([, txId = ""], _url, _request, response) => {
        if (ports.proof === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node's role has no proof");
        const proof = await ports.proof(new Uint8Array(Buffer.from(txId, "hex")));
        if (proof === undefined) throw apiError("NOT_FOUND", `there is no proof of transaction ${txId} here`);
        sendText(response, 200, "application/json; charset=utf-8", formatProofFile(proof));
      },
    ],
    [
      /^\/ledger\/v1\/events$/,
      async (_match, url, request, response) => {
        const types = url.searchParams.get("types")?.split(",");
        if (types?.some((type) => !EVENT_TYPES.includes(type as EventType)))
          throw apiError("BAD_REQUEST", `types are ${EVENT_TYPES.join(", ")}`);
        const lastEventId = request.headers["last-event-id"];
        events.add(response, {
          address: request.socket.remoteAddress ?? "",
          lastEventId: typeof lastEventId === "string" ? lastEventId : undefined,
          types: types && new Set(types as EventType[]),
        });
      },
    ],
  ];
}

/** Of each list of one answer, 150 bytes a row. */
const MAX_UNSEALED = 1000;

/** Openings of one answer. */
const MAX_OPENINGS = 1000;

function readOpeningsRequest(query: URLSearchParams): OpeningsRequest {
  return { ...readMeterRange(query), limit: MAX_OPENINGS };
}

/** Intervals of one answer: with a transaction each about 3 MB, and their leaves. */
const MAX_AUDITED_INTERVALS = 500;

/** What stands on node/audit: what a light node sealed with its proofs, its readings, and the erasures that the ledger knows. */
function auditRoutes(
  ports: SmallApiPorts,
  checkToken: (request: IncomingMessage) => void,
): readonly (readonly [RegExp, Route])[] {
  const open = async (request: IncomingMessage): Promise<OwnAudit> => {
    checkToken(request);
    if (ports.audit === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node meters nothing");
    return ports.audit();
  };
  return [
    [
      /^\/ledger\/v1\/audit\/seals$/,
      async (_match, url, request) => {
        const audit = await open(request);
        return audit.seals({ ...readMeterRange(url.searchParams), limit: MAX_AUDITED_INTERVALS });
      },
    ],
    [
      /^\/ledger\/v1\/audit\/erasures$/,
      async (_match, url, request) => {
        const audit = await open(request);
        const records = await audit.erasures(readMeterRange(url.searchParams).meterId);
        if (records === undefined) throw apiError("NOT_READY", "no full node proves them now");
        const receiptHash = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
        return { erasures: records.map((record) => ({ ...record, receiptHash: receiptHash(record.receiptHash) })) };
      },
    ],
    [
      /^\/ledger\/v1\/audit\/readings$/,
      async (_match, url, request, response) => {
        const audit = await open(request);
        const { encodeRows } = await import("../audit/auditRows.ts");
        const { meterId, fromMs, toMs } = readMeterRange(url.searchParams);
        const rows = encodeRows(audit.rows({ meterId, afterMs: fromMs, untilMs: toMs }));
        response.writeHead(200, { "content-type": "application/octet-stream" });
        // Its end is in the stream: a client that misses it knows that something went wrong here.
        await pipeline(rows, response).catch(() => response.destroy());
      },
    ],
  ];
}

/** What its own readings tell: as the full API's routes (node/analytics). */
function analyticsRoutes(
  ports: SmallApiPorts,
  checkToken: (request: IncomingMessage) => void,
): readonly (readonly [RegExp, Route])[] {
  let loading: Promise<SmallAnalytics> | undefined;
  const open = (request: IncomingMessage): Promise<SmallAnalytics> => {
    checkToken(request);
    const { readings } = ports;
    if (readings === undefined) throw apiError("NOT_SERVED_BY_ROLE", "this node meters nothing");
    loading ??= import("./smallAnalytics.ts").then(({ createSmallAnalytics }) => createSmallAnalytics(readings));
    return loading;
  };
  return [
    [
      /^\/ledger\/v1\/analytics\/(profile|anomalies|fleet)$/,
      async ([, name], url, request, response) =>
        (await open(request)).look(name as "profile", url.searchParams, response),
    ],
    [COST_ROUTE, async (_match, _url, request, response) => (await open(request)).cost(request, response)],
  ];
}

function readMeterRange(query: URLSearchParams): Omit<OpeningsRequest, "limit"> {
  const time = (name: string, otherwise: number): number => {
    const text = query.get(name);
    if (text === null) return otherwise;
    if (!/^[0-9]{1,15}$/.test(text)) throw apiError("BAD_REQUEST", `${name} is a time in Unix ms`);
    return Number(text);
  };
  const meterId = query.get("meter") ?? "";
  if (meterId === "" || meterId.length > MAX_METER_ID_CHARS) throw apiError("BAD_REQUEST", "meter is a meter id");
  return { meterId, fromMs: time("from", 0), toMs: time("to", MAX_READING_TIME_MS) };
}

const EVENT_TYPES: readonly EventType[] = ["block", "tx", "status"];

async function answerRequest(
  routes: readonly (readonly [RegExp, Route])[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = request.url ?? "/";
  if (!URL.canParse(target, "http://localhost")) throw apiError("BAD_REQUEST", "this is not a path");
  const url = new URL(target, "http://localhost");
  for (const [pattern, route] of routes) {
    const match = pattern.exec(url.pathname);
    if (match === null || request.method !== (pattern === COST_ROUTE ? "POST" : "GET")) continue;
    const answer = await route(match, url, request, response);
    if (answer !== undefined) sendJson(response, 200, answer);
    return;
  }
  if (url.pathname.startsWith(`${API_PREFIX}/`))
    throw apiError("NOT_SERVED_BY_ROLE", "a light node does not serve this route");
  throw apiError("ROUTE_UNKNOWN", `there is no ${request.method} ${url.pathname.slice(0, 200)}`);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, "application/json; charset=utf-8", JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

async function listen(server: Server, { apiHost: host, apiPort: port }: SmallApiOptions): Promise<void> {
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
    const code = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "REQUEST_TIMEOUT" : "MALFORMED_HTTP";
    const body = JSON.stringify(errorBody(code, "no request could be read"));
    const line = code === "REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
    socket.end(
      `HTTP/1.1 ${line}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  try {
    const listening = once(server, "listening");
    server.listen(port, host);
    await listening;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ApiStartError({ code: "API_ADDRESS_UNAVAILABLE", host, port, reason }, { cause: error });
  }
}
