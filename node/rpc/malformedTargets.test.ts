import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDispatcher } from "./jsonRpc.ts";
import { createRpcServer } from "./server.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { serveWebsockets, WEBSOCKET_LIMITS } from "./websocket.ts";

let server: Server;
const faults: unknown[] = [];

beforeAll(async () => {
  const onFault = (_path: string, error: unknown) => faults.push(error);
  const dispatcher = createDispatcher({}, onFault);
  const subscriptions = createSubscriptions({ maxClients: 1, maxPerClient: 1 });
  server = createRpcServer({ methods: {}, dispatcher, isAllowed: undefined, onFault });
  const websockets = serveWebsockets(server, WEBSOCKET_LIMITS, { dispatcher, subscriptions, isAllowed: undefined });
  server.once("close", () => websockets.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const UPGRADE =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n";

const CLOSE = "Connection: close\r\n";

/** What the server says to a request for `target`, up to the end of the connection or of what it says at once. */
async function answerTo(target: string, headers: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.end(`GET ${target} HTTP/1.1\r\nHost: rpc\r\n${headers}\r\n`, "latin1");
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** Targets that Node's HTTP parser lets through and that are no URL, or none of ours. */
const TARGETS = [
  "//",
  "///",
  "//[",
  "/\\\\",
  "//:0",
  "//a:99999",
  "http://",
  "http://[/",
  "*",
  "/%",
  "/%ff%fe",
  "/..//%2f",
  "/constructor",
  "/__proto__",
];

test.each(TARGETS)(
  "the target %j is answered with 404, as a request and as an upgrade, and costs the server nothing",
  async (target) => {
    expect(await answerTo(target, CLOSE)).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(await answerTo(target, UPGRADE)).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(await answerTo("/", CLOSE)).toContain("Available endpoints");
    expect(faults).toEqual([]);
  },
);

test("who resets the connection while it is refused an upgrade ends nothing but that", async () => {
  for (let turn = 0; turn < 20; turn++) {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(`GET /elsewhere HTTP/1.1\r\nHost: rpc\r\n${UPGRADE}\r\n`);
    if (turn % 2 === 0) socket.resetAndDestroy();
    else {
      await once(socket, "readable");
      socket.resetAndDestroy();
    }
  }
  expect(await answerTo("/", CLOSE)).toContain("Available endpoints");
});
