import type { Server } from "node:http";
import type { Logger } from "pino";
import { serverUrl } from "../api/access.ts";
import type { NodeOptions } from "../options.ts";
import { type ListenAddress, parseListenAddress } from "../rpc/listenAddress.ts";
import { BigchainStartError } from "./bigchainError.ts";
import { createBigchainWaiters } from "./commitWaiters.ts";
import { COMMIT_TIMEOUT_MS } from "./limits.ts";
import type { BigchainPorts } from "./ports.ts";
import { createRouter } from "./routes.ts";
import {
  createBigchainServer,
  createRequestHandler,
  REQUEST_LIMITS,
  type RequestHandler,
  type RequestLimits,
} from "./server.ts";
import { createStreamServer, STREAM_LIMITS, type StreamLimits } from "./streamServer.ts";
import { submitTransaction } from "./submitTransaction.ts";

export type BigchainOptions = Pick<NodeOptions, "bigchainListen" | "bigchainStreamListen">;

export interface Bigchain {
  /** For example `http://127.0.0.1:9984`; undefined where it has no port of its own. */
  readonly url: string | undefined;
  /** For example `ws://127.0.0.1:9985`; undefined where it is off. */
  readonly streamUrl: string | undefined;
  /** Answers the same requests behind the node's REST. */
  readonly handle: RequestHandler;
  readonly close: () => Promise<void>;
}

/**
 * Starts BigchainDB's HTTP API and event stream on the addresses of the options; an empty one is off.
 * @throws BigchainStartError BIGCHAIN_ADDRESS_MALFORMED, BIGCHAIN_ADDRESS_UNAVAILABLE
 */
export async function createBigchain(
  options: BigchainOptions,
  ports: BigchainPorts,
  parts: {
    readonly log: Logger;
    readonly requestLimits?: Partial<RequestLimits>;
    readonly streamLimits?: Partial<StreamLimits>;
    readonly commitTimeoutMs?: number;
  },
): Promise<Bigchain> {
  const { log, commitTimeoutMs = COMMIT_TIMEOUT_MS } = parts;
  const requestLimits = { ...REQUEST_LIMITS, ...parts.requestLimits };
  const address = addressOf("bigchainListen", options.bigchainListen);
  const streamAddress = addressOf("bigchainStreamListen", options.bigchainStreamListen);
  const waiters = createBigchainWaiters();
  const stream = createStreamServer({ ...STREAM_LIMITS, ...parts.streamLimits });
  let streamUrl: string | undefined;
  // The real server names its own default where it was told nothing else.
  const router = createRouter(ports, () => streamUrl ?? "ws://localhost:9985");
  const handle = createRequestHandler(
    {
      router,
      submit: (body, mode) => submitTransaction(body, mode, ports, { waiters, commitTimeoutMs }),
      onFault: (target, error) =>
        log.error({ err: error, target: target.slice(0, 200) }, "A BigchainDB request could not be answered"),
    },
    requestLimits,
  );
  const server = createBigchainServer(handle, requestLimits);
  const unsubscribe = ports.subscribe((decision) => {
    waiters.note(decision);
    stream.publish(decision);
  });
  const close = async () => {
    unsubscribe();
    waiters.close();
    stream.close();
    await Promise.all([closeServer(server), closeServer(stream.server)]);
  };
  try {
    if (streamAddress !== undefined) {
      await listen(stream.server, streamAddress);
      streamUrl = serverUrl(stream.server, streamAddress.host).replace(/^http/, "ws");
    }
    if (address !== undefined) await listen(server, address);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: address === undefined ? undefined : serverUrl(server, address.host), streamUrl, handle, close };
}

/** @throws BigchainStartError BIGCHAIN_ADDRESS_MALFORMED */
function addressOf(option: string, text: string): ListenAddress | undefined {
  if (text === "") return undefined;
  const address = parseListenAddress(text);
  if (address === undefined)
    throw new BigchainStartError({ code: "BIGCHAIN_ADDRESS_MALFORMED", option, address: text });
  return address;
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? error.message;
      reject(new BigchainStartError({ code: "BIGCHAIN_ADDRESS_UNAVAILABLE", host, port, reason }, { cause: error }));
    });
    server.listen({ host, port }, resolve);
  });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
