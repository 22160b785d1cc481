import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { TimeRange } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import { csvReadings } from "../analytics/readingsInput.ts";
import { defaultOptions } from "../options.ts";
import { MAX_REQUEST_READINGS } from "./analyticsSchemas.ts";
import type { ApiErrorBody } from "./errors.ts";
import { createSmallApi } from "./smallApi.ts";
import { createTestNode, startTestApi } from "./testPorts.ts";

const PEAKS = fileURLToPath(new URL("../analytics/testdata/lcl-peaks.csv.gz", import.meta.url));
const [FROM, TO] = [Date.UTC(2013, 0, 1), Date.UTC(2013, 5, 1)];
const METER = `meter=lcl:MAC000178&from=${FROM}&to=${TO}`;
const RATES = { currency: "EUR", bands: { Day: "30", Night: "15.5" } };
const WEEKLY = {
  from: "2013-01-01",
  until: "2014-01-01",
  default: "Day",
  windows: [{ band: "Night", from: "23:30", until: "06:30" }],
};

async function* readings(
  meterId: string | undefined,
  { afterMs = 0, untilMs = 0 }: TimeRange,
): AsyncGenerator<Reading> {
  for await (const reading of csvReadings([PEAKS], { signal: new AbortController().signal, nowMs: () => 0 }))
    if (meterId === undefined || reading.meterId === meterId)
      if (reading.timestampMs > afterMs && reading.timestampMs <= untilMs) yield reading;
}

type Ports = ReturnType<typeof createTestNode>["ports"];

function startApi(options: { readonly apiTokenFile?: string } = {}, source: Ports["readings"] = readings) {
  return startTestApi({ ports: { ...createTestNode().ports, readings: source } as Ports }, options);
}

/** What the tests look at, each on its route's answer. */
interface Answer extends ApiErrorBody {
  readonly weekday: readonly unknown[];
  readonly found: Readonly<Record<string, number>>;
  readonly anomalies: readonly unknown[];
  readonly meters: readonly { readonly meterId: string }[];
  readonly bills: readonly {
    readonly period: string;
    readonly costNano: string;
    readonly bands: readonly { readonly energyMwh: string }[];
  }[];
  readonly tariff: { readonly hash: string };
}

async function getJson(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  return { status: response.status, body: (await response.json()) as Answer };
}

