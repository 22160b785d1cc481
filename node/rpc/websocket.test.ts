import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { STRING } from "./argumentKinds.ts";
import { event } from "./events/blockEvents.ts";
import { MAX_BODY_BYTES, MAX_WAITING_MESSAGES } from "./limits.ts";
import { method } from "./method.ts";
import { startTestServer, type TestServer } from "./testServer.ts";

async function open({ websocketUrl }: TestServer, headers: Record<string, string> = {}) {
  const socket = new WebSocket(websocketUrl, { headers });
  await once(socket, "open");
  return socket;
}

const request = (id: number, name: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id, method: name, params });

const nextMessage = async (socket: WebSocket) => JSON.parse(String((await once(socket, "message"))[0]));

/** Status line of what is answered to an upgrade. */
async function upgradeStatus(url: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const socket = new WebSocket(url, { headers });
  const [, answer] = await once(socket, "unexpected-response");
  socket.on("error", () => undefined).terminate();
  return answer.statusCode;
}

test("only /websocket is one, and only of the same origin", async () => {
  await using server = await startTestServer();
  expect(await upgradeStatus(server.websocketUrl.replace("/websocket", "/"))).toBe(404);
  expect(await upgradeStatus(server.websocketUrl, { origin: "https://evil.example" })).toBe(403);
  expect(await upgradeStatus(server.websocketUrl, { origin: "null" })).toBe(403);
  const same = await open(server, { origin: server.url });
  same.send(request(1, "echo", { text: "hello" }));
  expect(await nextMessage(same)).toEqual({ jsonrpc: "2.0", id: 1, result: { text: "hello" } });
  same.close();
});

test("requests of one socket are answered one after another, however many wait", async () => {
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const slow = method({ text: STRING }, async ({ text }) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    order.push(text);
    return { text };
  });
  await using server = await startTestServer({ methods: { slow } });
  const socket = await open(server);
  const count = 5 * MAX_WAITING_MESSAGES;
  const answers: number[] = [];
  const done = new Promise<void>((resolve) =>
    socket.on("message", (data) => {
      answers.push((JSON.parse(String(data)) as { id: number }).id);
      if (answers.length === count) resolve();
    }),
  );
  for (let id = 0; id < count; id++) socket.send(request(id, "slow", { text: String(id) }));
  await done;
  expect(answers).toEqual(Array.from({ length: count }, (_, id) => id));
  expect([order.length, most]).toEqual([count, 1]);
  socket.close();
});

test("a method is told when its client is gone", async () => {
  const called = Promise.withResolvers<AbortSignal>();
  const wait = method({}, (_values, { signal }) => {
    called.resolve(signal);
    return new Promise<object>((resolve) => signal.addEventListener("abort", () => resolve({})));
  });
  await using server = await startTestServer({ methods: { wait } });
  const socket = await open(server);
  socket.send(request(1, "wait"));
  const signal = await called.promise;
  socket.terminate();
  if (!signal.aborted) await once(signal, "abort");
  expect(signal.aborted).toBe(true);
});

test("a message of a megabyte is read, one that is longer ends the connection", async () => {
  await using server = await startTestServer();
  const socket = await open(server);
  const message = (bytes: number) =>
    request(1, "echo", { text: "x".repeat(bytes - request(1, "echo", { text: "" }).length) });
  expect(message(MAX_BODY_BYTES)).toHaveLength(MAX_BODY_BYTES);
  socket.send(message(MAX_BODY_BYTES));
  expect((await nextMessage(socket)).result.text).toMatch(/^x+$/);
  socket.send(message(MAX_BODY_BYTES + 1));
  const [code] = await once(socket, "close");
  expect(code).toBe(1009);
});

/** A websocket that has subscribed to everything and reads no further. */
async function openDeafClient(server: TestServer): Promise<Socket> {
  const { hostname, port, host } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const key = Buffer.alloc(16).toString("base64");
  socket.write(
    `GET /websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await once(socket, "data");
  const text = Buffer.from(request(1, "subscribe", { query: "tm.event EXISTS" }));
  // One masked text frame of less than 126 bytes, the mask being zero.
  socket.write(Buffer.concat([Uint8Array.of(0x81, 0x80 | text.length, 0, 0, 0, 0), text]));
  await once(socket, "data");
  return socket.pause().on("error", () => undefined);
}

/** A masked ping frame without content. */
const PING = Uint8Array.of(0x89, 0x80, 0, 0, 0, 0);

const bigEvent = event("Big", () => ({ type: "big", value: "x".repeat(1_000_000) }));

test("a client that does not read loses its subscription at the limit of what may be unread, and then its connection", async () => {
  await using server = await startTestServer({ limits: { maxUnreadBytes: 3_000_000, unreadTimeoutMs: 50 } });
  const deaf = await openDeafClient(server);
  const reader = await open(server);
  reader.send(request(1, "subscribe", { query: "tm.event='Big'" }));
  await nextMessage(reader);
  let read = 0;
  reader.on("message", () => void read++);
  expect(server.subscriptions.clients).toBe(2);
  let published = 0;
  while (server.subscriptions.clients > 1) {
    server.subscriptions.publish(bigEvent);
    published += 1;
    // Who reads gets the time to.
    while (read < published) await new Promise((resolve) => setImmediate(resolve));
  }
  // What the sockets' own buffers took is not unread yet.
  expect(published).toBeGreaterThan(3);
  // It still talks, but what it was sent has been lying there for too long.
  while (!deaf.destroyed) {
    deaf.write(PING);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(read).toBe(published);
  reader.close();
});

test("a client that is silent, and does not answer pings either, is disconnected", async () => {
  await using server = await startTestServer({ limits: { pingMs: 20 } });
  const alive = await open(server);
  const { hostname, port, host } = new URL(server.url);
  const mute = connect(Number(port), hostname);
  mute.write(
    `GET /websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  mute.resume();
  await once(mute, "close");
  // It has been as long for the one that answers pings.
  alive.send(request(1, "echo", { text: "still here" }));
  expect((await nextMessage(alive)).result).toEqual({ text: "still here" });
  alive.close();
});

test("bytes that are no websocket frame end that connection alone", async () => {
  await using server = await startTestServer();
  const broken = await open(server);
  const socket = (broken as unknown as { _socket: Socket })._socket;
  socket.write(Buffer.alloc(64, 0xff));
  broken.on("error", () => undefined);
  await once(broken, "close");
  const other = await open(server);
  other.send(request(1, "echo", { text: "x" }));
  expect((await nextMessage(other)).result).toEqual({ text: "x" });
  other.close();
});

test("a closed connection leaves no subscription behind", async () => {
  await using server = await startTestServer();
  const socket = await open(server);
  socket.send(request(1, "subscribe", { query: "a.b=1" }));
  await nextMessage(socket);
  expect(server.subscriptions.clients).toBe(1);
  socket.terminate();
  await expect.poll(() => server.subscriptions.clients).toBe(0);
});
