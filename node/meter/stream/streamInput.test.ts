import { Duplex } from "node:stream";
import { expect, test, vi } from "vitest";
import { startDlmsInput } from "../dlms/dlmsInput.ts";
import { hdlcFrame, kaifaLong } from "../dlms/testFrames.ts";
import { createDsmrDecoder } from "../dsmr/decoder.ts";
import { startDsmrInput } from "../dsmr/dsmrInput.ts";
import { createDsmrFramer } from "../dsmr/telegramFramer.ts";
import { sample, telegramOf } from "../dsmr/testTelegrams.ts";
import { MeterSourceError } from "../source.ts";
import { type Connection, readConnection } from "./connection.ts";
import { withEvenParity } from "./sevenBits.ts";
import { MAX_PENDING_FRAMES, startStreamInput } from "./streamInput.ts";
import { listenLine, testPorts } from "./testLine.ts";

const NOW_MS = Date.parse("2020-04-26T20:33:26Z");
const TELEGRAM = telegramOf(["0-0:1.0.0(200426223325S)", "0-0:96.1.1(4530)", "1-0:1.8.1(000004.426*kWh)"]);
const SERIAL = { baudRate: 9600, dataBits: 7, parity: "even", stopBits: 1 } as const;
const FAST = { minBackoffMs: 1, maxBackoffMs: 4, frameSilenceMs: 10_000 };

async function tcp(port: number, idleTimeoutMs = 60_000): Promise<Connection> {
  return await readConnection({ type: "tcp", host: "127.0.0.1", port, idleTimeoutMs }, "dsmr.connection", SERIAL);
}

function decoder() {
  const framer = createDsmrFramer();
  return { framer, decode: createDsmrDecoder().decode };
}

test("telegrams of a TCP line are offered as they come, with the time of their arrival", async () => {
  await using line = await listenLine((socket) =>
    socket.write(Buffer.concat([TELEGRAM.subarray(20), sample("dsmr50-iskra-two-mbus.txt")])),
  );
  const ports = testPorts(() => NOW_MS);
  const options = { connection: { type: "tcp", host: "127.0.0.1", port: line.port } } as const;
  await using input = await startDsmrInput(options, ports);
  expect(input.name).toBe(`dsmr tcp 127.0.0.1:${line.port}`);
  await vi.waitFor(() => expect(ports.frames).toHaveLength(2));
  expect(ports.frames[0]).toMatchObject({ readings: [], rejected: [{ reason: "truncated" }] });
  expect(ports.frames[1]?.readings.length).toBeGreaterThan(10);
  for (const { receivedMs } of ports.frames[1]?.readings ?? []) expect(receivedMs).toBe(NOW_MS);
});

test("a D0 port behind a converter that is set to 8N1 is read with parityBit, and not without", async () => {
  const telegram = withEvenParity(sample("easymeter-q3db1024-d0.txt"));
  await using line = await listenLine((socket) => socket.write(telegram));
  const connection = { type: "tcp", host: "127.0.0.1", port: line.port } as const;
  const [right, wrong] = [testPorts(() => NOW_MS), testPorts(() => NOW_MS)];
  const common = { connection, profile: "D0", meterId: "x" } as const;
  await using _right = await startDsmrInput({ ...common, parityBit: true }, right);
  await using _wrong = await startDsmrInput(common, wrong);
  await vi.waitFor(() => expect(right.frames[0]?.readings.length).toBeGreaterThan(1));
  expect(wrong.frames.flatMap(({ readings }) => readings)).toEqual([]);
  const both = startDsmrInput({ ...common, parityBit: true, encryptionKey: "00".repeat(16) }, right);
  await expect(both).rejects.toMatchObject({ details: { option: "dsmr.parityBit" } });
});