function postCost(url: string, body: object) {
  const headers = { "content-type": "application/json" };
  return getJson(`${url}/ledger/v1/analytics/cost`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** A light node's API over the same readings. */
async function startSmall(options: { readonly apiTokenFile?: string } = {}, source: Ports["readings"] = readings) {
  const api = await createSmallApi(
    { ...defaultOptions(), apiPort: 0, apiRequestsPerSecond: 10_000, ...options },
    { ...createTestNode().ports, readings: source, metrics: () => "" },
    { log: pino({ level: "silent" }) },
  );
  return { url: api.url, [Symbol.asyncDispose]: api.close };
}

const STARTS = [
  ["the full API", startApi],
  ["a light node's API", startSmall],
] as const;

test.each(STARTS)("%s: profile, anomalies, fleet and cost of the readings a node keeps", async (_name, start) => {
  await using api = await start();
  const base = `${api.url}/ledger/v1/analytics`;
  const profile = await getJson(`${base}/profile?${METER}&zone=Europe/London`);
  expect(profile.status).toBe(200);
  expect(profile.body).toMatchObject({ present: 3599, counts: { readings: 3599, used: 3599 } });
  expect(profile.body.weekday).toHaveLength(48);

  const anomalies = await getJson(`${base}/anomalies?${METER}`);
  expect(anomalies.body.found).toMatchObject({ suspect: 13, spike: 4, "known-load": 1 });
  expect(anomalies.body.anomalies).toContainEqual(
    expect.objectContaining({
      kind: "spike",
      until: "2013-03-15T06:00:00.000Z",
      score: 92_330,
      meterId: "lcl:MAC000178",
    }),
  );

  const fleet = await getJson(`${base}/fleet?from=${Date.UTC(2013, 1, 20)}&to=${Date.UTC(2013, 2, 20)}`);
  expect(fleet.body.meters.map(({ meterId }) => meterId)).toEqual(["lcl:MAC000178", "lcl:MAC000320"]);

  const body = { meter: "lcl:MAC000178", from: FROM, to: TO, zone: "Europe/London", rates: RATES, tariff: WEEKLY };
  const cost = await postCost(api.url, { ...body, period: "month" });
  expect(cost.status, JSON.stringify(cost.body)).toBe(200);
  expect(cost.body.bills.map(({ period }) => period)).toEqual(["2013-01", "2013-02", "2013-03"]);
  const [bill] = (await postCost(api.url, body)).body.bills;
  const [day = 0n, night = 0n] = (bill?.bands ?? []).map(({ energyMwh }) => BigInt(energyMwh));
  expect(day).toBeGreaterThan(0n);
  expect(BigInt(bill?.costNano ?? -1)).toBe(day * 30_000n + night * 15_500n);
  expect(cost.body.tariff.hash).toMatch(/^[0-9a-f]{64}$/);
});

test.each(STARTS)("%s: what is not allowed is the caller's fault, with the reason", async (_name, start) => {
  await using api = await start();
  const base = `${api.url}/ledger/v1/analytics`;
  const codes = async (path: string) => {
    const { status, body } = await getJson(`${base}${path}`);
    return [status, body.code];
  };
  const bad = [400, "BAD_REQUEST"];
  const days = (count: number) => FROM + count * 86_400_000;
  expect(await codes(`/profile?meter=lcl:MAC000178&from=${FROM}&to=${days(400)}`)).toEqual([200, undefined]);
  expect(await codes(`/profile?meter=lcl:MAC000178&from=${FROM}&to=${days(400) + 1}`)).toEqual(bad);
  expect(await codes(`/fleet?from=${FROM}&to=${days(62)}`)).toEqual([200, undefined]);
  expect(await codes(`/fleet?from=${FROM}&to=${days(62) + 1}`)).toEqual(bad);
  expect(await codes(`/profile?meter=lcl:MAC000178&from=${FROM}&to=${FROM}`)).toEqual(bad);
  expect(await codes(`/profile?${METER}&zone=Europe/Atlantis`)).toEqual(bad);
  expect(await codes(`/profile?${METER}&slotMs=420000`)).toEqual(bad);
  expect(await codes(`/profile?${METER}&quantity=joy`)).toEqual(bad);
  expect(await codes(`/profile?from=${FROM}&to=${TO}`)).toEqual(bad);
  expect(await codes(`/profile?meter=nobody&from=${FROM}&to=${TO}`)).toEqual([404, "NOT_FOUND"]);
  const body = { meter: "lcl:MAC000178", from: FROM, to: TO, rates: RATES };
  for (const wrong of [
    { rates: {} },
    { tariff: {} },
    { tariff: "Time\n" },
    { tariff: { ...WEEKLY, default: "Noon" } },
  ]) {
    const { status, body: answer } = await postCost(api.url, { ...body, ...wrong });
    expect([status, answer.code], JSON.stringify(wrong)).toEqual(bad);
  }
});

test("a request that would look at too many readings ends, and others are answered meanwhile", async () => {
  const { value: reading } = await readings("lcl:MAC000178", { untilMs: TO }).next();
  async function* flood(): AsyncGenerator<Reading> {
    for (;;) yield reading as Reading;
  }
  await using api = await startApi({}, flood);
  const endless = getJson(`${api.url}/ledger/v1/analytics/profile?${METER}`);
  expect((await getJson(`${api.url}/health`)).status).toBe(200);
  const { status, body } = await endless;
  expect([status, body.details?.code, body.details?.max]).toEqual([
    400,
    "ANALYTICS_TOO_MANY_READINGS",
    MAX_REQUEST_READINGS,
  ]);
});

test.each(STARTS)("%s: analyses take turns, beyond those that may wait the next comes later", async (_name, start) => {
  const gate = Promise.withResolvers<void>();
  async function* held(meterId: string | undefined, range: TimeRange): AsyncGenerator<Reading> {
    await gate.promise;
    yield* readings(meterId, range);
  }
  await using api = await start({}, held);
  const url = `${api.url}/ledger/v1/analytics/profile?meter=lcl:MAC000178&from=${FROM}&to=${FROM + 86_400_000}`;
  const asked = Array.from({ length: 12 }, () => fetch(url));
  // The ninth that waits is refused at once, the others when the first is through.
  const refused = await Promise.race(asked);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
  gate.resolve();
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.sort()).toEqual([...Array.from({ length: 9 }, () => 200), 429, 429, 429]);
});

test.each(STARTS)("%s: with a token, readings are not told to those without it", async (_name, start) => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-analytics-"));
  try {
    const [apiTokenFile, token] = [join(folder, "token"), "0123456789abcdef0123456789abcdef"];
    writeFileSync(apiTokenFile, token);
    await using api = await start({ apiTokenFile });
    const url = `${api.url}/ledger/v1/analytics/profile?${METER}`;
    expect((await getJson(url)).status).toBe(401);
    expect((await getJson(url, { headers: { authorization: `Bearer ${token}x` } })).status).toBe(401);
    expect((await getJson(url, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await postCost(api.url, {})).status).toBe(401);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a node that keeps no readings says so", async () => {
  await using api = await startTestApi();
  const { status, body } = await getJson(`${api.url}/ledger/v1/analytics/profile?${METER}`);
  expect([status, body.code]).toEqual([501, "NOT_SERVED_BY_ROLE"]);
});
