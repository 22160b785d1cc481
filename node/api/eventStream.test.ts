import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { createEventStream, EVENT_RING_SIZE, type EventStream, MAX_EVENT_CLIENTS_PER_ADDRESS } from "./eventStream.ts";
import type { NodeEvent } from "./ports.ts";
import { BYTES_32, createTestNode, startTestApi, TEST_STATUS } from "./testPorts.ts";

function blockEvent(height: number): NodeEvent {
  return { type: "block", height, hash: BYTES_32, appHash: BYTES_32, timeMs: 0, txs: 0, round: 0 };
}

function txEvent(height: number): NodeEvent {
  return { type: "tx", txId: BYTES_32, height, index: 0, code: 0, codespace: "", log: "" };
}

interface Reader {
  readonly next: () => Promise<{ id: string; event: string; data: Readonly<Record<string, unknown>> }>;
  readonly close: () => Promise<void>;
}

/** A minimal EventSource over fetch. */
async function open(url: string, lastEventId?: string): Promise<Reader> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  if (response.status !== 200) throw new Error(await response.text());
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const body = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  return {
    async next() {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end >= 0) {
          const fields = new Map(text.slice(0, end).split("\n").map(nameAndValue));
          text = text.slice(end + 2);
          if (!fields.has("event")) continue;
          const field = (name: string) => fields.get(name) ?? "";
          return { id: field("id"), event: field("event"), data: JSON.parse(field("data")) };
        }
        const { value, done } = await body.read();
        if (done) throw new Error("stream ended");
        text += Buffer.from(value).toString();
      }
    },
    async close() {
      abort.abort();
      await body.closed.catch(() => undefined);
    },
  };
}

test("events arrive in order with ids, and can be filtered by type", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  const all = await open(`${api.url}/ledger/v1/events`);
  const blocks = await open(`${api.url}/ledger/v1/events?types=block,status`);
  node.emit(txEvent(1));
  node.emit(blockEvent(1));
  node.emit({ type: "status", status: TEST_STATUS });
  expect(await all.next()).toMatchObject({ event: "tx", data: { height: 1, code: 0 } });
  expect(await all.next()).toMatchObject({ event: "block", data: { height: 1, txs: 0 } });
  expect(await all.next()).toMatchObject({ event: "status", data: { chainId: "edream-test" } });
  expect(await blocks.next()).toMatchObject({ event: "block" });
  expect(await blocks.next()).toMatchObject({ event: "status" });
  await Promise.all([all.close(), blocks.close()]);
});

test("a client that reconnects gets exactly the events it missed", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  const url = `${api.url}/ledger/v1/events`;
  const first = await open(url);
  node.emit(blockEvent(1));
  const { id } = await first.next();
  await first.close();
  node.emit(blockEvent(2));
  node.emit(blockEvent(3));
  const second = await open(url, id);
  node.emit(blockEvent(4));
  const heights = [await second.next(), await second.next(), await second.next()].map((event) => event.data.height);
  expect(heights).toEqual([2, 3, 4]);
  await second.close();
});

test("a client whose events are gone, or that met another run of the node, is told of the gap", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  const url = `${api.url}/ledger/v1/events`;
  const first = await open(url);
  node.emit(blockEvent(1));
  const { id } = await first.next();
  await first.close();
  for (let height = 2; height <= EVENT_RING_SIZE + 2; height++) node.emit(blockEvent(height));
  for (const lastEventId of [id, "otherrun-3", "nonsense", `${id.split("-")[0]}-999999`]) {
    const reader = await open(url, lastEventId);
    expect(await reader.next(), lastEventId).toMatchObject({ event: "gap", data: { lastEventId } });
    expect(await reader.next()).toMatchObject({ event: "block", data: { height: 3 } });
    await reader.close();
  }
  const upToDate = await open(url, `${id.split("-")[0]}-${EVENT_RING_SIZE + 2}`);
  node.emit(blockEvent(5000));
  expect(await upToDate.next()).toMatchObject({ event: "block", data: { height: 5000 } });
  await upToDate.close();
});

test("many clients all get the event; beyond the limits further ones are refused", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node, { apiMaxEventClients: 100 });
  const url = `${api.url}/ledger/v1/events`;
  const readers = await Promise.all(Array.from({ length: MAX_EVENT_CLIENTS_PER_ADDRESS }, () => open(url)));
  await expect(open(url)).rejects.toThrow("TOO_MANY_CLIENTS");
  node.emit(blockEvent(9));
  const events = await Promise.all(readers.map((reader) => reader.next()));
  expect(events.every((event) => event.data.height === 9)).toBe(true);
  await Promise.all(readers.map((reader) => reader.close()));
  await using small = await startTestApi(node, { apiMaxEventClients: 1 });
  const only = await open(`${small.url}/ledger/v1/events`);
  await expect(open(`${small.url}/ledger/v1/events`)).rejects.toThrow("TOO_MANY_CLIENTS");
  await only.close();
  // The place is free again once the server has seen the connection close.
  await expect
    .poll(() => open(`${small.url}/ledger/v1/events`).then((reader) => reader.close(), String))
    .toBe(undefined);
});

test("a client that does not read is dropped, and the others are not held up", async () => {
  const node = createTestNode();
  await using api = await startTestApi(node);
  const deaf = await deafClient(api.url);
  const reader = await open(`${api.url}/ledger/v1/events?types=status`);
  const log = "x".repeat(10_000);
  // The kernel's buffers take some megabytes before the node's own backlog grows.
  const closed = new Promise((resolve) => deaf.once("close", resolve));
  for (let i = 0; i < 3000; i++) {
    node.emit({ type: "tx", txId: BYTES_32, height: i, index: 0, code: 1, codespace: "", log });
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  node.emit({ type: "status", status: TEST_STATUS });
  expect(await reader.next()).toMatchObject({ event: "status" });
  const metrics = await fetch(`${api.url}/metrics`).then((response) => response.text());
  expect(metrics).toContain("ledger_api_event_clients_dropped_total 1");
  expect(metrics).toContain("ledger_api_event_clients 1");
  deaf.resume();
  await closed;
  await reader.close();
});

test("idle streams are kept alive by comments", async () => {
  const written: string[] = [];
  const stream: EventStream = createEventStream({ epoch: "e", maxClients: 1, keepAliveMs: 5 });
  const response = { writeHead: () => undefined, on: () => undefined, writableLength: 0, end: () => undefined };
  const fake = { ...response, write: (text: string) => written.push(text) };
  stream.add(fake as never, { address: "::1", lastEventId: undefined, types: undefined });
  await expect.poll(() => written.includes(": \n\n")).toBe(true);
  stream.close();
});

/** Subscribes and then never reads from its socket. */
async function deafClient(url: string): Promise<Socket> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write("GET /ledger/v1/events HTTP/1.1\r\nhost: a\r\n\r\n");
  socket.once("data", () => resolve());
  socket.on("error", () => undefined);
  await promise;
  socket.pause();
  return socket;
}

function nameAndValue(line: string): [name: string, value: string] {
  const colon = line.indexOf(": ");
  return [line.slice(0, colon), line.slice(colon + 2)];
}