test("pushed lists of a TCP line are offered as they come", async () => {
  await using line = await listenLine((socket) => socket.write(hdlcFrame(kaifaLong("2020-04-26T22:33:25", 1320))));
  const ports = testPorts(() => NOW_MS);
  await using input = await startDlmsInput({ connection: { type: "tcp", host: "127.0.0.1", port: line.port } }, ports);
  expect(input.name).toBe(`dlms tcp 127.0.0.1:${line.port}`);
  await vi.waitFor(() => expect(ports.frames).toHaveLength(1));
  expect(ports.frames[0]?.readings.find(({ quantity }) => quantity === "activePower")).toMatchObject({
    meterId: "dlms:6970631401753985",
    value: 1_320_000,
  });
});

test("a line that closes is opened again, and what was cut off is counted", async () => {
  await using line = await listenLine((socket, index) =>
    socket.end(Buffer.concat([TELEGRAM, TELEGRAM.subarray(0, 30 + index)])),
  );
  const ports = testPorts(() => NOW_MS);
  await using _input = startStreamInput("dsmr", await tcp(line.port), decoder(), ports, FAST);
  await vi.waitFor(() => expect(line.sockets.length).toBeGreaterThan(2));
  await vi.waitFor(() => expect(ports.frames.length).toBeGreaterThan(5));
  expect(
    ports.frames.slice(0, 4).map(({ readings, rejected }) => [readings.length, rejected.map(({ reason }) => reason)]),
  ).toEqual([
    [1, []],
    [0, ["truncated"]],
    [1, []],
    [0, ["truncated"]],
  ]);
});

test("a line that is not there yet is tried until it is", async () => {
  const before = await listenLine();
  await before[Symbol.asyncDispose]();
  const ports = testPorts(() => NOW_MS);
  await using _input = startStreamInput("dsmr", await tcp(before.port), decoder(), ports, FAST);
  await using _line = await listenLine((socket) => socket.write(TELEGRAM), before.port);
  await vi.waitFor(() => expect(ports.frames).toHaveLength(1));
});

test("a line without a byte for too long is opened again", async () => {
  await using line = await listenLine();
  await using _input = startStreamInput(
    "dsmr",
    await tcp(line.port, 100),
    decoder(),
    testPorts(() => NOW_MS),
    FAST,
  );
  await vi.waitFor(() => expect(line.sockets.length).toBeGreaterThan(1), { timeout: 5000 });
  await vi.waitFor(() => expect(line.sockets[0]?.destroyed || line.sockets[0]?.readableEnded).toBe(true));
});

test("a line of which too much comes damaged is a warning", async () => {
  const changed = Buffer.from(TELEGRAM);
  changed[30] = (changed[30] as number) ^ 1;
  await using _line = await listenLine((socket) => socket.write(Buffer.concat([TELEGRAM, changed, TELEGRAM])));
  const warnings: object[] = [];
  // Every look at the clock is a quarter of an hour after the one before, as long as it is not the decoder's.
  let nowMs = NOW_MS;
  const log = { warn: (fields: object) => warnings.push(fields), info() {}, debug() {}, child: () => log };
  const ports = { ...testPorts(() => (nowMs += 900_000)), log: log as never };
  await using _input = startStreamInput("dsmr", await tcp(_line.port), decoder(), ports, FAST);
  await vi.waitFor(() => expect(warnings).toContainEqual({ frames: 1, damaged: 1 }));
});

test("attempts become rarer up to a limit, until a frame comes", async () => {
  const waits: number[] = [];
  const connection: Connection = {
    name: "none",
    idleTimeoutMs: 1000,
    open: () => Promise.reject(new Error("no line")),
  };
  const ports = testPorts(() => NOW_MS);
  const log = {
    warn: ({ retryMs }: { retryMs: number }) => waits.push(retryMs),
    info() {},
    debug() {},
    child: () => log,
  };
  await using _input = startStreamInput("dsmr", connection, decoder(), { ...ports, log: log as never }, FAST);
  await vi.waitFor(() => expect(waits.length).toBeGreaterThan(4));
  expect(waits.slice(0, 5)).toEqual([1, 2, 4, 4, 4]);
});

