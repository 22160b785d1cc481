import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createTransaction, ed25519Details, jsonOf } from "#storage/assets/buildTransaction.ts";
import { testSigner } from "#storage/assets/testVectors.ts";
import { createBigchain } from "./createBigchain.ts";
import { startTestBigchain, type TestBigchain } from "./testBigchain.ts";

const STREAM_PATH = "/api/v1/streams/valid_transactions";

async function open(url: string, text: string): Promise<{ readonly socket: Socket; readonly received: () => string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    received += chunk;
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(text);
  return { socket, received: () => received };
}

async function post(url: string, nonce: string): Promise<number> {
  const issuer = testSigner("alice");
  const outputs = [{ amount: 1n, details: ed25519Details(issuer.publicKey) }];
  const { text } = createTransaction({ data: jsonOf({ nonce }), metadata: null, outputs, issuer });
  return (await fetch(`${url}/api/v1/transactions?mode=commit`, { method: "POST", body: text })).status;
}

async function streamOf(running: TestBigchain): Promise<WebSocket> {
  const socket = new WebSocket(`${running.bigchain.streamUrl}${STREAM_PATH}`);
  await once(socket, "open");
  return socket;
}

test("a client that sends its request slowly is told so and cut off, and others are served meanwhile", async () => {
  await using running = await startTestBigchain({ requestLimits: { requestTimeoutMs: 200 } });
  const head = "POST /api/v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
  for (const text of ["GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", head]) {
    const { socket, received } = await open(running.url, text);
    expect((await fetch(running.url)).status).toBe(200);
    await once(socket, "close");
    expect(received()).toContain("408");
  }
});

