import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { parseProofFile } from "#storage/types/proofFileJson.ts";
import type { ApiErrorBody } from "./errors.ts";
import { MAX_JSON_DEPTH } from "./jsonBody.ts";
import { txIdOf } from "./routes/routeContext.ts";
import { MAX_HEADER_BYTES } from "./serverLimits.ts";
import { BYTES_32, createTestNode, OK_RESULT, startTestApi, TEST_ACCOUNT, TEST_IDENTITY } from "./testPorts.ts";

const HASH = Buffer.from(BYTES_32).toString("hex");
const TX = Uint8Array.of(9, 8, 7);
const TX_ID = Buffer.from(txIdOf(TX)).toString("hex");
const JSON_TYPE = { "content-type": "application/json" };

interface Answer {
  readonly status: number;
  readonly body: Partial<ApiErrorBody> & Readonly<Record<string, unknown>>;
}

async function getJson(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

function post(url: string, body: string, type = JSON_TYPE): Promise<Answer> {
  return getJson(url, { method: "POST", headers: type, body });
}

test("every read route answers in its documented form", async () => {
  const node = createTestNode();
  node.committed.set(TX_ID, { tx: TX, height: 3, index: 0, timeMs: 1_700_000_000_000, result: OK_RESULT });
  await using api = await startTestApi(node);
  const base = `${api.url}/ledger/v1`;
  const expected: [path: string, fields: object][] = [
    ["/status", { chainId: "edream-test", height: 5, blockHash: HASH, blockTime: "2023-11-14T22:13:20.000Z" }],
    ["/peers", { peers: [{ peerId: "12D3KooWPeer", direction: "outbound" }] }],
    ["/mempool", { txs: 0, maxTxs: 10 }],
    [`/transactions/${TX_ID}`, { txId: TX_ID, height: 3, tx: "CQgH", result: { code: 0, gasUsed: "1" } }],
    ["/transactions?meter=m1", { transactions: [{ txId: HASH, height: 5 }], next: "5-0" }],
    ["/transactions?height=2&cursor=x", { transactions: [{ height: 2 }], next: null }],
    ["/blocks/latest", { header: { height: 5 }, sizeBytes: 400, txs: [{ sizeBytes: 3 }] }],
    ["/blocks/2", { header: { height: 2, chainId: "edream-test" } }],
    [`/blocks/${HASH}`, { header: { height: 5 } }],
    ["/headers/4", { height: 4, time: "2023-11-14T22:13:20Z", version: { block: "11", app: "1" } }],
    ["/commits/4", { height: 4, signatures: [{ blockIdFlag: "commit" }] }],
    [
      "/validators/4",
      { height: 4, totalVotingPower: "10", validators: [{ votingPower: "10", proposerPriority: "-3" }] },
    ],
    ["/light-blocks/4", { signedHeader: { header: { height: 4 }, commit: { height: 4 } }, validatorSet: {} }],
    ["/members", { members: [{ account: TEST_ACCOUNT, role: "prosumer" }], next: null }],
    ["/meters?limit=1", { meters: [{ meterId: "m1", intervalMs: "900000" }], next: "m1" }],
    ["/meters/m1", { meterId: "m1", producedMwh: "5000000", revoked: false }],
    [`/accounts/${TEST_ACCOUNT}`, { accountNumber: "4", sequence: "9", nextSequence: "11", role: "prosumer" }],
    [`/accounts/${TEST_IDENTITY}`, { account: TEST_ACCOUNT }],
    [`/accounts/${TEST_ACCOUNT}/outputs`, { outputs: [{ output: `${HASH}:0`, lock: { threshold: 1 } }] }],
    [`/outputs/${HASH}/0`, { txId: HASH, amountMwh: "5000000", lock: { accounts: [TEST_ACCOUNT] }, spentBy: null }],
    [`/state?path=/edream/meter&data=${Buffer.from("m1").toString("hex")}`, { height: 5, key: "6d31" }],
  ];
  for (const [path, fields] of expected) {
    const { status, body } = await getJson(base + path);
    expect(status, `${path} ${JSON.stringify(body)}`).toBe(200);
    expect(body, path).toMatchObject(fields);
  }
});

test("the proof route sends the canonical text byte for byte", async () => {
  const node = createTestNode();
  node.committed.set(TX_ID, { tx: TX, height: 3, index: 0, timeMs: 0, result: OK_RESULT });
  await using api = await startTestApi(node);
  const response = await fetch(`${api.url}/ledger/v1/transactions/${TX_ID}/proof`);
  expect(parseProofFile(await response.text())).toHaveProperty("proof.txId", txIdOf(TX));
});

test("a transaction is taken as base64 JSON and as raw bytes", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  const url = `${api.url}/ledger/v1/transactions`;
  expect(await post(url, JSON.stringify({ tx: "CQgH" }))).toMatchObject({
    status: 202,
    body: { txId: TX_ID, code: 0 },
  });
  const raw = { method: "POST", headers: { "content-type": "application/octet-stream" }, body: TX };
  expect(await getJson(url, raw)).toMatchObject({ status: 202, body: { txId: TX_ID } });
  expect(node.submitted.map((tx) => [...tx])).toEqual([
    [9, 8, 7],
    [9, 8, 7],
  ]);
});

