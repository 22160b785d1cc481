import { type ExactJson, isList, textOf as jsonText, member, parseExactJson } from "../exactJson.ts";

/** A FIWARE context broker, Orion (v2) or one of NGSI-LD. */
export interface BrokerOptions {
  readonly api: "v2" | "ld";
  /** Without a path: "http://orion:1026". */
  readonly url: string;
  readonly service: string | undefined;
  readonly servicePath: string | undefined;
  readonly token: string | undefined;
  /** Entities that are subscribed to. */
  readonly entityType: string;
  readonly idPattern: string;
  /** Attributes whose change is told. */
  readonly attributes: readonly string[];
  /** Where notifications go, as the broker reaches it, and the token it brings along. */
  readonly notifyUrl: string;
  readonly notifyToken: string | undefined;
  readonly expiresS: number;
  /** NGSI-LD: the context in which the names of attributes are meant. */
  readonly context: string | undefined;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Of one answer: a page of 100 entities in their normalized form is 700 KiB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
export const PAGE_ENTITIES = 100;
/** Pages of one query. */
const MAX_PAGES = 100;
const MAX_SUBSCRIPTIONS = 1000;
/** By which the subscription of an earlier run is known again. */
const DESCRIPTION = "energy ledger meter input";

export interface Broker {
  /** Makes the subscription, or prolongs the one of before. @throws Error with the broker's answer, or when it does not answer */
  subscribe(nowMs: number): Promise<void>;
  /** The state of the entities now, page by page, each as the body of its answer. @throws Error */
  query(): AsyncGenerator<Uint8Array>;
}

export function createBroker(options: BrokerOptions, signal: AbortSignal): Broker {
  const { api, url, expiresS, notifyUrl } = options;
  const base = api === "v2" ? `${url}/v2` : `${url}/ngsi-ld/v1`;
  let id: string | undefined;

  async function ask(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; bytes: Uint8Array; location: string | null }> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (options.service !== undefined) headers[api === "v2" ? "fiware-service" : "ngsild-tenant"] = options.service;
    if (options.servicePath !== undefined) headers["fiware-servicepath"] = options.servicePath;
    if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
    if (options.context !== undefined)
      headers.link = `<${options.context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const init = { method, headers, signal: limit, redirect: "error" as const };
    const response = await fetch(base + path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
    const bytes = await readLimited(response);
    return { status: response.status, bytes, location: response.headers.get("location") };
  }

  async function demand(method: string, path: string, body?: object) {
    const answer = await ask(method, path, body);
    if (answer.status < 300) return answer;
    const text = Buffer.from(answer.bytes).toString("utf8").slice(0, 200);
    throw new Error(`the broker answered ${answer.status} to ${method} ${path}: ${text}`);
  }

  async function findOwn(): Promise<string | undefined> {
    for (let offset = 0; offset < MAX_SUBSCRIPTIONS; offset += PAGE_ENTITIES) {
      const { bytes } = await demand("GET", `/subscriptions?limit=${PAGE_ENTITIES}&offset=${offset}`);
      const list = parseExactJson(Buffer.from(bytes).toString("utf8"));
      if (!isList(list)) return undefined;
      const own = list.find((one) => jsonText(one, "description") === DESCRIPTION && notifiedUrl(one) === notifyUrl);
      if (own !== undefined) return jsonText(own, "id");
      if (list.length < PAGE_ENTITIES) return undefined;
    }
    return undefined;
  }

  return {
    async subscribe(nowMs) {
      const expires = new Date(nowMs + expiresS * 1000).toISOString();
      id ??= await findOwn();
      const wanted = api === "v2" ? subscriptionV2(options, expires) : subscriptionLd(options, expires);
      if (id !== undefined) {
        const answer = await ask("PATCH", `/subscriptions/${encodeURIComponent(id)}`, wanted);
        if (answer.status < 300) return;
        // The broker has forgotten it, or has one that cannot be changed into ours.
        id = undefined;
      }
      const { location } = await demand("POST", "/subscriptions", wanted);
      id = location?.split("/").at(-1);
    },

    async *query() {
      const attributes = options.attributes.join();
      const names =
        api === "v2"
          ? `attrs=${attributes},TimeInstant,dateObserved,dateModified&metadata=*,dateModified`
          : `attrs=${attributes},dateObserved&options=sysAttrs`;
      const filter = `type=${encodeURIComponent(options.entityType)}&idPattern=${encodeURIComponent(options.idPattern)}`;
      for (let page = 0; page < MAX_PAGES; page++) {
        const { bytes } = await demand(
          "GET",
          `/entities?${filter}&${names}&limit=${PAGE_ENTITIES}&offset=${page * PAGE_ENTITIES}`,
        );
        yield bytes;
        const list = parseExactJson(Buffer.from(bytes).toString("utf8"));
        if (!isList(list) || list.length < PAGE_ENTITIES) return;
      }
    },
  };
}

function subscriptionV2(options: BrokerOptions, expires: string): object {
  const { attributes, notifyUrl, notifyToken } = options;
  const target =
    notifyToken === undefined
      ? { http: { url: notifyUrl } }
      : { httpCustom: { url: notifyUrl, headers: { authorization: `Bearer ${notifyToken}` } } };
  return {
    description: DESCRIPTION,
    subject: {
      entities: [{ idPattern: options.idPattern, type: options.entityType }],
      condition: { attrs: attributes },
    },
    notification: {
      ...target,
      attrs: [...attributes, "TimeInstant", "dateObserved"],
      attrsFormat: "normalized",
      metadata: ["*", "dateModified"],
    },
    expires,
  };
}

function subscriptionLd(options: BrokerOptions, expiresAt: string): object {
  const { attributes, notifyUrl, notifyToken } = options;
  const receiverInfo =
    notifyToken === undefined ? {} : { receiverInfo: [{ key: "Authorization", value: `Bearer ${notifyToken}` }] };
  return {
    type: "Subscription",
    description: DESCRIPTION,
    entities: [{ type: options.entityType, idPattern: options.idPattern }],
    watchedAttributes: attributes,
    notification: {
      attributes: [...attributes, "dateObserved"],
      format: "normalized",
      sysAttrs: true,
      endpoint: { uri: notifyUrl, accept: "application/json", ...receiverInfo },
    },
    expiresAt,
  };
}

function notifiedUrl(subscription: ExactJson): string | undefined {
  const notification = member(subscription, "notification");
  return (
    jsonText(member(notification, "http"), "url") ??
    jsonText(member(notification, "httpCustom"), "url") ??
    jsonText(member(notification, "endpoint"), "uri")
  );
}

/** @throws Error when the answer is longer than MAX_ANSWER_BYTES */
async function readLimited(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the broker's answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