test("no more connections are open at once than allowed", async () => {
  await using running = await startTestBigchain({ requestLimits: { maxConnections: 2 } });
  const kept = [await open(running.url, ""), await open(running.url, "")];
  const third = await open(running.url, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(third.socket, "close");
  expect(third.received()).toBe("");
  for (const { socket } of kept) socket.destroy();
});

test("headers and targets have a length at most", async () => {
  await using running = await startTestBigchain();
  const long = await open(running.url, `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
  await once(long.socket, "close");
  expect(long.received()).toContain("431");
  expect((await fetch(`${running.url}/api/v1/assets?search=${"x".repeat(9000)}`)).status).toBe(414);
});

test("a body without end is cut off", async () => {
  await using running = await startTestBigchain();
  const head = "POST /api/v1/transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const { socket, received } = await open(running.url, head);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const write = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", write);
  write();
  await closed;
  expect(received() === "" || received().includes("500 INTERNAL SERVER ERROR")).toBe(true);
  expect((await fetch(running.url)).status).toBe(200);
});

test("the stream is a frame for every transaction, as the real server spaces it, and what clients send is ignored", async () => {
  await using running = await startTestBigchain();
  const socket = await streamOf(running);
  socket.send("subscribe");
  socket.send(Buffer.from([0, 1, 2]));
  const frame = once(socket, "message");
  expect(await post(running.url, "streamed")).toBe(202);
  const [data, isBinary] = (await frame) as [Buffer, boolean];
  expect(isBinary).toBe(false);
  expect(String(data)).toMatch(/^\{"height": 1, "asset_id": "([0-9a-f]{64})", "transaction_id": "\1"\}$/);
  socket.terminate();
});

test("transactions that did not take effect are not in the stream", async () => {
  await using running = await startTestBigchain();
  const socket = await streamOf(running);
  running.decide({
    id: "a".repeat(64),
    assetId: "a".repeat(64),
    height: 1,
    accepted: false,
    log: "DoubleSpend",
    ledgerTxId: "",
  });
  const frame = once(socket, "message");
  await post(running.url, "valid");
  expect(String((await frame)[0])).not.toContain("a".repeat(64));
  socket.terminate();
});

test("a frame that is too long ends its connection, and only that", async () => {
  await using running = await startTestBigchain();
  const [loud, quiet] = [await streamOf(running), await streamOf(running)];
  loud.on("error", () => undefined);
  const closed = once(loud, "close");
  loud.send("x".repeat(100_000));
  await closed;
  const frame = once(quiet, "message");
  await post(running.url, "still there");
  await frame;
  quiet.terminate();
});

test("a client of the stream that never reads is cut off when too much waits for it, and others read on", async () => {
  await using running = await startTestBigchain({ streamLimits: { maxUnreadBytes: 64 * 1024 } });
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  const upgrade = `GET ${STREAM_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
  const { socket } = await open((running.bigchain.streamUrl ?? "").replace("ws:", "http:"), upgrade);
  await once(socket, "data");
  socket.pause();
  const reader = await streamOf(running);
  let frames = 0;
  reader.on("message", () => {
    frames += 1;
  });
  const closed = once(socket, "close");
  let sent = 0;
  let isGone = false;
  void closed.then(() => {
    isGone = true;
  });
  const decision = { id: "b".repeat(64), assetId: "b".repeat(64), height: 1, accepted: true, log: "", ledgerTxId: "" };
  while (!isGone) {
    for (let i = 0; i < 1000; i++) running.decide(decision);
    sent += 1000;
    // The reader keeps up, so that only the other one is slow; a paused socket sees its end once it reads again.
    while (frames < sent) await new Promise((resolve) => setImmediate(resolve));
    if (sent >= 80_000) socket.resume();
  }
  expect(frames).toBe(sent);
  expect(reader.readyState).toBe(WebSocket.OPEN);
  reader.terminate();
});

test("a client that answers no ping is gone", async () => {
  await using running = await startTestBigchain({ streamLimits: { pingMs: 50 } });
  const socket = new WebSocket(`${running.bigchain.streamUrl}${STREAM_PATH}`, { autoPong: false });
  await once(socket, "open");
  await once(socket, "close");
});

test("the stream has so many clients and no more, and no other path", async () => {
  await using running = await startTestBigchain({ streamLimits: { maxClients: 1 } });
  const first = await streamOf(running);
  for (const [path, status] of [
    [STREAM_PATH, 503],
    ["/api/v1/streams/others", 404],
  ] as const) {
    const socket = new WebSocket(`${running.bigchain.streamUrl}${path}`);
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toContain(String(status));
  }
  first.terminate();
});

test("a plain request to the stream's port is told what it is for", async () => {
  await using running = await startTestBigchain();
  const url = (running.bigchain.streamUrl ?? "").replace("ws:", "http:");
  const plain = await fetch(url + STREAM_PATH);
  expect([plain.status, await plain.text()]).toEqual([
    400,
    'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".',
  ]);
  const other = await fetch(`${url}/`);
  expect([other.status, await other.text()]).toEqual([404, "404: Not Found"]);
});

test("addresses that are none, or are taken, are said to be", async () => {
  await using running = await startTestBigchain();
  const parts = { log: { error: () => undefined } as never };
  const start = (bigchainListen: string, bigchainStreamListen = "") =>
    createBigchain({ bigchainListen, bigchainStreamListen }, { subscribe: () => () => undefined } as never, parts);
  await expect(start("nowhere")).rejects.toMatchObject({ code: "BIGCHAIN_ADDRESS_MALFORMED" });
  await expect(start("", "host:port")).rejects.toMatchObject({ code: "BIGCHAIN_ADDRESS_MALFORMED" });
  const { host } = new URL(running.url);
  await expect(start(host)).rejects.toMatchObject({
    code: "BIGCHAIN_ADDRESS_UNAVAILABLE",
    details: { reason: "EADDRINUSE" },
  });
});

test("a browser that asks whether a page may post JSON is told that it may", async () => {
  await using running = await startTestBigchain();
  const headers = { origin: "http://elsewhere.example", "access-control-request-headers": "content-type" };
  const answer = await fetch(`${running.url}/api/v1/transactions`, { method: "OPTIONS", headers });
  expect([answer.status, answer.headers.get("access-control-allow-headers")]).toEqual([200, "content-type"]);
});

test("bodies take so much memory and no more: who comes then is told to come again", async () => {
  await using running = await startTestBigchain({ requestLimits: { maxHeldBytes: 2000 } });
  const head = "POST /api/v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 1900\r\n\r\n";
  const slow = await open(running.url, head + "x".repeat(1800));
  // The slow one's bytes arrive some time after they were sent.
  let status = 0;
  for (let nonce = 0; status !== 503; nonce++) status = await post(running.url, `held ${nonce}`);
  const closed = new Promise((resolve) => slow.socket.once("close", resolve));
  slow.socket.destroy();
  await closed;
  for (let nonce = 0; status !== 202; nonce++) status = await post(running.url, `free ${nonce}`);
});