test("wait=commit answers once the transaction is in a block, and with the ledger's code when it had no effect", async () => {
  const node = createTestNode();
  const submit = node.ports.submit as NonNullable<typeof node.ports.submit>;
  const decide = (code: number) => async (tx: Uint8Array) => {
    const result = await submit(tx);
    node.emit({ type: "tx", txId: result.txId, height: 6, index: 1, code, codespace: "ledger", log: "why" });
    return result;
  };
  await using accepting = await startTestApi({ ports: { ...node.ports, submit: decide(0) } });
  const path = "/ledger/v1/transactions?wait=commit";
  expect(await post(accepting.url + path, '{"tx":"CQgH"}')).toMatchObject({
    status: 200,
    body: { txId: TX_ID, height: 6 },
  });
  await using refusing = await startTestApi({ ports: { ...node.ports, submit: decide(12) } });
  expect(await post(refusing.url + path, '{"tx":"CQgH"}')).toMatchObject({
    status: 422,
    body: { code: "TRANSACTION_REFUSED", message: "why", details: { code: 12, height: 6 } },
  });
});

test("wait=commit of a transaction that is in a block already answers at once and sends nothing", async () => {
  const node = createTestNode();
  node.committed.set(TX_ID, { tx: TX, height: 3, index: 4, timeMs: 0, result: OK_RESULT });
  await using api = await startTestApi(node);
  const answered = await post(`${api.url}/ledger/v1/transactions?wait=commit`, '{"tx":"CQgH"}');
  expect(answered).toMatchObject({ status: 200, body: { height: 3, index: 4 } });
  expect(node.submitted).toEqual([]);
});

test("bad requests are answered with their code and a hint", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node, { apiMaxBodyBytes: MAX_TX_BYTES, apiCommitTimeoutMs: 100 });
  const base = `${api.url}/ledger/v1`;
  const tx = `${base}/transactions`;
  const raw = { "content-type": "application/octet-stream" };
  const deep = "[".repeat(MAX_JSON_DEPTH + 1) + "]".repeat(MAX_JSON_DEPTH + 1);
  const cases: [name: string, answer: Promise<Answer>, status: number, code: string][] = [
    ["wrong JSON", post(tx, '{"tx": '), 400, "BAD_JSON"],
    ["empty JSON body", post(tx, ""), 400, "BAD_JSON"],
    ["prototype in JSON", post(tx, '{"tx":"CQgH","__proto__":{}}'), 400, "BAD_JSON"],
    ["deep JSON", post(tx, deep), 400, "JSON_TOO_DEEP"],
    ["missing field", post(tx, "{}"), 400, "BAD_REQUEST"],
    ["unknown field", post(tx, '{"tx":"CQgH","extra":1}'), 400, "BAD_REQUEST"],
    ["not base64", post(tx, '{"tx":"CQ gH"}'), 400, "BAD_TRANSACTION"],
    ["empty bytes", post(tx, "", raw), 400, "BAD_TRANSACTION"],
    ["bad wait", post(`${tx}?wait=forever`, '{"tx":"CQgH"}'), 400, "BAD_REQUEST"],
    ["oversized body", post(tx, "x".repeat(MAX_TX_BYTES + 1), raw), 413, "BODY_TOO_LARGE"],
    ["other media type", post(tx, "<tx/>", { "content-type": "text/xml" }), 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["never committed", post(`${tx}?wait=commit`, '{"tx":"CQgH"}'), 504, "COMMIT_TIMEOUT"],
    ["unknown route", getJson(`${base}/statuz`), 404, "ROUTE_UNKNOWN"],
    ["unknown transaction", getJson(`${tx}/${HASH}`), 404, "NOT_FOUND"],
    ["bad hash", getJson(`${tx}/12`), 400, "BAD_REQUEST"],
    ["height 0", getJson(`${base}/headers/0`), 400, "BAD_REQUEST"],
    ["future height", getJson(`${base}/commits/99`), 404, "NOT_FOUND"],
    ["two filters", getJson(`${tx}?meter=a&account=b`), 400, "BAD_REQUEST"],
    ["limit over 100", getJson(`${tx}?meter=a&limit=101`), 400, "BAD_REQUEST"],
    ["account of neither form", getJson(`${base}/accounts/alice`), 400, "BAD_REQUEST"],
    ["unknown meter", getJson(`${base}/meters/m2`), 404, "NOT_FOUND"],
    ["unknown output", getJson(`${base}/outputs/${HASH}/1`), 404, "NOT_FOUND"],
    ["unknown asset", getJson(`${base}/assets/${HASH}/0`), 404, "NOT_FOUND"],
    ["refused query", getJson(`${base}/state?path=/unknown`), 422, "QUERY_REFUSED"],
  ];
  for (const [name, answered, status, code] of cases) {
    const { status: got, body } = await answered;
    expect([got, body.code], `${name}: ${JSON.stringify(body)}`).toEqual([status, code]);
    expect(body.message, name).not.toBe("");
    expect(body.hint, name).toBeTypeOf("string");
  }
  expect((await getJson(`${base}/statuz`)).body.hint).toContain("/ledger/v1/status");
});

