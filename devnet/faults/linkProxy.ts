import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP link from one node to another that can be cut and slowed; whatever passes, passes unread. */
export interface LinkProxy {
  readonly port: number;
  /** Resets what is open and refuses what comes, until `heal`. */
  cut(): void;
  heal(): void;
  /** Every chunk waits this long, in order; 0 ends it. */
  slow(delayMs: number): void;
  close(): Promise<void>;
}

/** Listens on a free port of loopback and passes every connection on to `targetPort`. */
export async function createLinkProxy(targetPort: number): Promise<LinkProxy> {
  const open = new Set<Socket>();
  let isCut = false;
  let delayMs = 0;

  const pass = (from: Socket, to: Socket) => {
    from.on("data", (chunk) => {
      if (delayMs === 0) {
        if (!to.write(chunk)) from.pause();
        return;
      }
      setTimeout(() => void to.write(chunk), delayMs);
    });
    to.on("drain", () => from.resume());
    from.on("close", () => {
      open.delete(from);
      to.destroy();
    });
    from.on("error", () => to.destroy());
    open.add(from);
  };

  const server: Server = createServer((incoming) => {
    if (isCut) return void incoming.resetAndDestroy();
    const outgoing = connect(targetPort, "127.0.0.1");
    pass(incoming, outgoing);
    pass(outgoing, incoming);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const reset = () => {
    for (const socket of [...open]) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut() {
      isCut = true;
      reset();
    },
    heal() {
      isCut = false;
    },
    slow(ms) {
      delayMs = ms;
    },
    async close() {
      reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
