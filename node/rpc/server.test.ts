import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createAccess } from "./access.ts";
import { BYTES, INT64, STRING } from "./argumentKinds.ts";
import { MAX_HEADER_BYTES, MAX_OPEN_CONNECTIONS } from "./limits.ts";
import { parseListenAddress } from "./listenAddress.ts";
import { method } from "./method.ts";
import { methodList } from "./methodList.ts";
import { startTestServer } from "./testServer.ts";

/** The whole answer to bytes that need not be HTTP. */
async function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  let text = "";
  socket.on("data", (data) => {
    text += data.toString();
  });
  await once(socket, "close");
  return text;
}

const resultOf = async (answer: Response) => ((await answer.json()) as { result?: unknown }).result;

test("the page of methods is CometBFT's: a link for each, with its arguments, in the order of their names", async () => {
  const call = () => ({});
  const methods = {
    b: method({ minHeight: INT64, maxHeight: INT64 }, call),
    a: method({}, call),
  };
  expect(methodList(methods, "127.0.0.1:36657")).toBe(
    '<html><body><br>Available endpoints:<br><br>Endpoints that require arguments:<br><a href="//127.0.0.1:36657/a?">//127.0.0.1:36657/a?</a></br><a href="//127.0.0.1:36657/b?minHeight=_&maxHeight=_">//127.0.0.1:36657/b?minHeight=_&maxHeight=_</a></br></body></html>',
  );
  expect(methodList(methods, '"><script>')).not.toContain("<script>");
  await using server = await startTestServer({ methods });
  for (const init of [{}, { method: "POST" }, { method: "POST", body: "" }]) {
    const answer = await fetch(server.url, init);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html"]);
    expect(await answer.text()).toContain("/echo?text=_");
  }
});

test("the server says its time, as CometBFT does", async () => {
  await using server = await startTestServer();
  const answer = await fetch(`${server.url}/echo?text="x"`);
  expect(answer.headers.get("x-server-time")).toMatch(/^\d{10}$/);
});

test("arguments may come as a form, behind those of the path", async () => {
  await using server = await startTestServer();
  const body = new URLSearchParams({ text: '"from the form"' });
  const ask = async (path: string) => resultOf(await fetch(`${server.url}${path}`, { method: "POST", body }));
  expect(await ask("/echo")).toEqual({ text: "from the form" });
  expect(await ask('/echo?text="from the path"')).toEqual({ text: "from the path" });
});

test("an answer that stays as it is may be kept, unless it is an error or one of several that do not", async () => {
  const isFinal = ({ height }: { readonly height: bigint }) => height > 0n;
  const final = method({ height: INT64 }, ({ height }) => ({ height: height.toString() }), { isFinal });
  await using server = await startTestServer({ methods: { final } });
  const call = (height: string) => ({ jsonrpc: "2.0", id: 1, method: "final", params: { height } });
  const kept = async (body: unknown) => {
    const answer = await fetch(server.url, { method: "POST", body: JSON.stringify(body) });
    return answer.headers.get("cache-control");
  };
  const day = "public, max-age=86400";
  expect(await kept(call("5"))).toBe(day);
  expect(await kept(call("0"))).toBeNull();
  expect(await kept([call("5"), call("6")])).toBe(day);
  expect(await kept([call("5"), call("0")])).toBeNull();
  expect(await kept([call("5"), call("x")])).toBeNull();
  expect((await fetch(`${server.url}/final?height=5`)).headers.get("cache-control")).toBe(day);
  expect((await fetch(`${server.url}/final?height=x`)).headers.get("cache-control")).toBeNull();
});

test("an error of ours is logged, and the client is told no more than that there was one", async () => {
  const broken = method({}, () => {
    throw new TypeError("secret of the house");
  });
  await using server = await startTestServer({ methods: { broken } });
  const answer = await fetch(`${server.url}/broken`);
  expect([answer.status, await answer.json()]).toEqual([
    500,
    {
      jsonrpc: "2.0",
      id: -1,
      error: { code: -32603, message: "Internal error", data: "the node could not answer this request" },
    },
  ]);
  expect(server.faults).toMatchObject([{ message: "secret of the house" }]);
});