test("silence ends a telegram", async () => {
  const cut = TELEGRAM.subarray(0, -2);
  const unpadded = Buffer.concat([sample("warmtelink-unpadded-crc.txt").subarray(0, -2)]);
  await using _line = await listenLine((socket) => socket.write(Buffer.concat([cut, unpadded])));
  const ports = testPorts(() => Date.parse("2026-02-15T19:05:24Z"));
  await using _input = startStreamInput("dsmr", await tcp(_line.port), decoder(), ports, {
    ...FAST,
    frameSilenceMs: 20,
  });
  await vi.waitFor(() => expect(ports.frames).toHaveLength(2));
  expect(ports.frames[1]?.readings.map(({ quantity }) => quantity)).toEqual(["heat"]);
});

test("a node that does not keep up stops reading, drops nothing, and goes on when it can", async () => {
  const telegrams = 4 * MAX_PENDING_FRAMES;
  await using _line = await listenLine((socket) => {
    for (let index = 0; index < telegrams; index++) socket.write(TELEGRAM);
  });
  const ports = testPorts(() => NOW_MS);
  ports.hold();
  await using _input = startStreamInput("dsmr", await tcp(_line.port), decoder(), ports, FAST);
  await vi.waitFor(() => expect(ports.frames.length).toBeGreaterThanOrEqual(MAX_PENDING_FRAMES), { timeout: 5000 });
  // One piece of the stream, of 64 KiB, may be more than there is room for.
  const most = MAX_PENDING_FRAMES + 65_536 / TELEGRAM.length;
  expect(ports.frames.length).toBeLessThanOrEqual(most);
  ports.release();
  await vi.waitFor(() => expect(ports.frames).toHaveLength(telegrams), { timeout: 5000 });
  expect(ports.frames.every(({ readings }) => readings.length === 1)).toBe(true);
});

test("frames that the node no longer takes do no harm", async () => {
  await using _line = await listenLine((socket) => socket.write(Buffer.concat([TELEGRAM, TELEGRAM])));
  const ports = testPorts(() => NOW_MS);
  let refused = 0;
  const offer = () => {
    refused += 1;
    return Promise.reject(new Error("the node is stopping"));
  };
  await using _input = startStreamInput("dsmr", await tcp(_line.port), decoder(), { ...ports, offer }, FAST);
  await vi.waitFor(() => expect(refused).toBe(2));
});

test("an input that is disposed of lets its line go, also while it waits", async () => {
  await using line = await listenLine();
  const input = startStreamInput(
    "dsmr",
    await tcp(line.port),
    decoder(),
    testPorts(() => NOW_MS),
    FAST,
  );
  await vi.waitFor(() => expect(line.sockets).toHaveLength(1));
  await input[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(line.sockets[0]?.destroyed || line.sockets[0]?.readableEnded).toBe(true));

  const slow = { minBackoffMs: 3_600_000, maxBackoffMs: 3_600_000, frameSilenceMs: 1000 };
  const none: Connection = { name: "none", idleTimeoutMs: 1000, open: () => Promise.reject(new Error("no line")) };
  await startStreamInput(
    "dsmr",
    none,
    decoder(),
    testPorts(() => NOW_MS),
    slow,
  )[Symbol.asyncDispose]();
});

