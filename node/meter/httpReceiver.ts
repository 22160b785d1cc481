import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyError } from "fastify";
import { sha256 } from "#storage/crypto/hash.ts";
import { MAX_HEADER_BYTES } from "../api/serverLimits.ts";
import type { DecodedFrame } from "./frame.ts";
import type { InputPorts } from "./input.ts";
import { HOST, type OptionReader, SECRET } from "./inputOptions.ts";

export interface HttpReceiverOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly path: string;
  /** Needed as `authorization: Bearer <token>` or `x-auth-token` when defined. */
  readonly token: string | undefined;
  readonly maxBodyBytes: number;
  /** Messages that come in or wait to be on disk; beyond it the sender is told to come again. */
  readonly maxPending: number;
}

export interface HttpReceiver extends AsyncDisposable {
  readonly port: number;
}

/** What meters post is short: a request takes longer than this only when its sender means to hold a connection. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 1024;
const RETRY_AFTER_S = 5;
const JSON_TYPES = ["application/json", "application/ld+json"];

export const HTTP_RECEIVER_OPTIONS = ["host", "port", "path", "token", "maxBodyBytes", "maxPending"] as const;

/** @throws MeterSourceError METER_OPTION_INVALID */
export function readHttpReceiverOptions(reader: OptionReader, defaultPath: string): HttpReceiverOptions {
  return {
    host: reader.text("host", { ...HOST, fallback: "127.0.0.1" }),
    port: reader.integer("port", { min: 0, max: 65_535 }),
    path: reader.text("path", {
      pattern: /^(\/[0-9A-Za-z._~-]+)+$/,
      form: "a path like /meter/notify",
      fallback: defaultPath,
    }),
    token: reader.optionalText("token", SECRET),
    maxBodyBytes: reader.integer("maxBodyBytes", { min: 1024, max: 16 * 1024 * 1024, fallback: 1024 * 1024 }),
    maxPending: reader.integer("maxPending", { min: 1, max: 100_000, fallback: 256 }),
  };
}

/**
 * An HTTP endpoint to which JSON messages of meters are posted. 204 when every reading of a message is on disk, and not before; 400 when nothing of it was
 * understood, which is on record as rejected; 503 with Retry-After when too much waits or the node is stopping; 401, 404, 408, 413, 415 as HTTP has them.
 */
export async function startHttpReceiver(
  options: HttpReceiverOptions,
  { offer, log }: Pick<InputPorts, "offer" | "log">,
  decode: (body: Buffer, headers: IncomingHttpHeaders) => DecodedFrame,
): Promise<HttpReceiver> {
  const { host, path, token, maxPending } = options;
  let pending = 0;
  const server = fastify({
    logger: false,
    bodyLimit: options.maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: 3 * REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 6 * REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: REQUEST_TIMEOUT_MS },
  });
  server.server.maxConnections = MAX_CONNECTIONS;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(JSON_TYPES, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) log.error({ err: error }, "Meter message failed");
    return reply
      .code(status)
      .send({ code: error.code ?? "INTERNAL", message: status >= 500 ? "failed" : error.message });
  });

  server.post(path, {
    onRequest: async (request, reply) => {
      const { authorization, "x-auth-token": header } = request.headers;
      const given =
        /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1] ?? (typeof header === "string" ? header : undefined);
      if (token !== undefined && (given === undefined || !isSame(given, token)))
        return reply
          .code(401)
          .header("www-authenticate", "Bearer")
          .send({ code: "UNAUTHORIZED", message: "the token is missing or wrong" });
      // Before the body is read: what cannot be kept is not taken in.
      if (pending >= maxPending)
        return reply.code(503).header("retry-after", RETRY_AFTER_S).send({ code: "BUSY", message: "too much waits" });
      pending += 1;
      // Comes in the end whatever becomes of the request.
      reply.raw.once("close", () => {
        pending -= 1;
      });
    },
    handler: async (request, reply) => {
      const body = request.body;
      if (!(body instanceof Buffer))
        return reply.code(415).send({ code: "UNSUPPORTED_MEDIA_TYPE", message: "JSON is needed" });
      const frame = decode(body, request.headers);
      try {
        await offer(frame);
      } catch (error) {
        log.warn({ err: error }, "Meter message was not stored");
        return reply
          .code(503)
          .header("retry-after", RETRY_AFTER_S)
          .send({ code: "STOPPING", message: "send it again" });
      }
      const [first] = frame.rejected;
      const isForeign = frame.readings.length === 0 && first?.reason === "unknown-format";
      return isForeign ? reply.code(400).send({ code: "NOT_UNDERSTOOD", message: first.text }) : reply.code(204).send();
    },
  });

  await server.listen({ host, port: options.port });
  const { port } = server.server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => server.close() };
}

/** In a time that does not tell how much of it is right. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(Buffer.from(given)), sha256(Buffer.from(expected)));
}
