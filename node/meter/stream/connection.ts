import { connect } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { HOST, OptionReader } from "../inputOptions.ts";

/** Where the bytes of a meter come from, as plain JSON. */
export type ConnectionOptions = TcpOptions | SerialOptions;

/** A converter or gateway that passes a meter's line on (ser2net and its like). */
export interface TcpOptions {
  readonly type: "tcp";
  readonly host: string;
  readonly port: number;
  /** Without a byte for as long, the connection is made anew, ms. Default 60 s. */
  readonly idleTimeoutMs?: number;
}

export interface SerialOptions {
  readonly type: "serial";
  /** "/dev/ttyUSB0" */
  readonly path: string;
  readonly baudRate?: number;
  readonly dataBits?: number;
  readonly parity?: (typeof PARITIES)[number];
  readonly stopBits?: number;
  readonly idleTimeoutMs?: number;
}

/** What a protocol's lines are set to when nothing is said. */
export type SerialDefaults = Required<Pick<SerialOptions, "baudRate" | "dataBits" | "parity" | "stopBits">>;

/** An open line: bytes, and how to let it go. */
export interface Line {
  readonly stream: Readable;
  /** Resolves when it is sent, as far as is known here. */
  write(bytes: Uint8Array): Promise<void>;
  /** Once all that was written is sent. Absent: a converter by TCP has its own setting. */
  readonly setBaudRate?: (baudRate: number) => Promise<void>;
  close(): void;
}

export interface Connection {
  /** "tcp 192.0.2.7:23", "serial /dev/ttyUSB0" */
  readonly name: string;
  readonly idleTimeoutMs: number;
  open(signal: AbortSignal): Promise<Line>;
}

const PARITIES = ["none", "even", "odd"] as const;
const PATH = { pattern: /^[\x21-\x7e]{1,255}$/, form: "a path" };
const CONNECT_TIMEOUT_MS = 10_000;
/** A converter that was switched off is noticed by the system, too. */
const KEEP_ALIVE_MS = 30_000;
const [DEFAULT_IDLE_MS, MIN_IDLE_MS, MAX_IDLE_MS] = [60_000, 100, 86_400_000];

/** Of the package serialport (13), as much as is used. */
interface SerialModule {
  readonly SerialPort: new (
    options: SerialDefaults & { readonly path: string; readonly autoOpen: false },
  ) => Duplex & {
    readonly isOpen: boolean;
    drain(done: (error: Error | null | undefined) => void): void;
    update(settings: { readonly baudRate: number }, done: (error: Error | null | undefined) => void): void;
    open(done: (error: Error | null) => void): void;
    close(done: (error: Error | null) => void): void;
  };
}

/** The name is no literal: the program is whole without the package. */
async function loadPackage(name: string): Promise<unknown> {
  return await import(name);
}

/**
 * options: of one connection, at `path` in the options of its input. The package serialport is loaded here, and only for serial lines.
 * @throws MeterSourceError METER_OPTION_INVALID
 */
export async function readConnection(
  options: unknown,
  path: string,
  defaults: SerialDefaults,
  load: (name: string) => Promise<unknown> = loadPackage,
): Promise<Connection> {
  const isSerial = (options as Partial<ConnectionOptions> | null | undefined)?.type === "serial";
  const names = isSerial ? ["path", "baudRate", "dataBits", "parity", "stopBits"] : ["host", "port"];
  const reader = new OptionReader(options, path, ["type", "idleTimeoutMs", ...names]);
  reader.choice("type", ["tcp", "serial"]);
  const idleTimeoutMs = reader.integer("idleTimeoutMs", {
    min: MIN_IDLE_MS,
    max: MAX_IDLE_MS,
    fallback: DEFAULT_IDLE_MS,
  });
  if (!isSerial) {
    const host = reader.text("host", HOST);
    const port = reader.integer("port", { min: 1, max: 65_535 });
    return { name: `tcp ${host}:${port}`, idleTimeoutMs, open: (signal) => openTcp(host, port, signal) };
  }
  const device = reader.text("path", PATH);
  const settings = {
    path: device,
    baudRate: reader.integer("baudRate", { min: 300, max: 4_000_000, fallback: defaults.baudRate }),
    dataBits: reader.integer("dataBits", { min: 7, max: 8, fallback: defaults.dataBits }),
    parity: reader.choice("parity", PARITIES, defaults.parity),
    stopBits: reader.integer("stopBits", { min: 1, max: 2, fallback: defaults.stopBits }),
  };
  let serial: SerialModule;
  try {
    serial = (await load("serialport")) as SerialModule;
  } catch {
    throw reader.fault("type", "needs the package serialport, which is not installed here: npm install serialport@13");
  }
  return { name: `serial ${device}`, idleTimeoutMs, open: () => openSerial(serial, settings) };
}

async function openTcp(host: string, port: number, signal: AbortSignal): Promise<Line> {
  const socket = connect({ host, port, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  const abort = (): void => {
    socket.destroy(new Error(signal.aborted ? "stopped" : `no answer in ${CONNECT_TIMEOUT_MS} ms`));
  };
  limit.addEventListener("abort", abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  } finally {
    limit.removeEventListener("abort", abort);
  }
  return { stream: socket, write: (bytes) => writeTo(socket, bytes), close: () => socket.destroy() };
}

async function writeTo(stream: Duplex, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    stream.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error))),
  );
}

async function openSerial(serial: SerialModule, settings: SerialDefaults & { readonly path: string }): Promise<Line> {
  const port = new serial.SerialPort({ ...settings, autoOpen: false });
  const called = (call: (done: (error: Error | null | undefined) => void) => void): Promise<void> =>
    new Promise((resolve, reject) =>
      call((error) => (error === null || error === undefined ? resolve() : reject(error))),
    );
  await called((done) => port.open(done));
  return {
    stream: port,
    async write(bytes) {
      await writeTo(port, bytes);
      await called((done) => port.drain(done));
    },
    setBaudRate: (baudRate) => called((done) => port.update({ baudRate }, done)),
    // A port that is gone (a stick pulled out) closes with an error, which changes nothing.
    close: () => {
      if (port.isOpen) port.close(() => undefined);
    },
  };
}
