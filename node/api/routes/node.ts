import type { FastifyInstance } from "fastify";
import { errorBody } from "../errors.ts";
import type { EventType } from "../eventStream.ts";
import { statusJson } from "../json.ts";
import { answer, ERROR_ANSWER, EVENTS_QUERY } from "../schemas.ts";
import { need, type RouteContext } from "./routeContext.ts";

const TAGS = ["node"];

/** Routes about this node itself, under /ledger/v1. */
export function nodeRoutes(server: FastifyInstance, { ports, events }: RouteContext): void {
  const describe = (summary: string) => ({
    tags: TAGS,
    summary,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });

  server.get("/status", {
    schema: describe("Role, chain, height and peers of this node"),
    handler: async () => statusJson(await ports.status()),
  });
  server.get("/peers", {
    schema: describe("Connected peers"),
    handler: async () => ({ peers: await ports.peers() }),
  });
  server.get("/light", {
    schema: describe("A light node's headers, proofs, readings and intervals"),
    handler: async () => ({ ...(await need(ports, "light")()) }),
  });
  server.get("/mempool", {
    schema: describe("Transactions waiting for a block"),
    handler: async () => ({ ...(await need(ports, "mempool")()) }),
  });
  server.get<{ Querystring: { types?: string } }>("/events", {
    exposeHeadRoute: false,
    schema: {
      tags: TAGS,
      summary: "Server-sent events: block, tx, status; Last-Event-ID resumes, `gap` says that events were lost",
      querystring: EVENTS_QUERY,
    },
    handler: (request, reply) => {
      const lastEventId = request.headers["last-event-id"];
      const types = request.query.types?.split(",") as EventType[] | undefined;
      events.add(reply.raw, {
        address: request.ip,
        lastEventId: typeof lastEventId === "string" ? lastEventId : undefined,
        types: types && new Set(types),
      });
      reply.hijack();
    },
  });
}

/** Routes that monitoring tools expect at the root. */
export function monitoringRoutes(server: FastifyInstance, { ports, metrics, events }: RouteContext): void {
  server.get("/health", {
    schema: { tags: ["monitoring"], summary: "The process answers", response: { 200: answer("It does") } },
    handler: async () => ({ status: "ok" }),
  });
  server.get("/ready", {
    schema: {
      tags: ["monitoring"],
      summary: "This node is synchronised and can be relied on",
      response: { 200: answer("It can"), 503: ERROR_ANSWER },
    },
    handler: async (_request, reply) => {
      const readiness = await ports.readiness();
      if (readiness.ready) return { status: "ready" };
      return reply.code(503).send(errorBody("NOT_READY", readiness.reason));
    },
  });
  server.get("/metrics", {
    schema: { tags: ["monitoring"], summary: "Prometheus metrics", produces: ["text/plain"] },
    handler: async (_request, reply) => {
      metrics.api.eventClients.set(events.clients());
      metrics.api.eventClientsDropped.set(events.dropped());
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    },
  });
}
