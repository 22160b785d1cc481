import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { Request, Response } from "cosmjs-types/tendermint/abci/types";
import { MAX_BLOCK_BYTES } from "#storage/limits.ts";
import { createFrameReader, encodeFrame } from "../network/framing.ts";
import { AbciError } from "./abciError.ts";

/** Bytes of one request: a block with the largest list of transactions, and what stands around it. */
const MAX_REQUEST_BYTES = MAX_BLOCK_BYTES + 1024 * 1024;

/** Requests of one connection that wait; beyond it the connection is not read. */
const MAX_WAITING_REQUESTS = 1024;

/** Longest path of a Unix socket on Linux, without the zero byte (sys/un.h); macOS has 103. */
const MAX_SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/** One of the four connections CometBFT opens. They carry no name: what is asked over them tells them apart. */
export interface AbciConnection {
  readonly id: number;
}

export interface AbciHandler {
  /** Answers one request. What it throws goes back as an exception, upon which CometBFT ends. */
  handle(request: Request, connection: AbciConnection): Promise<Response>;
  /** The other end is gone; what it began is not finished. */
  onClose(connection: AbciConnection): void;
  /** An exception was sent. */
  onException(error: unknown): void;
}

export interface AbciServer {
  /** Connections open now. */
  connections(): number;
  close(): Promise<void>;
}

/**
 * ABCI 2.0 over a Unix socket (CometBFT abci/server/socket_server.go): frames of an unsigned varint length and a Request, answered by
 * Responses in the same order. Only this user may connect.
 * @throws AbciError ABCI_SOCKET_PATH_LENGTH; the error of `listen`
 */
export async function createAbciServer(path: string, handler: AbciHandler): Promise<AbciServer> {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES)
    throw new AbciError({ code: "ABCI_SOCKET_PATH_LENGTH", path, bytes, maxBytes: MAX_SOCKET_PATH_BYTES });
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  let lastId = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    lastId += 1;
    serveConnection(socket, { id: lastId }, handler, () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
  chmodSync(path, 0o600);
  return {
    connections: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serveConnection(socket: Socket, connection: AbciConnection, handler: AbciHandler, onGone: () => void): void {
  const waiting: Uint8Array[] = [];
  let isWorking = false;
  socket.setNoDelay(true);

  async function work(): Promise<void> {
    if (isWorking) return;
    isWorking = true;
    for (let frame = waiting.shift(); frame !== undefined && !socket.destroyed; frame = waiting.shift()) {
      if (socket.isPaused() && waiting.length < MAX_WAITING_REQUESTS / 2) socket.resume();
      const response = await answer(frame);
      // What is answered waits for a Flush, or until nothing more is asked, and then leaves at once.
      if (socket.writableCorked === 0) socket.cork();
      socket.write(encodeFrame(Response.encode(response).finish()));
      if (response.flush !== undefined || waiting.length === 0) socket.uncork();
      if (response.exception !== undefined) socket.end();
    }
    isWorking = false;
  }

  async function answer(frame: Uint8Array): Promise<Response> {
    try {
      return await handler.handle(Request.decode(frame), connection);
    } catch (error) {
      handler.onException(error);
      return Response.fromPartial({ exception: { error: (error as Error).message } });
    }
  }

  const reader = createFrameReader(MAX_REQUEST_BYTES, (frame) => {
    waiting.push(frame);
    if (waiting.length >= MAX_WAITING_REQUESTS) socket.pause();
  });
  socket.on("data", (chunk) => {
    try {
      reader.push(chunk);
    } catch (error) {
      handler.onException(error);
      socket.destroy();
      return;
    }
    void work();
  });
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    waiting.length = 0;
    onGone();
    handler.onClose(connection);
  });
}
