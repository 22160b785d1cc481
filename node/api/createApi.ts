import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { NodeOptions } from "../options.ts";
import { readToken, serverUrl } from "./access.ts";
import { API_PREFIX } from "./apiPrefix.ts";
import { createCommitWaiters } from "./commitWaiters.ts";
import { ApiStartError } from "./errors.ts";
import { createEventStream } from "./eventStream.ts";
import type { Metrics } from "./metrics.ts";
import type { ApiPorts } from "./ports.ts";
import { createRateLimiter } from "./rateLimit.ts";
import { analyticsRoutes } from "./routes/analytics.ts";
import { blockRoutes } from "./routes/blocks.ts";
import { bridgeRoutes } from "./routes/bridge.ts";
import { channelRoutes } from "./routes/channels.ts";
import { ethereumRoutes } from "./routes/ethereum.ts";
import { monitoringRoutes, nodeRoutes } from "./routes/node.ts";
import type { RouteContext } from "./routes/routeContext.ts";
import { stateRoutes } from "./routes/state.ts";
import { transactionRoutes } from "./routes/transactions.ts";
import { createServer } from "./server.ts";
import { MAX_REQUEST_CONNECTIONS } from "./serverLimits.ts";

export type ApiOptions = Pick<
  NodeOptions,
  | "apiHost"
  | "apiPort"
  | "apiTokenFile"
  | "apiDocs"
  | "apiRequestsPerSecond"
  | "apiMaxBodyBytes"
  | "apiRequestTimeoutMs"
  | "apiCommitTimeoutMs"
  | "apiMaxEventClients"
>;

export interface Api {
  /** For example `http://127.0.0.1:26680`. */
  readonly url: string;
  readonly server: FastifyInstance;
  /** Ends event streams and waiting requests, then the server. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the REST API. It binds to loopback unless told otherwise, and then needs a token file for POST requests.
 * @throws ApiStartError API_TOKEN_REQUIRED, API_TOKEN_UNREADABLE, API_ADDRESS_UNAVAILABLE
 */
export async function createApi(
  options: ApiOptions,
  ports: ApiPorts,
  parts: { readonly metrics: Metrics; readonly log: Logger },
): Promise<Api> {
  const { metrics, log } = parts;
  const isTokenValid = readToken(options);
  const rateLimiter = createRateLimiter({
    perSecond: options.apiRequestsPerSecond,
    nowMs: () => performance.now(),
  });
  const server = createServer(
    {
      maxBodyBytes: options.apiMaxBodyBytes,
      requestTimeoutMs: options.apiRequestTimeoutMs,
      maxConnections: MAX_REQUEST_CONNECTIONS + options.apiMaxEventClients,
      isTokenValid,
    },
    { log, metrics, rateLimiter },
  );
  const events = createEventStream({ epoch: Date.now().toString(36), maxClients: options.apiMaxEventClients });
  const waiters = createCommitWaiters({ timeoutMs: options.apiCommitTimeoutMs });
  const context: RouteContext = { ports, metrics, events, waiters, isTokenValid };

  const paths = new Set<string>();
  server.addHook("onRoute", (route) => void paths.add(route.url));
  if (options.apiDocs) await registerDocs(server);
  await server.register(
    async (scope) => {
      nodeRoutes(scope, context);
      bridgeRoutes(scope, context);
      channelRoutes(scope, context);
      ethereumRoutes(scope, context);
      transactionRoutes(scope, context);
      blockRoutes(scope, context);
      stateRoutes(scope, context);
      analyticsRoutes(scope, context);
    },
    { prefix: API_PREFIX },
  );
  await server.register(async (scope) => monitoringRoutes(scope, context));
  const { bigchain } = ports;
  if (bigchain !== undefined) await server.register(async (scope) => bigchainRoutes(scope, bigchain));
  server.decorate(
    "printedRoutes",
    [...paths].filter((path) => !path.startsWith("/docs/")),
  );

  const unsubscribe = ports.subscribe((event) => {
    events.publish(event);
    if (event.type === "tx") waiters.decide(event);
  });
  const close = async () => {
    unsubscribe();
    events.close();
    waiters.close();
    await server.close();
  };
  try {
    await server.listen({ host: options.apiHost, port: options.apiPort });
  } catch (error) {
    await close();
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const { apiHost: host, apiPort: port } = options;
    throw new ApiStartError({ code: "API_ADDRESS_UNAVAILABLE", host, port, reason }, { cause: error });
  }
  return { url: serverUrl(server.server, options.apiHost), server, close };
}

/** Requests as they come, with bodies unread; the token and the limit of requests are the node's own. */
function bigchainRoutes(scope: FastifyInstance, handle: NonNullable<ApiPorts["bigchain"]>): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _body, done) => done(null));
  scope.all("/api/v1/*", { schema: { hide: true } as object }, (request, reply) => {
    reply.hijack();
    void handle(request.raw, reply.raw);
  });
}

/** Loaded only when wanted: the document and its page take 4 MB (Node 24.21). */
async function registerDocs(server: FastifyInstance): Promise<void> {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([
    import("@fastify/swagger"),
    import("@fastify/swagger-ui"),
  ]);
  await server.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Energy ledger node",
        version: "1",
        description:
          "Hashes, keys and addresses are lower-case hex, transaction bytes base64, 64-bit quantities decimal texts, times RFC 3339 in UTC. Every error is {code, message, hint}.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    },
  });
  await server.register(swaggerUi, { routePrefix: "/docs", staticCSP: true });
}
