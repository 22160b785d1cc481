import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Dispatcher } from "./jsonRpc.ts";
import { MAX_BODY_BYTES, MAX_UNREAD_BYTES, MAX_WAITING_MESSAGES, SOCKET_PING_MS, UNREAD_TIMEOUT_MS } from "./limits.ts";
import { remoteOf, urlOf } from "./server.ts";
import type { RpcConnection, Subscriptions } from "./subscriptions.ts";

export interface WebsocketLimits {
  readonly maxUnreadBytes: number;
  readonly unreadTimeoutMs: number;
  readonly pingMs: number;
}

export const WEBSOCKET_LIMITS: WebsocketLimits = {
  maxUnreadBytes: MAX_UNREAD_BYTES,
  unreadTimeoutMs: UNREAD_TIMEOUT_MS,
  pingMs: SOCKET_PING_MS,
};

export interface WebsocketPorts {
  readonly dispatcher: Dispatcher;
  readonly subscriptions: Subscriptions;
  readonly isAllowed: ((request: IncomingMessage) => boolean) | undefined;
}

/** JSON-RPC over websockets at /websocket (rpc/jsonrpc/server/ws_handler.go): one request after another, answers and events in order. */
export function serveWebsockets(server: Server, limits: WebsocketLimits, ports: WebsocketPorts): { close(): void } {
  const { isAllowed } = ports;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_BODY_BYTES, perMessageDeflate: false });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Nobody else listens until it is a websocket: a client that resets it while it is refused would end this process.
    socket.on("error", () => socket.destroy());
    if (urlOf(request)?.pathname !== "/websocket") return refuse(socket, 404);
    if (!isSameOrigin(request)) return refuse(socket, 403);
    if (isAllowed !== undefined && !isAllowed(request)) return refuse(socket, 401);
    sockets.handleUpgrade(request, socket, head, (opened) => serveSocket(opened, remoteOf(request), limits, ports));
  });
  return {
    close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

function serveSocket(socket: WebSocket, remote: string, limits: WebsocketLimits, ports: WebsocketPorts): void {
  const { dispatcher, subscriptions } = ports;
  const gone = new AbortController();
  const waiting: string[] = [];
  let isAnswering = false;
  const writes = watchWrites(socket, limits.unreadTimeoutMs);
  const connection: RpcConnection = {
    send: (text) => void writes.send(text),
    isSlow: () => socket.bufferedAmount > limits.maxUnreadBytes,
  };
  const stopWatching = watchSilence(socket, limits.pingMs);

  async function answerWaiting(): Promise<void> {
    if (isAnswering) return;
    isAnswering = true;
    for (let text = waiting.shift(); text !== undefined && !gone.signal.aborted; text = waiting.shift()) {
      const answer = await dispatcher.answerMessage(text, { remote, signal: gone.signal, connection });
      // The next request waits until this answer has been taken: who does not read is not worked for.
      if (answer !== undefined) await writes.send(answer);
      if (waiting.length < MAX_WAITING_MESSAGES) socket.resume();
    }
    isAnswering = false;
  }

  socket.on("message", (data: RawData) => {
    waiting.push(data.toString());
    if (waiting.length >= MAX_WAITING_MESSAGES) socket.pause();
    void answerWaiting();
  });
  // Frames that are none, or are too long: the socket closes itself.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    gone.abort();
    stopWatching();
    writes.stop();
    subscriptions.forget(connection);
  });
}

/** Sends texts, and ends the connection when one is not taken in time. */
function watchWrites(socket: WebSocket, timeoutMs: number) {
  let unread = 0;
  let taken = 0;
  let timer: NodeJS.Timeout | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = unread === 0 ? undefined : setTimeout(giveUpUnlessTaken, timeoutMs);
  };
  function giveUpUnlessTaken(): void {
    const before = taken;
    // What was taken while this process was busy is counted before the timer's verdict.
    setImmediate(() => (taken === before ? socket.terminate() : watch()));
  }
  return {
    send(text: string): Promise<void> {
      unread += 1;
      if (timer === undefined) watch();
      return new Promise((resolve) =>
        socket.send(text, () => {
          unread -= 1;
          taken += 1;
          watch();
          resolve();
        }),
      );
    },
    stop: () => clearTimeout(timer),
  };
}

/** Asks a client whether it is there, and gives it up when nothing came from it between two questions. Returns what ends this. */
function watchSilence(socket: WebSocket, pingMs: number): () => void {
  let isHeard = true;
  const heard = () => {
    isHeard = true;
  };
  socket.on("message", heard).on("ping", heard).on("pong", heard);
  const ask = () => {
    if (!isHeard) return socket.terminate();
    isHeard = false;
    socket.ping();
  };
  // What arrived while this process was busy is read before the timer's verdict.
  const timer = setInterval(() => setImmediate(ask), pingMs);
  return () => clearInterval(timer);
}

/** A page of another site must not read this node through its visitor's browser; programs say no origin. */
function isSameOrigin({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host;
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
