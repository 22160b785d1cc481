import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { importer } from "ipfs-unixfs-importer";
import { fixedSize } from "ipfs-unixfs-importer/chunker";
import { balanced } from "ipfs-unixfs-importer/layout";

/** For tests: the part of Kubo's RPC API that is used, with its answers and errors, and ways to misbehave. */
export interface TestKubo extends AsyncDisposable {
  readonly url: string;
  /** Files by CID, pinned or not. */
  readonly files: Map<string, Uint8Array>;
  readonly pins: Set<string>;
  /** Queries of `add`. */
  readonly added: URLSearchParams[];
  /** Answers instead of the next calls. */
  misbehave: ((path: string, response: ServerResponse) => boolean) | undefined;
}

export async function startTestKubo(): Promise<TestKubo> {
  const files = new Map<string, Uint8Array>();
  const pins = new Set<string>();
  const added: URLSearchParams[] = [];
  const kubo = { files, pins, added, misbehave: undefined as TestKubo["misbehave"] };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://kubo");
    const path = pathname.replace("/api/v0/", "");
    const body = Buffer.concat(await request.toArray());
    if (kubo.misbehave?.(path, response)) return;
    if (request.method !== "POST") return void response.writeHead(405).end("405 - Method Not Allowed\n");
    const cid = searchParams.get("arg") ?? "";
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(value)}\n`);
    const fail = (Message: string) => json({ Message, Code: 0, Type: "error" }, 500);
    switch (path) {
      case "add": {
        const type = request.headers["content-type"] ?? "";
        const form = await new Response(body, { headers: { "content-type": type } }).formData();
        const bytes = new Uint8Array(await (form.get("file") as File).arrayBuffer());
        const name = (form.get("file") as File).name;
        const hash = await cidBy(searchParams, bytes);
        added.push(searchParams);
        files.set(hash, bytes);
        if (searchParams.get("pin") !== "false") pins.add(hash);
        return void json({ Name: name, Hash: hash, Size: String(bytes.length) });
      }
      case "cat": {
        const bytes = files.get(cid);
        if (bytes === undefined) return void fail(`block was not found locally (offline): ipld: could not find ${cid}`);
        return void response.writeHead(200, { "content-type": "text/plain", "x-stream-output": "1" }).end(bytes);
      }
      case "pin/ls":
        if (!pins.has(cid)) return void fail(`path '${cid}' is not pinned`);
        return void json({ Keys: { [cid]: { Type: "recursive" } } });
      case "pin/rm":
        if (!pins.delete(cid)) return void fail("not pinned or pinned indirectly");
        return void json({ Pins: [cid] });
      default:
        return void response.writeHead(404).end("404 page not found\n");
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(kubo, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  });
}

/** By what the query says, so that a parameter that is left out is noticed: Kubo's defaults are other ones. */
async function cidBy(query: URLSearchParams, bytes: Uint8Array): Promise<string> {
  const chunkSize = Number(/^size-(\d+)$/.exec(query.get("chunker") ?? "")?.[1] ?? 1_048_576);
  const options = {
    cidVersion: query.get("cid-version") === "1" ? 1 : 0,
    rawLeaves: query.get("raw-leaves") === "true",
    chunker: fixedSize({ chunkSize }),
    layout: balanced({ maxChildrenPerNode: Number(query.get("max-file-links") ?? 1024) }),
  } as const;
  const store = { put: async (cid: unknown) => cid };
  for await (const { cid } of importer([{ content: [bytes] }], store as never, options)) return cid.toString();
  throw new Error("the importer gave nothing");
}
