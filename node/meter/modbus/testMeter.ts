import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Framing } from "./connection.ts";

/** CRC-16/MODBUS, as the frames of a serial line end with. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

export interface TestMeter extends AsyncDisposable {
  readonly port: number;
  /** One register, by function and address; what is not set does not exist. */
  set(fn: number, address: number, ...words: number[]): void;
  /** float32, most significant word first. */
  setFloat(fn: number, address: number, value: number): void;
  /** What becomes of the next answers: handed the send function of each, in the order of the requests; undefined sends at once. */
  hold: ((send: () => void, address: number) => void) | undefined;
  /** Changes the bytes of every answer. */
  damage: ((frame: Buffer) => Buffer) | undefined;
  /** Connections so far. */
  readonly connections: number;
  readonly requests: readonly number[];
}

/** A meter at the end of a TCP connection, answering out of a table of registers. */
export async function startTestMeter(framing: Framing): Promise<TestMeter> {
  const registers = new Map<string, number>();
  const sockets = new Set<Socket>();
  const requests: number[] = [];
  const headerBytes = framing === "tcp" ? 6 : 0;
  let connections = 0;

  function answer(pdu: Buffer): Buffer {
    const [unit, fn] = [pdu[0] as number, pdu[1] as number];
    const [address, count] = [pdu.readUInt16BE(2), pdu.readUInt16BE(4)];
    const words = Array.from({ length: count }, (_, index) => registers.get(`${fn} ${address + index}`));
    // Registers between two that exist read as 0; a block without any is an illegal address.
    if (words.every((word) => word === undefined)) return Buffer.from([unit, fn | 0x80, 2]);
    const out = Buffer.alloc(3 + 2 * count);
    out.set([unit, fn, 2 * count]);
    for (const [index, word] of words.entries()) out.writeUInt16BE(word ?? 0, 3 + 2 * index);
    return out;
  }

  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const pdu = bytes.subarray(headerBytes);
      const body = answer(pdu);
      const crc = Buffer.alloc(2);
      crc.writeUInt16LE(crc16(body));
      const header = Buffer.from(bytes.subarray(0, headerBytes));
      if (framing === "tcp") header.writeUInt16BE(body.length, 4);
      const frame = framing === "tcp" ? Buffer.concat([header, body]) : Buffer.concat([body, crc]);
      requests.push(pdu.readUInt16BE(2));
      const send = (): void => {
        if (!socket.destroyed) socket.write(meter.damage === undefined ? frame : meter.damage(frame));
      };
      if (meter.hold === undefined) send();
      else meter.hold(send, pdu.readUInt16BE(2));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const meter: TestMeter = {
    port: (server.address() as AddressInfo).port,
    hold: undefined,
    damage: undefined,
    requests,
    get connections() {
      return connections;
    },
    set(fn, address, ...words) {
      for (const [index, word] of words.entries()) registers.set(`${fn} ${address + index}`, word);
    },
    setFloat(fn, address, value) {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatBE(value);
      meter.set(fn, address, bytes.readUInt16BE(0), bytes.readUInt16BE(2));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return meter;
}