test("paths and bytes that are none are answered, and the server goes on", async () => {
  await using server = await startTestServer();
  const get = (path: string) => raw(server.url, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  for (const path of ["//", "//[", "http://[", "/%", "/__proto__", "/echo/", "/ECHO"])
    expect(await get(path), path).toContain("404 page not found");
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  expect(await raw(server.url, `GET // HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1.1 404 /);
  expect(await raw(server.url, "\x16\x03\x01\x02\x00\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  const header = "x".repeat(MAX_HEADER_BYTES);
  expect(await raw(server.url, `GET / HTTP/1.1\r\nHost: x\r\nX: ${header}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  expect(await get("/echo?text=%22alive%22")).toContain('{"text":"alive"}');
});

test(`${MAX_OPEN_CONNECTIONS} connections are held, one more is closed at once`, async () => {
  // On a machine that is busy it takes longer than a request may.
  await using server = await startTestServer({ requestTimeoutMs: 600_000 });
  const { hostname, port } = new URL(server.url);
  const answered = async (socket: Socket) => {
    socket.write('GET /echo?text="x" HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(String((await once(socket, "data"))[0])).toContain("200 OK");
    return socket;
  };
  // One after another: more at once than the system queues for acceptance would be accepted in another order than they were opened in.
  const sockets: Socket[] = [];
  while (sockets.length < MAX_OPEN_CONNECTIONS) sockets.push(await answered(connect(Number(port), hostname)));
  const oneMore = connect(Number(port), hostname).resume();
  await once(oneMore, "close");
  for (const socket of sockets.slice(-1)) await answered(socket);
  for (const socket of sockets) socket.destroy();
});

test("answers that are not read may have so many bytes together, and are then no longer made", async () => {
  const big = method({}, () => ({ text: "x".repeat(8_000_000) }));
  await using server = await startTestServer({ methods: { big }, maxUnreadAnswerBytes: 10_000_000 });
  const { hostname, port } = new URL(server.url);
  const deaf = connect(Number(port), hostname).pause();
  deaf.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  const status = async () => {
    const answer = await fetch(`${server.url}/big`);
    await answer.text();
    return answer.status;
  };
  await expect.poll(status).toBe(503);
  // Small answers still are, and others once it is gone.
  expect((await fetch(`${server.url}/echo?text="x"`)).status).toBe(200);
  deaf.destroy();
  await expect.poll(status).toBe(200);
});

test("a client that goes away, while it sends or while it waits, is no fault and leaves nothing behind", async () => {
  const called = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const big = method({}, () => ({ text: "x".repeat(8_000_000) }));
  const late = method({}, async (_values, { signal }) => {
    called.resolve();
    if (!signal.aborted) await once(signal, "abort");
    setImmediate(() => answered.resolve());
    return { text: "x".repeat(8_000_000) };
  });
  await using server = await startTestServer({ methods: { big, late }, maxUnreadAnswerBytes: 10_000_000 });
  const { hostname, port } = new URL(server.url);
  const leaver = connect(Number(port), hostname);
  leaver.write("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
  await called.promise;
  leaver.destroy();
  await answered.promise;
  expect((await fetch(`${server.url}/big`)).status).toBe(200);
  const sender = connect(Number(port), hostname);
  sender.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  await new Promise<void>((resolve) => sender.end(resolve));
  sender.destroy();
  expect((await fetch(`${server.url}/echo?text="x"`)).status).toBe(200);
  expect(server.faults).toEqual([]);
});

test("beyond loopback every request needs the token, as bearer or as a password", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rpc-token-"));
  const file = join(folder, "token");
  const token = "a".repeat(32);
  writeFileSync(file, `${token}\n`);
  try {
    for (const host of ["127.0.0.1", "::1", "localhost"]) expect(createAccess(host, "")).toBeUndefined();
    expect(() => createAccess("0.0.0.0", "")).toThrow("API_TOKEN_REQUIRED");
    const isAllowed = createAccess("0.0.0.0", file);
    if (isAllowed === undefined) throw new Error("everybody is let in");
    await using server = await startTestServer({ isAllowed });
    const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
    const status = async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      return (await fetch(`${server.url}/echo?text="x"`, { headers })).status;
    };
    for (const good of [`Bearer ${token}`, `bearer ${token}`, basic(`name:${token}`), basic(`:${token}`)])
      expect(await status(good), good).toBe(200);
    for (const bad of [undefined, "", "Bearer ", `Bearer ${token}x`, basic(token.slice(1)), `Digest ${token}`])
      expect(await status(bad), bad).toBe(401);
    const refused = new WebSocket(server.websocketUrl);
    const [, answer] = await once(refused, "unexpected-response");
    expect(answer.statusCode).toBe(401);
    refused.on("error", () => undefined).terminate();
    const socket = new WebSocket(server.websocketUrl, { headers: { authorization: `Bearer ${token}` } });
    await once(socket, "open");
    socket.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("where to listen is a host and a port", () => {
  const cases: [text: string, host: string | undefined, port?: number][] = [
    ["127.0.0.1:26657", "127.0.0.1", 26657],
    ["tcp://0.0.0.0:0", "0.0.0.0", 0],
    ["[::1]:65535", "::1", 65535],
    ["localhost:1", "localhost", 1],
    ["127.0.0.1", undefined],
    ["127.0.0.1:65536", undefined],
    ["::1:5", undefined],
    [":26657", undefined],
    ["unix:///x", undefined],
    ["", undefined],
  ];
  for (const [text, host, port] of cases)
    expect(parseListenAddress(text), text).toEqual(host === undefined ? undefined : { host, port });
});

test("bytes in a URI are hex, or a text in quotes", async () => {
  const bytes = method({ data: BYTES, name: STRING }, ({ data, name }) => ({
    hex: Buffer.from(data).toString("hex"),
    name,
  }));
  await using server = await startTestServer({ methods: { bytes } });
  const ask = async (query: string) => resultOf(await fetch(`${server.url}/bytes?${query}`));
  expect(await ask("data=0x0Aff&name=0x616263")).toEqual({ hex: "0aff", name: "abc" });
  expect(await ask("data=%22ab%22")).toEqual({ hex: "6162", name: "" });
});