test("a refused transaction carries the ledger's code, and a full mempool asks to try again", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  const url = `${api.url}/ledger/v1/transactions`;
  node.refusal = { code: 7, codespace: "ledger", log: "METER_REVOKED" };
  expect(await post(url, '{"tx":"CQgH"}')).toMatchObject({
    status: 422,
    body: { code: "TRANSACTION_REFUSED", message: "METER_REVOKED", details: { code: 7, codespace: "ledger" } },
  });
  node.refusal = { code: 2, codespace: "mempool", log: "MEMPOOL_FULL", temporary: true };
  expect(await post(`${url}?wait=commit`, '{"tx":"CQgH"}')).toMatchObject({
    status: 503,
    body: { code: "MEMPOOL_REFUSED" },
  });
});

test("a body over the server's own limit is refused with 413 before it is read", async () => {
  await using api = await startTestApi(createTestNode(), { apiMaxBodyBytes: 1024 });
  const answered = await post(`${api.url}/ledger/v1/transactions`, JSON.stringify({ tx: "A".repeat(2000) }));
  expect(answered).toMatchObject({ status: 413, body: { code: "BODY_TOO_LARGE" } });
});

test("a client that sends its request too slowly is answered 408 and cut off", async () => {
  await using api = await startTestApi(createTestNode(), { apiRequestTimeoutMs: 100 });
  const head =
    "POST /ledger/v1/transactions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
  expect(await rawRequest(api.url, head)).toContain('"code":"REQUEST_TIMEOUT"');
  expect(await rawRequest(api.url, "GET /heal")).toContain("408 Request Timeout");
});

test("oversized headers and bytes that are no HTTP get an answer with a code", async () => {
  await using api = await startTestApi();
  const long = `GET /health HTTP/1.1\r\nhost: a\r\nx-long: ${"y".repeat(MAX_HEADER_BYTES)}\r\n\r\n`;
  expect(await rawRequest(api.url, long)).toContain('"code":"HEADERS_TOO_LARGE"');
  expect(await rawRequest(api.url, "\x16\x03\x01\x02\x00\r\n\r\n")).toContain('"code":"MALFORMED_HTTP"');
});

test("a client over its rate is told when to come back", async () => {
  await using api = await startTestApi(createTestNode(), { apiRequestsPerSecond: 1 });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) {
    const response = await fetch(`${api.url}/health`);
    statuses.push(response.status);
    if (response.status === 429) expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    await response.arrayBuffer();
  }
  expect(statuses.slice(0, 2)).toEqual([200, 200]);
  expect(statuses).toContain(429);
});

test("routes that a light node cannot serve answer 501 and name the way out", async () => {
  const { status, readiness, peers, subscribe } = createTestNode().ports;
  await using api = await startTestApi({ ports: { status, readiness, peers, subscribe } });
  for (const path of ["/blocks/1", "/mempool", `/transactions/${HASH}`, "/validators/1", "/state?path=/x"])
    expect(await getJson(`${api.url}/ledger/v1${path}`), path).toMatchObject({
      status: 501,
      body: { code: "NOT_SERVED_BY_ROLE", hint: "Ask a full node." },
    });
});

test("a fault of the node is answered without its details", async () => {
  const { ports } = createTestNode();
  const status = async () => {
    throw new Error("secret path /home/x");
  };
  await using api = await startTestApi({ ports: { ...ports, status } });
  const { status: got, body } = await getJson(`${api.url}/ledger/v1/status`);
  expect([got, body.code]).toEqual([500, "INTERNAL"]);
  expect(JSON.stringify(body)).not.toContain("secret");
});

