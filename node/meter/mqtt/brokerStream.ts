import { connect as connectTcp, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { Connection } from "./connectionOptions.ts";
import { PacketLimiter } from "./packetLimiter.ts";

const DEFAULT_PORT = 1883;
const DEFAULT_TLS_PORT = 8883;
/** Room for topic, packet id and properties beside the payload: a topic may have 65 535 bytes. */
export const HEADER_BYTES = 70_000;

/** A connection to the broker, from which no packet comes that is longer than allowed. */
export function openBrokerStream(connection: Connection): Duplex {
  return new BrokerStream(openSocket(connection), new PacketLimiter(connection.maxMessageBytes + HEADER_BYTES));
}

function openSocket({ url, ca, cert, key }: Connection): Socket {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "mqtt:") return connectTcp({ host, port: Number(port || DEFAULT_PORT) });
  return connectTls({
    host,
    port: Number(port || DEFAULT_TLS_PORT),
    rejectUnauthorized: true,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

class BrokerStream extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket, limiter: PacketLimiter) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const passed = limiter.take(chunk);
      if (passed === undefined) this.destroy(new Error("the broker sent what is no MQTT, or too long a packet"));
      else if (passed.length > 0 && !this.push(passed)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end(() => callback());
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}
