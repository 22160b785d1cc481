import { connect, type Socket } from "node:net";
import modbus from "modbus-serial";
import type { ReadFunction } from "./registerMap.ts";

export const FRAMINGS = ["tcp", "rtu"] as const;
/** tcp: Modbus TCP, with a transaction id. rtu: the frames of a serial line with their CRC, as a plain serial-to-Ethernet converter passes them on. */
export type Framing = (typeof FRAMINGS)[number];

export interface ModbusEndpoint {
  readonly host: string;
  readonly port: number;
  readonly framing: Framing;
  /** For the connection, and for each answer. */
  readonly timeoutMs: number;
}

export interface Answer {
  /** The registers; of an exception its code. */
  readonly words: Buffer | number;
  /** All bytes that came between the request and the end of its answer. */
  readonly raw: Uint8Array;
}

/** Serves one request at a time. After the first failure that is no answer of the meter it is closed for good. */
export interface ModbusConnection {
  readonly isOpen: boolean;
  /** @throws Error after which the connection is closed: a timeout, a wrong answer, bytes that nobody asked for */
  read(unit: number, fn: ReadFunction, address: number, words: number): Promise<Answer>;
  close(): void;
}

/** Bytes of the longest answer, 125 registers behind an MBAP header, and as much again: more than this is no Modbus. */
const MAX_ANSWER_BYTES = 2 * 260;

/**
 * Opens a connection. An RTU frame does not say which request it answers: an answer that comes after its time would be taken for the next one's, and
 * another register's value stored (research/data.md §2.4). So nothing is ever read on a connection on which a request has timed out, or on which bytes came
 * unasked; whoever asks opens a new one, and what was under way dies with the old.
 * @throws Error when nobody answers there
 */
export async function openModbusConnection(endpoint: ModbusEndpoint, signal: AbortSignal): Promise<ModbusConnection> {
  const { framing, timeoutMs } = endpoint;
  const socket = await openSocket(endpoint, signal);
  const client = new modbus.default();
  /** Of the answer under way; undefined while nothing was asked. */
  let received: Buffer[] | undefined;
  let isOpen = true;

  function close(): void {
    isOpen = false;
    signal.removeEventListener("abort", close);
    client.destroy(() => {});
    socket.destroy();
  }

  socket.on("data", (bytes: Buffer) => {
    received?.push(bytes);
    if (received === undefined || lengthOf(received) > MAX_ANSWER_BYTES) close();
  });
  socket.on("close", close);
  signal.addEventListener("abort", close, { once: true });
  // The port takes the socket over as it is; without a host it opens none of its own.
  const options = { socket };
  await (framing === "tcp"
    ? client.connectTCP(endpoint.host, options as never)
    : client.connectTelnet(endpoint.host, options as never));
  client.setTimeout(timeoutMs);

  async function read(unit: number, fn: ReadFunction, address: number, words: number): Promise<Answer> {
    if (!isOpen) throw new Error("the connection is closed");
    const bytes: Buffer[] = [];
    received = bytes;
    client.setID(unit);
    const closed = Promise.withResolvers<never>();
    const fail = (): void => closed.reject(new Error("the connection was closed"));
    socket.once("close", fail);
    try {
      const asked = fn === 3 ? client.readHoldingRegisters(address, words) : client.readInputRegisters(address, words);
      const { buffer } = await Promise.race([asked, closed.promise]);
      const raw = Buffer.concat(bytes);
      // The library looks for its answer among what came; anything beside it belongs to another request.
      const expected = 2 * words + (framing === "tcp" ? 9 : 5);
      if (raw.length !== expected) throw new Error(`${raw.length} bytes were answered, not ${expected}`);
      return { words: Buffer.from(buffer), raw };
    } catch (error) {
      const code = (error as { modbusCode?: unknown }).modbusCode;
      if (typeof code === "number" && isOpen) return { words: code, raw: Buffer.concat(bytes) };
      close();
      throw error;
    } finally {
      received = undefined;
      socket.off("close", fail);
    }
  }

  return {
    get isOpen() {
      return isOpen;
    },
    read,
    close,
  };
}

function openSocket({ host, port, timeoutMs }: ModbusEndpoint, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, noDelay: true, timeout: timeoutMs });
  const give = (error: Error): void => {
    signal.removeEventListener("abort", stop);
    socket.destroy();
    reject(error);
  };
  const stop = (): void => give(new Error("the input is closed"));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  socket.once("timeout", () => give(new Error(`no connection within ${timeoutMs} ms`)));
  socket.once("error", give);
  socket.once("connect", () => {
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    signal.removeEventListener("abort", stop);
    socket.off("error", give);
    // Every failure also closes the socket, and that is listened to.
    socket.on("error", () => {});
    resolve(socket);
  });
  return promise;
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
