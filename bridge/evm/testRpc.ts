import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a node between a test and an Ethereum node answers; `answer` asks the real one. A text that begins with RAW: is the whole answer. */
export type Falsify = (method: string, answer: () => Promise<unknown>, params: readonly unknown[]) => Promise<unknown>;

/** A JSON-RPC endpoint that passes questions on to `url` and may lie about the answers. */
export async function startTestRpc(
  falsify: Falsify,
  url = "",
): Promise<AsyncDisposable & { readonly url: string; readonly close: () => Promise<void> }> {
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
    const answer = async () => {
      const asked = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
      const { result, error } = (await asked.json()) as { result?: unknown; error?: unknown };
      if (error !== undefined) throw error;
      return result;
    };
    const said = await falsify(method, answer, params).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    response.setHeader("content-type", "application/json");
    const raw = "result" in said && typeof said.result === "string" && said.result.startsWith("RAW:");
    response.end(raw ? String(said.result).slice(4) : JSON.stringify({ jsonrpc: "2.0", id, ...said }));
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}