test("health answers while the node is behind, ready says why it is not", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  expect(await getJson(`${api.url}/ready`)).toEqual({ status: 200, body: { status: "ready" } });
  node.ready = false;
  expect(await getJson(`${api.url}/health`)).toEqual({ status: 200, body: { status: "ok" } });
  expect(await getJson(`${api.url}/ready`)).toMatchObject({
    status: 503,
    body: { code: "NOT_READY", message: "behind by 12 blocks" },
  });
});

test("metrics are Prometheus text with the process's memory and the requests so far", async () => {
  await using api = await startTestApi();
  await fetch(`${api.url}/ledger/v1/status`).then((response) => response.arrayBuffer());
  const response = await fetch(`${api.url}/metrics`);
  expect(response.headers.get("content-type")).toContain("text/plain");
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  for (const line of lines) expect(line).toMatch(/^[a-z_]\w*(\{[^{}]*\})? (-?[\d.e+-]+|\+Inf|NaN)$/i);
  const resident = lines.find((line) => line.startsWith("process_resident_memory_bytes "));
  expect(Number(resident?.split(" ")[1])).toBeGreaterThan(1_000_000);
  expect(
    lines.some((line) => /^ledger_api_request_seconds_count\{.*route="\/ledger\/v1\/status".*\} 1$/.test(line)),
  ).toBe(true);
});

test("an API beyond loopback needs a token file, and then every POST needs the token", async () => {
  await expect(startTestApi(createTestNode(), { apiHost: "0.0.0.0" })).rejects.toMatchObject({
    code: "API_TOKEN_REQUIRED",
  });
  const folder = mkdtempSync(join(tmpdir(), "ledger-api-"));
  try {
    const apiTokenFile = join(folder, "token");
    writeFileSync(apiTokenFile, "short");
    await expect(startTestApi(createTestNode(), { apiTokenFile })).rejects.toMatchObject({
      code: "API_TOKEN_UNREADABLE",
    });
    const token = "0123456789abcdef0123456789abcdef";
    writeFileSync(apiTokenFile, `${token}\n`);
    await using api = await startTestApi(createTestNode(), { apiTokenFile, apiHost: "0.0.0.0" });
    const url = `${api.url}/ledger/v1/transactions`;
    expect(await post(url, '{"tx":"CQgH"}')).toMatchObject({ status: 401, body: { code: "UNAUTHORIZED" } });
    const wrong = { ...JSON_TYPE, authorization: `Bearer ${token}x` };
    expect(await post(url, '{"tx":"CQgH"}', wrong)).toMatchObject({ status: 401 });
    const right = { ...JSON_TYPE, authorization: `Bearer ${token}` };
    expect(await post(url, '{"tx":"CQgH"}', right)).toMatchObject({ status: 202 });
    expect(await getJson(`${api.url}/ledger/v1/status`)).toMatchObject({ status: 200 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a port in use is an error that names it", async () => {
  await using api = await startTestApi();
  const apiPort = Number(new URL(api.url).port);
  await expect(startTestApi(createTestNode(), { apiPort })).rejects.toMatchObject({
    details: { code: "API_ADDRESS_UNAVAILABLE", port: apiPort, reason: "EADDRINUSE" },
  });
});

test("the OpenAPI document lists every route, and its page is served", async () => {
  await using api = await startTestApi(createTestNode(), { apiDocs: true });
  const { body } = await getJson(`${api.url}/docs/json`);
  const operations = body.paths as Readonly<Record<string, Readonly<Record<string, { summary?: string }>>>>;
  const paths = Object.keys(operations);
  for (const path of [
    "/ledger/v1/transactions",
    "/ledger/v1/transactions/{txId}/proof",
    "/ledger/v1/events",
    "/metrics",
  ])
    expect(paths).toContain(path);
  for (const methods of Object.values(operations))
    for (const operation of Object.values(methods)) expect(operation.summary).toBeTypeOf("string");
  const page = await fetch(`${api.url}/docs/`);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("swagger-ui")]);
});

test("closing ends subscriptions, event streams and waiting requests", async () => {
  const node = createTestNode();
  const api = await startTestApi(node);
  const stream = await fetch(`${api.url}/ledger/v1/events`);
  const waiting = post(`${api.url}/ledger/v1/transactions?wait=commit`, '{"tx":"CQgH"}');
  await expect.poll(() => node.submitted.length).toBe(1);
  await Promise.all([api.close(), stream.text(), expect(waiting).resolves.toMatchObject({ status: 503 })]);
  expect(node.listeners()).toBe(0);
});

/** Sends the bytes on a socket, never ends it, and answers all that came back until the server closed. */
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
