import type { Connection, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { createLruCache } from "../verifierCache.ts";
import type { NetworkClock } from "./clock.ts";
import type { NetworkCounters } from "./counters.ts";
import { encodeFrame } from "./framing.ts";
import type { Host } from "./host.ts";
import {
  MAX_ERROR_FRAME_BYTES,
  MAX_REPUTATIONS,
  MAX_REQUESTS_PER_PEER,
  MAX_RESPONSE_BYTES_IN_FLIGHT,
  REQUEST_TIMEOUT_MS,
} from "./limits.ts";
import { NetworkError, RefusalError } from "./networkError.ts";
import type { RequestProtocol } from "./protocols.ts";
import type { Offence } from "./reputation.ts";
import { decodeResponse, encodeAnswer, encodeRefusal, RESPONSE_HEAD_BYTES } from "./responseFrame.ts";
import { receiveOneFrame } from "./streams.ts";
import type { TokenBucket } from "./tokenBucket.ts";
import { createTokenBucket } from "./tokenBucket.ts";

/** Answers a request; throws RefusalError to refuse with a code. `signal` ends when nobody waits for the answer any more. */
export type RequestHandler = (peer: string, bytes: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Less than the protocol's limit, if the caller wants less. */
  readonly maxResponseBytes?: number;
}

export interface RequestResponsePorts {
  readonly host: Host;
  readonly clock: NetworkClock;
  readonly counters: NetworkCounters;
  penalise(peer: string, offence: Offence): void;
  /** Resolves once the handshake with the peer has succeeded, or to false if it does not. */
  whenAdmitted(peer: string): Promise<boolean>;
  onReceived(peer: string, bytes: number): void;
}

export interface RequestResponse {
  /** Serves a protocol. `beforeHandshake` is for the handshake itself. */
  register(protocol: RequestProtocol, handler: RequestHandler, options?: { beforeHandshake?: boolean }): Promise<void>;
  /**
   * One question, one answer, on a stream of its own.
   * @throws NetworkError PEER_NOT_CONNECTED, MESSAGE_TOO_LARGE, REQUEST_TIMEOUT, REQUEST_REFUSED (the peer's code and
   *   reason: RATE_LIMITED, BUSY, NOT_ADMITTED, INTERNAL or the handler's own), REQUEST_FAILED, FRAME_TOO_LARGE
   */
  request(peer: string, protocol: RequestProtocol, bytes: Uint8Array, options?: RequestOptions): Promise<Uint8Array>;
}

export function createRequestResponse(ports: RequestResponsePorts): RequestResponse {
  const { host, counters, penalise } = ports;
  const rates = createLruCache<TokenBucket>(MAX_REPUTATIONS);
  const running = new Map<string, number>();
  let responseBytes = 0;

  const withinRate = (protocol: RequestProtocol, peer: string): boolean => {
    const key = `${peer} ${protocol.id}`;
    const bucket = rates.get(key) ?? createTokenBucket(protocol, ports.clock.nowMs);
    rates.set(key, bucket);
    return bucket.take(1);
  };

  /** The answer's frame. Cheap refusals come first: rate, load, handshake, then the request is read. */
  const answer = async (
    stream: Stream,
    peer: string,
    protocol: RequestProtocol,
    handler: RequestHandler,
    beforeHandshake: boolean,
    signal: AbortSignal,
  ): Promise<Uint8Array> => {
    if (!withinRate(protocol, peer)) {
      penalise(peer, "REQUEST_FLOOD");
      return encodeRefusal("RATE_LIMITED", `more than ${protocol.perSecond} requests per second`);
    }
    if ((running.get(peer) ?? 0) > MAX_REQUESTS_PER_PEER)
      return encodeRefusal("BUSY", `more than ${MAX_REQUESTS_PER_PEER} requests at once`);
    if (!beforeHandshake && !(await ports.whenAdmitted(peer)))
      return encodeRefusal("NOT_ADMITTED", "no successful handshake");
    const request = await receiveOneFrame(stream, protocol.maxRequestBytes, signal);
    ports.onReceived(peer, request.length);
    const response = await handler(peer, request, signal);
    if (response.length > protocol.maxResponseBytes)
      return encodeRefusal("ANSWER_TOO_LARGE", `${response.length} of ${protocol.maxResponseBytes} bytes`);
    if (responseBytes + response.length > MAX_RESPONSE_BYTES_IN_FLIGHT)
      return encodeRefusal("BUSY", "too many answers under way");
    counters.requestsServed += 1;
    return encodeAnswer(response);
  };

  const refusalOf = (peer: string, error: unknown): Uint8Array => {
    if (error instanceof RefusalError) return encodeRefusal(error.details.code, error.details.reason);
    if (error instanceof NetworkError && isFrameViolation(error)) {
      counters.frameViolations += 1;
      penalise(peer, "FRAME_VIOLATION");
    } else if (error instanceof NetworkError && error.code.endsWith("_MALFORMED")) penalise(peer, "REQUEST_INVALID");
    else return encodeRefusal("INTERNAL", "the request could not be answered");
    return encodeRefusal(error.code, error.message);
  };

  const serve = async (
    stream: Stream,
    connection: Connection,
    protocol: RequestProtocol,
    handler: RequestHandler,
    beforeHandshake: boolean,
  ): Promise<void> => {
    const peer = connection.remotePeer.toString();
    const gone = new AbortController();
    stream.addEventListener("close", () => gone.abort(), { once: true });
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    running.set(peer, (running.get(peer) ?? 0) + 1);
    let frame: Uint8Array = new Uint8Array();
    try {
      const response = await answer(stream, peer, protocol, handler, beforeHandshake, signal).catch((error: unknown) =>
        refusalOf(peer, error),
      );
      if (response[0] !== 0) counters.requestsRefused += 1;
      frame = encodeFrame(response);
      responseBytes += frame.length;
      if (stream.writeStatus === "writable") {
        stream.send(frame);
        await stream.close({ signal });
      }
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    } finally {
      responseBytes -= frame.length;
      const left = (running.get(peer) ?? 1) - 1;
      if (left > 0) running.set(peer, left);
      else running.delete(peer);
    }
  };

  return {
    async register(protocol, handler, { beforeHandshake = false } = {}) {
      await host.handle(
        protocol.id,
        (stream, connection) => void serve(stream, connection, protocol, handler, beforeHandshake),
        { maxInboundStreams: 2 * MAX_REQUESTS_PER_PEER, maxOutboundStreams: 8 * MAX_REQUESTS_PER_PEER },
      );
    },

    async request(peer, protocol, bytes, options = {}) {
      if (bytes.length > protocol.maxRequestBytes)
        throw new NetworkError({ code: "MESSAGE_TOO_LARGE", bytes: bytes.length, maxBytes: protocol.maxRequestBytes });
      const connection = host.getConnections(peerIdFromString(peer)).find(({ status }) => status === "open");
      if (connection === undefined) throw new NetworkError({ code: "PEER_NOT_CONNECTED", peer });
      const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
      const maxBytes = Math.min(options.maxResponseBytes ?? protocol.maxResponseBytes, protocol.maxResponseBytes);
      counters.requestsSent += 1;
      let stream: Stream | undefined;
      try {
        stream = await connection.newStream(protocol.id, { signal });
        stream.send(encodeFrame(bytes));
        // The half-close may have to wait for the window; its failure shows up as the stream's own.
        stream.close({ signal }).catch(() => undefined);
        const frameBytes = RESPONSE_HEAD_BYTES + Math.max(maxBytes, MAX_ERROR_FRAME_BYTES);
        const frame = await receiveOneFrame(stream, frameBytes, signal);
        ports.onReceived(peer, frame.length);
        const response = decodeResponse(frame);
        if (response === undefined) {
          penalise(peer, "REQUEST_INVALID");
          throw new NetworkError({ code: "REQUEST_FAILED", peer, protocol: protocol.id, reason: "malformed answer" });
        }
        if (!response.refused) return response.bytes;
        const { code: refusal, reason } = response;
        throw new NetworkError({ code: "REQUEST_REFUSED", peer, protocol: protocol.id, refusal, reason });
      } catch (error) {
        counters.requestsFailed += 1;
        if (error instanceof Error) stream?.abort(error);
        if (error instanceof NetworkError) {
          // An answer within the protocol's limit is honest, even where this caller wanted less.
          const bytes = error.details.code === "FRAME_TOO_LARGE" ? error.details.bytes : Number.POSITIVE_INFINITY;
          if (isFrameViolation(error) && bytes > RESPONSE_HEAD_BYTES + protocol.maxResponseBytes)
            penalise(peer, "FRAME_VIOLATION");
          throw error;
        }
        options.signal?.throwIfAborted();
        if (timeout.aborted)
          throw new NetworkError({ code: "REQUEST_TIMEOUT", peer, protocol: protocol.id, timeoutMs }, { cause: error });
        throw new NetworkError(
          { code: "REQUEST_FAILED", peer, protocol: protocol.id, reason: reasonOf(error) },
          { cause: error },
        );
      }
    },
  };
}

/** A stream that ends while it is waited for rejects with its event. */
function reasonOf(error: unknown): string {
  const { error: inner, type } = (error ?? {}) as { readonly error?: unknown; readonly type?: unknown };
  if (error instanceof Error) return error.message;
  if (inner instanceof Error) return inner.message;
  return typeof type === "string" ? `the stream's ${type}` : String(error);
}

/** Whether the other side broke the framing; a frame cut short is no violation but what a lost connection looks like. */
function isFrameViolation({ code }: NetworkError): boolean {
  return code === "FRAME_TOO_LARGE" || code === "FRAME_LENGTH_MALFORMED";
}
