import { createServer, type Socket } from "node:net";
import { pino } from "pino";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts } from "../input.ts";

export interface TestLine extends AsyncDisposable {
  readonly port: number;
  /** Connections that were made, in order. */
  readonly sockets: readonly Socket[];
}

/** A converter at the other end of a TCP line, on a port of the system's choice or at `port`. */
export async function listenLine(
  onConnect: (socket: Socket, index: number) => void = () => undefined,
  port = 0,
): Promise<TestLine> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket);
    onConnect(socket, sockets.length - 1);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Takes every frame at once, or when `release` is called. */
export function testPorts(
  nowMs: () => number,
): InputPorts & { readonly frames: DecodedFrame[]; hold(): void; release(): void } {
  const frames: DecodedFrame[] = [];
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  return {
    frames,
    nowMs,
    log: pino({ level: "silent" }),
    async offer(frame) {
      frames.push(frame);
      await gate.promise;
    },
    hold() {
      gate = Promise.withResolvers<void>();
    },
    release: () => gate.resolve(),
  };
}
