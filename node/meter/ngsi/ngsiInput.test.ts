import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts } from "../input.ts";
import { LastHeard } from "./lastHeard.ts";
import { type NgsiInputOptions, startNgsiInput } from "./ngsiInput.ts";

const NOTIFICATION = JSON.stringify({
  subscriptionId: "s",
  data: [
    {
      id: "M1",
      type: "SMX",
      P: {
        type: "W",
        value: "-84.891",
        metadata: { TimeInstant: { type: "DateTime", value: "2025-01-01T00:00:00Z" } },
      },
    },
  ],
});

function portsOf(offer: InputPorts["offer"]): InputPorts {
  return { offer, nowMs: Date.now, log: pino({ level: "silent" }) };
}

async function start(offer: InputPorts["offer"], more: Partial<NgsiInputOptions> = {}) {
  const input = await startNgsiInput({ port: 0, ...more }, portsOf(offer));
  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${input.port}/ngsi/notify`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });
  return { input, post, [Symbol.asyncDispose]: () => input[Symbol.asyncDispose]() };
}

test("a notification is answered when its readings are on disk, and not before", async () => {
  const stored = Promise.withResolvers<void>();
  const frames: DecodedFrame[] = [];
  await using ngsi = await start((frame) => {
    frames.push(frame);
    return stored.promise;
  });
  let answered = 0;
  const answer = ngsi.post(NOTIFICATION).then((response) => {
    answered = response.status;
  });
  await vi.waitFor(() => expect(frames).toHaveLength(1));
  expect(answered).toBe(0);
  stored.resolve();
  await answer;
  expect(answered).toBe(204);
  expect(frames[0]?.readings[0]).toMatchObject({ meterId: "ngsi:M1", value: -84_891 });
});

test("when too much waits the broker is told to come again, and when", async () => {
  const stored = Promise.withResolvers<void>();
  let waiting = 0;
  await using ngsi = await start(
    () => {
      waiting += 1;
      return stored.promise;
    },
    { maxPending: 2 },
  );
  const first = [ngsi.post(NOTIFICATION), ngsi.post(NOTIFICATION)];
  await vi.waitFor(() => expect(waiting).toBe(2));
  const refused = await ngsi.post(NOTIFICATION);
  expect([refused.status, refused.headers.get("retry-after")]).toStrictEqual([503, "5"]);
  stored.resolve();
  expect((await Promise.all(first)).map(({ status }) => status)).toStrictEqual([204, 204]);
  await vi.waitFor(async () => expect((await ngsi.post(NOTIFICATION)).status).toBe(204));
  expect(waiting).toBe(3);
});

test("what could not be stored is not acknowledged", async () => {
  await using ngsi = await start(() => Promise.reject(new Error("the node is stopping")));
  const { status, headers } = await ngsi.post(NOTIFICATION);
  expect([status, headers.get("retry-after")]).toStrictEqual([503, "5"]);
});

test("what is not understood is on record, and answered with 400", async () => {
  const frames: DecodedFrame[] = [];
  await using ngsi = await start(async (frame) => void frames.push(frame));
  expect((await ngsi.post("[1,")).status).toBe(400);
  expect((await ngsi.post(NOTIFICATION, { "ngsiv2-attrsformat": "values" })).status).toBe(400);
  expect(frames.map(({ rejected }) => rejected[0]?.reason)).toStrictEqual(["unknown-format", "unknown-format"]);
  // A message of which every value is rejected was understood: sent again it would say the same.
  expect((await ngsi.post(JSON.stringify({ id: "M1", P: "NaN" }))).status).toBe(204);
});

test.each([
  ["a body beyond the limit", 413, { body: "x".repeat(2000) }],
  ["another content type", 415, { headers: { "content-type": "text/plain" } }],
  ["no token", 401, { headers: { authorization: "" } }],
  ["a wrong token", 401, { headers: { authorization: "Bearer no" } }],
  ["the token in the header of IoT brokers", 204, { headers: { authorization: "", "x-auth-token": "secret" } }],
  ["the token", 204, {}],
] as const)("%s: %i", async (_name, status, request) => {
  await using ngsi = await start(async () => {}, { token: "secret", maxBodyBytes: 1024 });
  const { body = NOTIFICATION, headers = {} } = request as { body?: string; headers?: Record<string, string> };
  expect((await ngsi.post(body, { authorization: "Bearer secret", ...headers })).status).toBe(status);
});

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** A context broker that remembers what it was asked, with one entity and the given subscriptions. */
async function startBroker(api: "v2" | "ld", subscriptions: object[] = []) {
  const server = fastify();
  const requests: Request[] = [];
  const state = { patchStatus: 204, created: 0, entities: [JSON.parse(NOTIFICATION).data[0]] as object[] };
  const base = api === "v2" ? "/v2" : "/ngsi-ld/v1";
  server.addHook(
    "preHandler",
    async ({ method, url, headers, body }) => void requests.push({ method, url, headers, body }),
  );
  server.get(`${base}/subscriptions`, async () => subscriptions);
  server.post(`${base}/subscriptions`, async (_request, reply) => {
    state.created += 1;
    return reply.code(201).header("location", `${base}/subscriptions/made${state.created}`).send();
  });
  server.patch(`${base}/subscriptions/:id`, async (_request, reply) => reply.code(state.patchStatus).send());
  server.get(`${base}/entities`, async () => state.entities);
  await server.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  return { url, requests, state, [Symbol.asyncDispose]: () => server.close() };
}

const BROKER = { entityType: "SMX", notifyUrl: "http://ledger:8070/ngsi/notify", cadenceMs: 20 };

test("a subscription is made with the token, and prolonged at half its life", async () => {
  await using broker = await startBroker("v2");
  const options = {
    token: "secret",
    broker: { ...BROKER, url: broker.url, service: "terni", servicePath: "/asm", expiresS: 2 },
  };
  await using _ngsi = await start(async () => {}, options);
  await vi.waitFor(() => expect(broker.requests.some(({ method }) => method === "PATCH")).toBe(true), 4000);
  const made = broker.requests.find(({ method }) => method === "POST");
  expect(made?.headers).toMatchObject({ "fiware-service": "terni", "fiware-servicepath": "/asm" });
  expect(made?.body).toMatchObject({
    subject: { entities: [{ idPattern: ".*", type: "SMX" }] },
    notification: {
      httpCustom: { url: BROKER.notifyUrl, headers: { authorization: "Bearer secret" } },
      attrsFormat: "normalized",
      metadata: ["*", "dateModified"],
    },
  });
  expect(broker.requests.find(({ method }) => method === "PATCH")?.url).toBe("/v2/subscriptions/made1");
  expect(broker.state.created).toBe(1);
});

test("the subscription of an earlier run is prolonged, not made a second time; one that the broker lost is made anew", async () => {
  const old = {
    id: "old1",
    description: "energy ledger meter input",
    notification: { http: { url: BROKER.notifyUrl } },
  };
  await using broker = await startBroker("v2", [{ id: "other", notification: { http: { url: "http://else" } } }, old]);
  {
    await using _ngsi = await start(async () => {}, { broker: { ...BROKER, url: broker.url } });
    await vi.waitFor(() =>
      expect(broker.requests.some(({ method, url }) => method === "PATCH" && url.endsWith("/old1"))).toBe(true),
    );
    expect(broker.state.created).toBe(0);
  }
  broker.state.patchStatus = 404;
  await using _again = await start(async () => {}, { broker: { ...BROKER, url: broker.url } });
  await vi.waitFor(() => expect(broker.state.created).toBe(1));
});

test("NGSI-LD: subscription and query in its form", async () => {
  await using broker = await startBroker("ld");
  broker.state.entities = [
    { id: "urn:ngsi-ld:M:1", type: "SMX", P: { type: "Property", value: 5, observedAt: "2025-01-01T00:00:00Z" } },
  ];
  const frames: DecodedFrame[] = [];
  const context = "https://example.org/context.jsonld";
  await using _ngsi = await start(async (frame) => void frames.push(frame), {
    broker: { ...BROKER, url: broker.url, api: "ld", context },
  });
  await vi.waitFor(() => expect(frames.length).toBeGreaterThan(0));
  expect(frames[0]?.readings[0]).toMatchObject({ meterId: "ngsi:urn:ngsi-ld:M:1", value: 5000 });
  await vi.waitFor(() => expect(broker.state.created).toBe(1));
  const made = broker.requests.find(({ method }) => method === "POST");
  expect(made?.headers.link).toContain(context);
  expect(made?.body).toMatchObject({
    type: "Subscription",
    entities: [{ type: "SMX", idPattern: ".*" }],
    notification: { endpoint: { uri: BROKER.notifyUrl } },
  });
});

test("the broker is asked at the start, and again when a meter has been silent", async () => {
  await using broker = await startBroker("v2");
  const frames: DecodedFrame[] = [];
  let clockMs = Date.UTC(2025, 5, 1);
  const ports = { ...portsOf(async (frame) => void frames.push(frame)), nowMs: () => clockMs };
  await using input = await startNgsiInput({ port: 0, broker: { ...BROKER, url: broker.url } }, ports);
  const asked = (): number => broker.requests.filter(({ url }) => url.startsWith("/v2/entities")).length;
  await vi.waitFor(() => expect(frames.length).toBeGreaterThan(0));
  expect(frames[0]?.readings[0]).toMatchObject({ meterId: "ngsi:M1", timestampMs: Date.UTC(2025, 0, 1) });
  const headers = { "content-type": "application/json" };
  const url = `http://127.0.0.1:${input.port}/ngsi/notify`;
  expect((await fetch(url, { method: "POST", body: NOTIFICATION, headers })).status).toBe(204);
  const before = asked();
  clockMs += 60_000;
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(before));
});

