import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Zone } from "../../analytics/zone.ts";
import {
  type Analysis,
  anomalyAnalysis,
  type CostBody,
  costAnalysis,
  createAnalyse,
  fleetAnalysis,
  profileAnalysis,
  type RangeQuery,
  RETRY_SECONDS,
} from "../analyses.ts";
import { COST_BODY, FLEET_QUERY, METER_ANALYTICS_QUERY } from "../analyticsSchemas.ts";
import { apiError } from "../errors.ts";
import { answer, ERROR_ANSWER } from "../schemas.ts";
import { need, type RouteContext } from "./routeContext.ts";

/** Routes about what this node's readings tell. Readings are their owner's secret: where the API has a token, these need it also to read. */
export function analyticsRoutes(server: FastifyInstance, context: RouteContext): void {
  const analyse = createAnalyse();
  const describe = (summary: string) => ({
    tags: ["analytics"],
    summary,
    ...(context.isTokenValid === undefined ? {} : { security: [{ token: [] }] }),
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });
  const onRequest = async (request: FastifyRequest) => checkToken(context, request);

  async function answered<Query extends RangeQuery>(
    query: Query,
    reply: FastifyReply,
    work: (query: Query, zone: Zone) => Analysis<object>,
  ): Promise<object> {
    const answering = analyse(need(context.ports, "readings"), query, (zone) => work(query, zone));
    if (answering !== undefined) return answering;
    reply.header("retry-after", RETRY_SECONDS);
    throw apiError("RATE_LIMITED", "too many analyses wait already");
  }

  server.get<{ Querystring: RangeQuery }>("/analytics/profile", {
    onRequest,
    schema: { ...describe("A meter's typical weekday and weekend, in local time"), querystring: METER_ANALYTICS_QUERY },
    handler: ({ query }, reply) => answered(query, reply, profileAnalysis),
  });

  server.get<{ Querystring: RangeQuery }>("/analytics/anomalies", {
    onRequest,
    schema: {
      ...describe("Spikes, leaks, zero runs, base load steps and values over the limit of a meter"),
      querystring: METER_ANALYTICS_QUERY,
    },
    handler: ({ query }, reply) => answered(query, reply, anomalyAnalysis),
  });

  server.get<{ Querystring: RangeQuery }>("/analytics/fleet", {
    onRequest,
    schema: {
      ...describe("Completeness of all meters, slots that many miss together, clocks that moved"),
      querystring: FLEET_QUERY,
    },
    handler: ({ query }, reply) => answered(query, reply, fleetAnalysis),
  });

  server.post<{ Body: CostBody }>("/analytics/cost", {
    schema: { ...describe("Energy, cost and bills of a meter by time of use"), body: COST_BODY },
    handler: ({ body }, reply) => answered(body, reply, costAnalysis),
  });
}

/** @throws ApiError UNAUTHORIZED */
function checkToken({ isTokenValid }: RouteContext, request: FastifyRequest): void {
  if (isTokenValid === undefined) return;
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined || !isTokenValid(token)) throw apiError("UNAUTHORIZED", "this request needs the API token");
}
