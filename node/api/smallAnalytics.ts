import type { IncomingMessage, ServerResponse } from "node:http";
import { MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { MAX_READING_TIME_MS, QUANTITIES, type Quantity } from "#storage/types/reading.ts";
import {
  anomalyAnalysis,
  type CostBody,
  costAnalysis,
  createAnalyse,
  fleetAnalysis,
  profileAnalysis,
  type RangeQuery,
  RETRY_SECONDS,
} from "./analyses.ts";
import { COST_BODY, METER_ANALYTICS_QUERY } from "./analyticsSchemas.ts";
import { apiError } from "./errors.ts";
import { parseJsonBody } from "./jsonBody.ts";
import type { ApiPorts } from "./ports.ts";

const { slotMs: SLOT_MS, quantity: QUANTITY, zone: ZONE } = METER_ANALYTICS_QUERY.properties;
const { period: PERIOD, tariff: TARIFF } = COST_BODY.properties;
const MAX_TARIFF_CHARS = TARIFF.anyOf[0].maxLength;
/** A tariff as long as is allowed, with its line ends escaped. */
const MAX_BODY_BYTES = 2 * MAX_TARIFF_CHARS;

type Values = Readonly<Record<string, unknown>>;

/**
 * The analytics of the full API for a node without Fastify and its validators: the same requests, the same answers. Loaded with the first request.
 * @throws ApiError BAD_REQUEST, BAD_JSON, JSON_TOO_DEEP, BODY_TOO_LARGE, NOT_FOUND, NOT_READY, RATE_LIMITED
 */
export function createSmallAnalytics(readings: NonNullable<ApiPorts["readings"]>) {
  const analyse = createAnalyse();
  const of = { profile: profileAnalysis, anomalies: anomalyAnalysis, fleet: fleetAnalysis };
  const orTooMany = (answering: Promise<object> | undefined, response: ServerResponse): Promise<object> => {
    if (answering !== undefined) return answering;
    response.setHeader("retry-after", RETRY_SECONDS);
    throw apiError("RATE_LIMITED", "too many analyses wait already");
  };
  return {
    async look(name: keyof typeof of, parameters: URLSearchParams, response: ServerResponse): Promise<object> {
      const query = readRange(Object.fromEntries(parameters), { needsMeter: name !== "fleet", areTexts: true }, []);
      return orTooMany(
        analyse(readings, query, (zone) => of[name](query, zone)),
        response,
      );
    },
    async cost(request: IncomingMessage, response: ServerResponse): Promise<object> {
      const body = parseJsonBody(await bodyOf(request));
      if (typeof body !== "object" || body === null || Array.isArray(body)) throw bad("the body is no object");
      const query = readCost(body as Values);
      return orTooMany(
        analyse(readings, query, (zone) => costAnalysis(query, zone)),
        response,
      );
    },
  };
}

function readCost(values: Values): CostBody {
  const { period = PERIOD.default, rates, tariff } = values;
  const known = PERIOD.enum.find((name) => name === period);
  if (known === undefined) throw bad(`period is one of ${PERIOD.enum.join(", ")}`);
  if (typeof rates !== "object" || rates === null) throw bad("rates is an object");
  const isTariff =
    tariff === undefined || typeof tariff === "string" || (typeof tariff === "object" && tariff !== null);
  if (!isTariff || (typeof tariff === "string" && tariff.length > MAX_TARIFF_CHARS))
    throw bad(`tariff is an object, or a text of at most ${MAX_TARIFF_CHARS} characters`);
  const range = readRange(values, { needsMeter: true, areTexts: false }, ["period", "rates", "tariff"]);
  return { ...range, period: known, rates, ...(tariff === undefined ? {} : { tariff: tariff as string | object }) };
}

function readRange(
  values: Values,
  { needsMeter, areTexts }: { readonly needsMeter: boolean; readonly areTexts: boolean },
  others: readonly string[],
): RangeQuery {
  const names = [...(needsMeter ? ["meter"] : []), "from", "to", "zone", "slotMs", "quantity", ...others];
  const unknown = Object.keys(values).find((name) => !names.includes(name));
  if (unknown !== undefined) throw bad(`${JSON.stringify(unknown.slice(0, 64))} is no parameter of this`);
  const whole = (name: string, min: number, max: number, otherwise?: number): number => {
    const given = values[name] ?? otherwise;
    const value = areTexts && typeof given === "string" && /^\d{1,16}$/.test(given) ? Number(given) : given;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw bad(`${name} is a whole number from ${min} to ${max}`);
  };
  const { meter, zone = ZONE.default, quantity = QUANTITY.default } = values;
  if (needsMeter && (typeof meter !== "string" || meter === "" || meter.length > MAX_METER_ID_CHARS))
    throw bad("meter is a meter id");
  if (typeof zone !== "string" || zone === "" || zone.length > ZONE.maxLength) throw bad("zone is an IANA time zone");
  if (!QUANTITIES.includes(quantity as Quantity)) throw bad(`quantity is one of ${QUANTITIES.join(", ")}`);
  return {
    ...(needsMeter ? { meter: meter as string } : {}),
    from: whole("from", 0, MAX_READING_TIME_MS),
    to: whole("to", 0, MAX_READING_TIME_MS),
    zone,
    slotMs: whole("slotMs", SLOT_MS.minimum, SLOT_MS.maximum, SLOT_MS.default),
    quantity: quantity as Quantity,
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw apiError("BODY_TOO_LARGE", `a body has at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function bad(message: string) {
  return apiError("BAD_REQUEST", message);
}