test("a broker that is not there does not keep the endpoint from listening, nor from closing", async () => {
  await using ngsi = await start(async () => {}, { broker: { ...BROKER, url: "http://127.0.0.1:1" } });
  expect((await ngsi.post(NOTIFICATION)).status).toBe(204);
});

test("the longest silent meter is the one that is missed, and one gone for an hour is not", () => {
  const heard = new LastHeard();
  expect(heard.silentSinceMs(0)).toBe(0);
  for (const [meter, ms] of [
    ["a", 1],
    ["b", 2],
    ["a", 3],
  ] as const)
    heard.note(meter, ms);
  expect(heard.silentSinceMs(10)).toBe(2);
  expect(heard.silentSinceMs(3_600_003)).toBe(3);
  expect(heard.silentSinceMs(9_999_999)).toBe(0);
});

test.each([
  [{ port: 70_000 }, "ngsi.port"],
  [{ path: "notify" }, "ngsi.path"],
  [{ token: "a b" }, "ngsi.token"],
  [{ attributes: { P: { quantity: "power", unit: "W" } } }, "ngsi.attributes.P.quantity"],
  [{ broker: { ...BROKER, url: "orion:1026" } }, "ngsi.broker.url"],
  [{ broker: { ...BROKER, url: "http://orion:1026", entityTyp: "x" } }, "ngsi.broker.entityTyp"],
  [{ brocker: {} }, "ngsi.brocker"],
])("options that cannot be meant are refused: %j", async (more, option) => {
  const refused = startNgsiInput(
    { port: 0, ...more } as NgsiInputOptions,
    portsOf(async () => {}),
  );
  await expect(refused).rejects.toMatchObject({ details: { code: "METER_OPTION_INVALID", option } });
});
