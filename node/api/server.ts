import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { nearestName } from "../configurationNearest.ts";
import { ApiError, type ApiErrorCode, apiError, errorBody } from "./errors.ts";
import { parseJsonBody } from "./jsonBody.ts";
import type { Metrics } from "./metrics.ts";
import type { RateLimiter } from "./rateLimit.ts";
import { MAX_HEADER_BYTES, MAX_PARAM_CHARS } from "./serverLimits.ts";

export interface ServerOptions {
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
  /** Needed by every POST when defined. */
  readonly isTokenValid: ((token: string) => boolean) | undefined;
}

/** The HTTP server before its routes: limits, timeouts, body parsers and the one shape of error answers. */
export function createServer(
  options: ServerOptions,
  parts: { readonly log: Logger; readonly metrics: Metrics; readonly rateLimiter: RateLimiter },
): FastifyInstance {
  const { log, metrics, rateLimiter } = parts;
  const { requestTimeoutMs } = options;
  const server = fastify({
    logger: false,
    bodyLimit: options.maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 3 * requestTimeoutMs,
    keepAliveTimeout: requestTimeoutMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: requestTimeoutMs,
      // Node looks for requests that are too slow only this often, every 30 s if not told otherwise.
      connectionsCheckingInterval: Math.min(1000, Math.ceil(requestTimeoutMs / 2)),
    },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, useDefaults: true, allErrors: false } },
    // What Fastify's router cannot read has no route, and so none of the handlers below.
    frameworkErrors: (error, _request, reply) => {
      const { status, body } = asApiError(error, options.maxBodyBytes);
      (reply as FastifyReply).code(status).send(body);
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
      socket.end(rawHttpError(clientErrorCode(error.code)));
    },
  });
  server.server.maxConnections = options.maxConnections;

  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
  server.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );

  server.addHook("onRequest", async (request, reply) => {
    const waitMs = rateLimiter.take(request.ip);
    if (waitMs > 0) {
      reply.header("retry-after", Math.ceil(waitMs / 1000));
      throw apiError("RATE_LIMITED", `too many requests from ${request.ip}`);
    }
    if (request.method === "POST" && options.isTokenValid !== undefined) {
      const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
      if (token === undefined || !options.isTokenValid(token)) {
        reply.header("www-authenticate", "Bearer");
        throw apiError("UNAUTHORIZED", "this request needs the API token");
      }
    }
  });
  server.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unknown";
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    metrics.api.requestSeconds.observe(labels, reply.elapsedTime / 1000);
    log.debug({ ...labels, ms: Math.round(reply.elapsedTime), address: request.ip }, "Answered request");
  });
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const known = asApiError(error, options.maxBodyBytes);
    if (known.details.code === "INTERNAL") log.error({ err: error, route: request.routeOptions.url }, "Request failed");
    return reply.code(known.status).send(known.body);
  });
  server.setNotFoundHandler((request, reply) => notFound(server, request, reply));
  return server;
}

function notFound(server: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
  const path = request.url.split("?")[0]?.slice(0, 200) ?? "";
  const routes = server.printedRoutes ?? [];
  const nearest = nearestName(path, routes);
  const message = `there is no ${request.method} ${path}`;
  const body = errorBody("ROUTE_UNKNOWN", message);
  return reply.code(404).send(nearest === "" ? body : { ...body, hint: `Did you mean ${nearest}? ${body.hint}` });
}

declare module "fastify" {
  interface FastifyInstance {
    /** Paths of the registered routes, for the hint of an unknown one. */
    printedRoutes?: readonly string[];
  }
}

/** Fastify's own errors by their codes; whatever is left is ours and not the caller's fault. */
function asApiError(error: FastifyError, maxBodyBytes: number): ApiError {
  if (error instanceof ApiError) return error;
  if (error.validation) return apiError("BAD_REQUEST", error.message);
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return apiError("BODY_TOO_LARGE", `the body is larger than ${maxBodyBytes} bytes`);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return apiError("UNSUPPORTED_MEDIA_TYPE", "this content type is not understood");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return apiError("BAD_REQUEST", "the body's length is not the announced one");
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return apiError("BAD_REQUEST", error.message);
  return apiError("INTERNAL", "the node could not answer this request");
}

function clientErrorCode(code: string | undefined): ApiErrorCode {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "REQUEST_TIMEOUT";
  return code === "HPE_HEADER_OVERFLOW" ? "HEADERS_TOO_LARGE" : "MALFORMED_HTTP";
}

const RAW_STATUS: Partial<Record<ApiErrorCode, readonly [line: string, message: string]>> = {
  REQUEST_TIMEOUT: ["408 Request Timeout", "the request did not arrive in time"],
  HEADERS_TOO_LARGE: ["431 Request Header Fields Too Large", `the headers are larger than ${MAX_HEADER_BYTES} bytes`],
  MALFORMED_HTTP: ["400 Bad Request", "the bytes received are not an HTTP request"],
};

/** An answer for a socket on which no request could be read, so that no framework can write it. */
function rawHttpError(code: ApiErrorCode): string {
  const [line, message] = RAW_STATUS[code] ?? ["400 Bad Request", code];
  const body = JSON.stringify(errorBody(code, message));
  const headers = `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  return `HTTP/1.1 ${line}\r\n${headers}\r\n\r\n${body}`;
}
