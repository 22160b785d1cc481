import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";

/** An RPC that passes every request on to an honest node, and may change the results that come back. Websockets go through untouched. */
export interface TamperingRpc extends AsyncDisposable {
  readonly url: string;
}

/** `tamper` answers the result to give instead. */
export async function startTamperingRpc(
  honestUrl: string,
  tamper: (method: string, result: Record<string, unknown>) => Record<string, unknown>,
): Promise<TamperingRpc> {
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    answer(request).then(
      (text) => {
        response.setHeader("Content-Type", "application/json");
        response.end(text);
      },
      () => response.destroy(),
    );
  });
  server.on("upgrade", (request, client) => {
    const { hostname, port } = new URL(honestUrl);
    const upstream = connect(Number(port), hostname);
    const headers = request.rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
    upstream.write(`GET ${request.url} HTTP/1.1\r\n${headers}\r\n`);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) sockets.add(socket.on("error", () => socket.destroy()));
  });

  async function answer(request: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { method } = JSON.parse(body) as { method: string };
    const honest = (await (await fetch(honestUrl, { method: "POST", body })).json()) as {
      result?: Record<string, unknown>;
    };
    return JSON.stringify(honest.result === undefined ? honest : { ...honest, result: tamper(method, honest.result) });
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
