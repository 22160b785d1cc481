import type { Socket } from "node:net";
import { withEvenParity } from "../stream/sevenBits.ts";
import { listenLine, type TestLine } from "../stream/testLine.ts";
import { blockCheck } from "./readoutMessage.ts";

/** A meter at the other end of a line. */
export interface EmulatedMeter {
  /** It answers to requests of this address, and to those without one. */
  readonly address: string;
  readonly identification: string;
  readonly lines: readonly string[];
  /** Bytes before they are sent: damage. message: how many data messages it has sent. */
  readonly damage?: (bytes: Buffer, message: number) => Buffer;
  /** Sends back what it hears first, as optical heads do. */
  readonly echoes?: boolean;
  /** All of eight bits, the highest an even parity. */
  readonly hasParity?: boolean;
  /** Sleeps until so many NULs have come. */
  readonly wakesAfter?: number;
}

export const LINES = [
  "F.F(00000000)",
  "0.0.0(00412345)",
  "1.8.0(001234.567*kWh)",
  "1.8.1(001000.000*kWh)",
  "1.8.2(000234.567*kWh)",
  "2.8.0(000010.100*kWh)",
  "1.8.0*01(001200.000*kWh)",
  "1.7.0(00.512*kW)",
  "2.7.0(00.000*kW)",
  "32.7(230.1*V)31.7(002.25*A)",
  "C.7.0(0003)",
];

/** STX, the lines, "!" and ETX with the BCC of it. */
export function dataMessage(lines: readonly string[]): Buffer {
  const body = Buffer.from(`${lines.map((line) => `${line}\r\n`).join("")}!\r\n\x03`, "latin1");
  return Buffer.concat([Buffer.of(0x02), body, Buffer.of(blockCheck(body))]);
}

/** A converter with these meters on its line, by the rules of modes A, B and C. What it heard: requests and acknowledgements. */
export async function listenMeters(meters: readonly EmulatedMeter[]): Promise<TestLine & { readonly heard: string[] }> {
  const heard: string[] = [];
  const messages = new Map<EmulatedMeter, number>();
  const line = await listenLine((socket) => {
    let text = "";
    let nuls = 0;
    let acknowledging: EmulatedMeter | undefined;
    socket.on("data", (given) => {
      const first = meters[0] as EmulatedMeter;
      if (first.echoes === true) socket.write(given);
      // Who is set to parity understands nothing else.
      const isRight =
        first.hasParity !== true || Buffer.compare(withEvenParity(given.map((byte) => byte & 0x7f)), given) === 0;
      if (!isRight) return;
      nuls += given.filter((byte) => byte === 0).length;
      text += Buffer.from(given.map((byte) => byte & 0x7f).filter((byte) => byte !== 0)).toString("latin1");
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const request = text.slice(0, end).replace("\r", "");
        text = text.slice(end + 1);
        heard.push(request);
        acknowledging = answer(socket, request, acknowledging, nuls);
      }
    });
  });

  function answer(
    socket: Socket,
    request: string,
    acknowledging: EmulatedMeter | undefined,
    nuls: number,
  ): EmulatedMeter | undefined {
    if (request.startsWith("\x06")) {
      if (acknowledging !== undefined) sendData(socket, acknowledging);
      return undefined;
    }
    const address = /^\/\?(.*)!$/.exec(request)?.[1];
    const meter = meters.find((one) => address === "" || one.address === address);
    if (address === undefined || meter === undefined || nuls < (meter.wakesAfter ?? 0)) return undefined;
    send(socket, meter, Buffer.from(`${meter.identification}\r\n`, "latin1"));
    if (/^\/...[0-9]/.test(meter.identification)) return meter;
    sendData(socket, meter);
    return undefined;
  }

  function sendData(socket: Socket, meter: EmulatedMeter): void {
    const count = (messages.get(meter) ?? 0) + 1;
    messages.set(meter, count);
    const whole = dataMessage(meter.lines);
    // In two pieces: a line has no messages.
    const bytes = meter.damage?.(whole, count) ?? whole;
    send(socket, meter, bytes.subarray(0, 30));
    send(socket, meter, bytes.subarray(30));
  }

  function send(socket: Socket, meter: EmulatedMeter, bytes: Buffer): void {
    if (!socket.destroyed) socket.write(meter.hasParity === true ? withEvenParity(bytes) : bytes);
  }

  return { ...line, heard, port: line.port, sockets: line.sockets, [Symbol.asyncDispose]: line[Symbol.asyncDispose] };
}
