import { connect } from "node:net";
import { pino } from "pino";
import { expect, test } from "vitest";
import { parseProofFile } from "#storage/types/proofFileJson.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { createSmallApi } from "./smallApi.ts";
import { formatMetrics } from "./smallMetrics.ts";
import { BYTES_32, createTestNode, OK_RESULT } from "./testPorts.ts";

const HASH = Buffer.from(BYTES_32).toString("hex");

async function start(node = createTestNode(), options: Partial<NodeOptions> = {}) {
  const api = await createSmallApi(
    { ...defaultOptions(), apiPort: 0, apiRequestsPerSecond: 10_000, ...options },
    { ...node.ports, metrics: () => formatMetrics({ ledger_light_headers: ["Headers kept", 7] }) },
    { log: pino({ level: "silent" }) },
  );
  return { ...api, [Symbol.asyncDispose]: api.close };
}

async function getJson(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}

test("a light node's routes answer as the full API's do", async () => {
  const node = createTestNode();
  node.committed.set(HASH, { tx: BYTES_32, height: 3, index: 0, timeMs: 0, result: OK_RESULT });
  await using api = await start(node);
  const { status, body } = await getJson(`${api.url}/ledger/v1/status`);
  expect([status, body]).toMatchObject([200, { chainId: "edream-test", height: 5, blockHash: HASH }]);
  expect(await getJson(`${api.url}/health`)).toEqual({ status: 200, body: { status: "ok" } });
  expect((await getJson(`${api.url}/ledger/v1/peers`)).body).toMatchObject({ peers: [{ height: 5 }] });
  const proof = await fetch(`${api.url}/ledger/v1/transactions/${HASH}/proof`);
  expect(parseProofFile(await proof.text())).toHaveProperty("proof");
  const metrics = await fetch(`${api.url}/metrics`).then((response) => response.text());
  expect(metrics).toContain("# TYPE ledger_light_headers gauge\nledger_light_headers 7\n");
  expect(metrics).toMatch(/^process_resident_memory_bytes \d{8,}$/m);
  node.ready = false;
  expect(await getJson(`${api.url}/ready`)).toMatchObject({ status: 503, body: { code: "NOT_READY" } });
});

test("events are streamed", async () => {
  const node = createTestNode();
  await using api = await start(node);
  const stream = await fetch(`${api.url}/ledger/v1/events?types=tx`);
  node.emit({ type: "tx", txId: BYTES_32, height: 2, index: 0, code: 0, codespace: "", log: "" });
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  while (!text.includes("event: tx")) text += Buffer.from((await reader.read()).value ?? []).toString();
  expect(text).toContain(`"txId":"${HASH}"`);
  await reader.cancel();
  expect(await getJson(`${api.url}/ledger/v1/events?types=gossip`)).toMatchObject({
    status: 400,
    body: { code: "BAD_REQUEST" },
  });
});

test("what it does not serve, cannot read or answer has the full API's codes", async () => {
  const { ports } = createTestNode();
  const status = async () => Promise.reject(new Error("secret"));
  await using api = await start({ ...createTestNode(), ports: { ...ports, status } }, { apiRequestTimeoutMs: 100 });
  const cases: [path: string, init: RequestInit, status: number, code: string][] = [
    ["/ledger/v1/blocks/1", {}, 501, "NOT_SERVED_BY_ROLE"],
    ["/ledger/v1/transactions", { method: "POST", body: "{}" }, 501, "NOT_SERVED_BY_ROLE"],
    [`/ledger/v1/transactions/${HASH}/proof`, {}, 404, "NOT_FOUND"],
    ["/nothing", {}, 404, "ROUTE_UNKNOWN"],
    ["/health", { method: "DELETE" }, 404, "ROUTE_UNKNOWN"],
    ["/ledger/v1/status", {}, 500, "INTERNAL"],
  ];
  for (const [path, init, expected, code] of cases) {
    const { status: got, body } = await getJson(api.url + path, init);
    expect([got, body.code, typeof body.hint], path).toEqual([expected, code, "string"]);
    expect(JSON.stringify(body)).not.toContain("secret");
  }
  expect(await rawRequest(api.url, "GET /heal")).toContain("REQUEST_TIMEOUT");
  expect(await rawRequest(api.url, "\x16\x03\r\n\r\n")).toContain("MALFORMED_HTTP");
  await using limited = await start(createTestNode(), { apiRequestsPerSecond: 1 });
  const answers = await Promise.all([1, 2, 3, 4].map(() => getJson(`${limited.url}/health`)));
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 200, 429, 429]);
});

test("addresses that are taken or open to the world without a token are refused", async () => {
  await using api = await start();
  const apiPort = Number(new URL(api.url).port);
  await expect(start(createTestNode(), { apiPort })).rejects.toMatchObject({ code: "API_ADDRESS_UNAVAILABLE" });
  await expect(start(createTestNode(), { apiHost: "0.0.0.0" })).rejects.toMatchObject({ code: "API_TOKEN_REQUIRED" });
});

function rawRequest(url: string, bytes: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes, "latin1"));
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  socket.on("close", () => resolve(received));
  socket.on("error", reject);
  return promise;
}