test("a serial line is opened as configured, and closed", async () => {
  const made: Record<string, unknown>[] = [];
  let closed = 0;
  class SerialPort extends Duplex {
    isOpen = false;
    constructor(options: Record<string, unknown>) {
      super({ read() {}, write: (_chunk, _encoding, done) => done() });
      made.push(options);
    }
    open(done: (error: Error | null) => void): void {
      this.isOpen = true;
      done(null);
      this.push(TELEGRAM);
    }
    close(done: (error: Error | null) => void): void {
      this.isOpen = false;
      closed += 1;
      done(null);
    }
  }
  const options = { type: "serial", path: "/dev/ttyUSB0", baudRate: 115_200 };
  const connection = await readConnection(options, "dsmr.connection", SERIAL, async (name) => {
    expect(name).toBe("serialport");
    return { SerialPort };
  });
  const ports = testPorts(() => NOW_MS);
  const input = startStreamInput("dsmr", connection, decoder(), ports, FAST);
  expect(input.name).toBe("dsmr serial /dev/ttyUSB0");
  await vi.waitFor(() => expect(ports.frames).toHaveLength(1));
  await input[Symbol.asyncDispose]();
  expect(closed).toBe(1);
  expect(made).toEqual([
    { path: "/dev/ttyUSB0", baudRate: 115_200, dataBits: 7, parity: "even", stopBits: 1, autoOpen: false },
  ]);
});

test("what is written to a serial line is sent before its rate changes, and a failure of the port is one of the call", async () => {
  const done: string[] = [];
  let fails = false;
  class SerialPort extends Duplex {
    isOpen = true;
    constructor() {
      super({
        read() {},
        write(chunk, _encoding, next) {
          done.push(`write ${chunk}`);
          next();
        },
      });
    }
    open = (next: (error: Error | null) => void) => next(null);
    close = () => undefined;
    drain(next: (error?: Error) => void): void {
      done.push("drain");
      next(fails ? new Error("unplugged") : undefined);
    }
    update({ baudRate }: { baudRate: number }, next: (error?: Error) => void): void {
      done.push(`rate ${baudRate}`);
      next();
    }
  }
  const options = { type: "serial", path: "/dev/ttyUSB0" };
  const connection = await readConnection(options, "iec62056.connection", SERIAL, async () => ({ SerialPort }));
  const line = await connection.open(new AbortController().signal);
  await line.write(Buffer.from("/?!"));
  await line.setBaudRate?.(9600);
  expect(done).toEqual(["write /?!", "drain", "rate 9600"]);
  fails = true;
  await expect(line.write(Buffer.from("x"))).rejects.toThrow("unplugged");
});

test("the package of serial lines is one that a node has or is told to install", async () => {
  const options = { type: "serial", path: "/dev/ttyUSB0" };
  const missing = readConnection(options, "dsmr.connection", SERIAL, () => Promise.reject(new Error("not found")));
  await expect(missing).rejects.toMatchObject({
    details: {
      code: "METER_OPTION_INVALID",
      option: "dsmr.connection.type",
      reason: "needs the package serialport, which is not installed here: npm install serialport@13",
    },
  });
});

test.each([
  ["dsmr.connection", undefined],
  ["dsmr.connection.type", { type: "udp", host: "a", port: 1 }],
  ["dsmr.connection.port", { type: "tcp", host: "a", port: 65_536 }],
  ["dsmr.connection.host", { type: "tcp", host: "a b", port: 1 }],
  ["dsmr.connection.baudRate", { type: "tcp", host: "a", port: 1, baudRate: 9600 }],
  ["dsmr.connection.idleTimeoutMs", { type: "tcp", host: "a", port: 1, idleTimeoutMs: 99 }],
  ["dsmr.connection.dataBits", { type: "serial", path: "/dev/ttyUSB0", dataBits: 6 }],
  ["dsmr.connection.stopBits", { type: "serial", path: "/dev/ttyUSB0", stopBits: 3 }],
  ["dsmr.connection.parity", { type: "serial", path: "/dev/ttyUSB0", parity: "mark" }],
])("a wrong %s is refused by name", async (option, connection) => {
  const started = startDsmrInput(
    { connection } as never,
    testPorts(() => NOW_MS),
  );
  await expect(started).rejects.toBeInstanceOf(MeterSourceError);
  await expect(started).rejects.toMatchObject({ details: { code: "METER_OPTION_INVALID", option } });
});
