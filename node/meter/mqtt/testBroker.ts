import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { Aedes, type AedesOptions } from "aedes";
import { pino } from "pino";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts } from "../input.ts";

export interface TestBroker extends AsyncDisposable {
  readonly aedes: Aedes;
  readonly port: number;
  /** Message ids in the order in which the client acknowledged them, over all its connections. */
  readonly acked: readonly number[];
  /** SUBSCRIBEs so far. */
  readonly subscriptions: number;
  /** Connections so far. */
  readonly connections: number;
  publish(topic: string, payload: string | Buffer, qos?: 0 | 1, retain?: boolean): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
  /** Nobody listens until `listen`. */
  close(): Promise<void>;
  listen(): Promise<void>;
}

/** A broker in this process, on a port that the system chose. */
export async function startTestBroker(options: AedesOptions = {}, tls?: TlsOptions): Promise<TestBroker> {
  const aedes = await Aedes.createBroker(options);
  const acked: number[] = [];
  let subscriptions = 0;
  let connections = 0;
  aedes.on("subscribe", () => {
    subscriptions += 1;
  });
  const server: Server =
    tls === undefined
      ? createServer((socket) => aedes.handle(socket))
      : createTlsServer(tls, (socket) => aedes.handle(socket));
  const sockets = new Set<AsyncDisposable & { destroy(): void }>();
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  let port = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const listen = async (): Promise<void> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    cut();
    await closed;
  };
  aedes.on("ack", (packet) => {
    if (packet !== undefined && "messageId" in packet) acked.push(packet.messageId as number);
  });
  await listen();
  return {
    aedes,
    acked,
    cut,
    close,
    listen,
    get port() {
      return port;
    },
    get subscriptions() {
      return subscriptions;
    },
    get connections() {
      return connections;
    },
    publish(topic, payload, qos = 1, retain = false) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      aedes.publish({ cmd: "publish", topic, payload, qos, retain, dup: false }, (error) =>
        error ? reject(error) : resolve(),
      );
      return promise;
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) await close();
      await new Promise<void>((resolve) => aedes.close(resolve));
    },
  };
}

export interface TestOffer {
  readonly frame: DecodedFrame;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Ports whose offers wait until the test lets them go, or with `isOpen` go at once. */
export class TestPorts implements InputPorts {
  readonly offers: TestOffer[] = [];
  readonly log = pino({ level: "silent" });
  isOpen: boolean;
  pending = 0;
  mostPending = 0;
  nowMs: () => number;

  constructor(options: { readonly isOpen?: boolean; readonly nowMs?: () => number } = {}) {
    this.isOpen = options.isOpen ?? true;
    this.nowMs = options.nowMs ?? (() => Date.now());
  }

  readonly offer = (frame: DecodedFrame): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.pending += 1;
    this.mostPending = Math.max(this.mostPending, this.pending);
    this.offers.push({ frame, resolve, reject });
    if (this.isOpen) resolve();
    return promise.finally(() => {
      this.pending -= 1;
    });
  };
}
