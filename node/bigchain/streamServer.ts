import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import {
  MAX_HEADER_BYTES,
  MAX_INBOUND_FRAME_BYTES,
  MAX_STREAM_CLIENTS,
  MAX_UNREAD_STREAM_BYTES,
  REQUEST_TIMEOUT_MS,
  STREAM_PING_MS,
} from "./limits.ts";
import type { BigchainDecision } from "./ports.ts";
import { STREAM_PATH } from "./routes.ts";

export interface StreamLimits {
  readonly maxClients: number;
  readonly maxUnreadBytes: number;
  readonly pingMs: number;
  readonly requestTimeoutMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  maxClients: MAX_STREAM_CLIENTS,
  maxUnreadBytes: MAX_UNREAD_STREAM_BYTES,
  pingMs: STREAM_PING_MS,
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
};

/** Events that go out in one write. */
const MAX_GATHERED_FRAMES = 64;

export interface StreamServer {
  readonly server: Server;
  /** Clients now. */
  readonly clients: number;
  /** One frame for every transaction that took effect. A client that has left too much unread is cut off. */
  publish(decision: BigchainDecision): void;
  close(): void;
}

/**
 * The event stream on its own port: `/api/v1/streams/valid_transactions`, one text frame for every committed transaction, as the real server writes it. What
 * clients send is read and forgotten. Not yet listening.
 */
export function createStreamServer(limits: StreamLimits): StreamServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_INBOUND_FRAME_BYTES,
    perMessageDeflate: false,
  });
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, Math.ceil(limits.requestTimeoutMs / 2)),
    },
    (request, response) => {
      // What aiohttp answers: to a plain request for the stream, and for anything else.
      const isStream = pathOf(request) === STREAM_PATH;
      const text = isStream ? 'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".' : "404: Not Found";
      const status = isStream ? 400 : 404;
      response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" }).end(text);
    },
  );
  server.maxConnections = 2 * limits.maxClients;
  const connections = new WeakMap<WebSocket, Duplex>();
  /** Those whose frames go out together: so many, or when everything that is told now has been told. */
  const gathering = new Set<Duplex>();
  let gatheredFrames = 0;
  const flush = () => {
    for (const connection of gathering) connection.uncork();
    gathering.clear();
    gatheredFrames = 0;
  };
  const gather = (connection: Duplex | undefined) => {
    if (connection === undefined || gathering.has(connection)) return;
    if (gathering.size === 0) process.nextTick(flush);
    connection.cork();
    gathering.add(connection);
  };
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Nobody else listens until it is a websocket: a client that resets it while it is refused would end this process.
    socket.on("error", () => socket.destroy());
    if (pathOf(request) !== STREAM_PATH) return refuse(socket, 404);
    if (sockets.clients.size >= limits.maxClients) return refuse(socket, 503);
    sockets.handleUpgrade(request, socket, head, (opened) => {
      connections.set(opened, socket);
      serveClient(opened, limits.pingMs);
    });
  });
  return {
    server,
    get clients() {
      return sockets.clients.size;
    },
    publish(decision) {
      if (!decision.accepted || sockets.clients.size === 0) return;
      const frame = frameOf(decision);
      for (const socket of sockets.clients) {
        if (socket.bufferedAmount > limits.maxUnreadBytes) socket.terminate();
        else {
          // A system call for each of a block's frames is most of what they cost.
          gather(connections.get(socket));
          socket.send(frame);
        }
      }
      gatheredFrames += 1;
      if (gatheredFrames >= MAX_GATHERED_FRAMES) flush();
    },
    close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

/** As Python's json.dumps spaces it. */
function frameOf({ height, assetId, id }: BigchainDecision): string {
  return `{"height": ${height}, "asset_id": "${assetId}", "transaction_id": "${id}"}`;
}

/** A client that answers no ping is gone; inbound frames are dropped unread by `ws` for want of a listener. */
function serveClient(socket: WebSocket, pingMs: number): void {
  let isHeard = true;
  const heard = () => {
    isHeard = true;
  };
  socket.on("message", heard).on("ping", heard).on("pong", heard);
  // Frames that are none, or are too long: the socket closes itself.
  socket.on("error", () => undefined);
  const ask = () => {
    if (!isHeard) return socket.terminate();
    isHeard = false;
    socket.ping();
  };
  // What arrived while this process was busy is read before the timer's verdict.
  const timer = setInterval(() => setImmediate(ask), pingMs);
  socket.on("close", () => clearInterval(timer));
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return (url.split("?")[0] ?? "").replace(/(?<=.)\/$/, "");
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
