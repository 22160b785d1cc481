import { getEventListeners } from "node:events";
import modbus from "modbus-serial";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import type { Reading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import type { MeterInput } from "../input.ts";
import { MeterSourceError } from "../source.ts";
import { type Framing, openModbusConnection } from "./connection.ts";
import { type ModbusInputOptions, startModbusInput } from "./modbusInput.ts";
import { startTestMeter, type TestMeter } from "./testMeter.ts";

const VOLTAGE = 0;
const POWER = 12;
const FREQUENCY = 70;

/** An SDM120 with serial number 0x00010203. */
async function sdm120(framing: Framing): Promise<TestMeter> {
  const meter = await startTestMeter(framing);
  for (const [address, value] of [
    [VOLTAGE, 231.5],
    [6, 4],
    [POWER, 926],
    [FREQUENCY, 50],
    [72, 100],
    [74, 5],
    [76, 1],
    [78, 1],
  ] as const)
    meter.setFloat(4, address, value);
  meter.set(3, 0xfc00, 0x0001, 0x0203);
  return meter;
}

interface Running extends AsyncDisposable {
  readonly frames: DecodedFrame[];
  readonly input: MeterInput;
}

async function start(meter: TestMeter, framing: Framing, more: Partial<ModbusInputOptions> = {}): Promise<Running> {
  const frames: DecodedFrame[] = [];
  const options: ModbusInputOptions = {
    host: "127.0.0.1",
    port: meter.port,
    framing,
    site: "home",
    periodMs: 20,
    timeoutMs: 150,
    devices: [{ unit: 1, map: "eastron-sdm120" }],
    ...more,
  };
  const offer = async (frame: DecodedFrame): Promise<void> => void frames.push(frame);
  const input = await startModbusInput(options, { offer, nowMs: Date.now, log: pino({ level: "silent" }) });
  return { frames, input, [Symbol.asyncDispose]: () => input[Symbol.asyncDispose]() };
}

function valuesOf(frames: readonly DecodedFrame[], quantity: Reading["quantity"]): number[] {
  return frames.flatMap(({ readings }) => readings.filter((r) => r.quantity === quantity)).map(({ value }) => value);
}

test.each(["tcp", "rtu"] as const)(
  "%s: a meter is polled again and again, and every register becomes a reading",
  async (framing) => {
    await using meter = await sdm120(framing);
    await using running = await start(meter, framing);
    await vi.waitFor(() => expect(running.frames.length).toBeGreaterThan(2));
    expect(running.frames.flatMap(({ rejected }) => rejected)).toStrictEqual([]);
    expect(running.frames[0]?.readings).toHaveLength(8);
    expect(valuesOf(running.frames, "activeEnergyImport")[0]).toBe(100_000_000);
    expect(valuesOf(running.frames, "voltage")[0]).toBe(231_500);
    expect(running.frames[0]?.readings[0]?.meterId).toBe("modbus:home/0/1");
    expect(running.input.name).toBe(`modbus ${framing} 127.0.0.1:${meter.port}`);
    expect(meter.connections).toBe(1);
    // The identity once, then each poll its two blocks.
    expect(meter.requests.filter((address) => address === 0xfc00)).toHaveLength(1);
  },
);

test("the trap: on a plain RTU connection a late answer is taken for that of the next register", async () => {
  await using meter = await sdm120("rtu");
  const late: (() => void)[] = [];
  meter.hold = (send, address) => {
    if (address === VOLTAGE) late.push(send);
    else for (const answer of [...late.splice(0), send]) answer();
  };
  const client = new modbus.default();
  await client.connectTelnet("127.0.0.1", { port: meter.port });
  client.setTimeout(50);
  client.setID(1);
  await expect(client.readInputRegisters(VOLTAGE, 2)).rejects.toThrow("Timed out");
  const { buffer } = await client.readInputRegisters(FREQUENCY, 2);
  expect(buffer.readFloatBE(0)).toBe(231.5);
  client.destroy(() => {});
});

test.each(["rtu", "tcp"] as const)(
  "%s: after a timeout the connection is opened anew, and a late answer is never another register's value",
  async (framing) => {
    await using meter = await sdm120(framing);
    const map = {
      name: "two",
      registers: [VOLTAGE, FREQUENCY].map((address) => ({
        address,
        type: "float32",
        quantity: address === VOLTAGE ? "voltage" : "frequency",
        unit: address === VOLTAGE ? "V" : "Hz",
      })),
    };
    const late: (() => void)[] = [];
    let isLate = true;
    meter.hold = (send, address) => {
      if (address === VOLTAGE && isLate) {
        isLate = false;
        late.push(send);
      } else for (const answer of [...late.splice(0), send]) answer();
    };
    await using running = await start(meter, framing, { timeoutMs: 50, devices: [{ unit: 1, map }] });
    await vi.waitFor(() => expect(running.frames.length).toBeGreaterThan(2), 4000);
    expect(meter.connections).toBe(2);
    expect(new Set(valuesOf(running.frames, "frequency"))).toStrictEqual(new Set([50_000]));
    expect(new Set(valuesOf(running.frames, "voltage"))).toStrictEqual(new Set([231_500]));
  },
);

test("bytes that nobody asked for close the connection", async () => {
  await using meter = await sdm120("rtu");
  meter.damage = (frame) => Buffer.concat([frame, frame]);
  await using running = await start(meter, "rtu");
  await vi.waitFor(() => expect(meter.connections).toBeGreaterThan(1), 4000);
  expect(running.frames).toStrictEqual([]);
  meter.damage = undefined;
  await vi.waitFor(() => expect(running.frames.length).toBeGreaterThan(1), 4000);
});

test.each(["rtu", "tcp"] as const)("%s: a damaged answer gives no reading", async (framing) => {
  await using meter = await sdm120(framing);
  meter.damage = (frame) => {
    const damaged = Buffer.from(frame);
    damaged[framing === "rtu" ? 4 : 7] = (damaged[framing === "rtu" ? 4 : 7] as number) ^ 1;
    return damaged;
  };
  await using running = await start(meter, framing);
  await vi.waitFor(() => expect(meter.connections).toBeGreaterThan(1), 4000);
  expect(running.frames).toStrictEqual([]);
});

test("another meter than the one named gives no reading until the named one is back", async () => {
  await using meter = await sdm120("tcp");
  const devices = [{ unit: 1, map: "eastron-sdm120", serial: "999" }];
  await using running = await start(meter, "tcp", { devices });
  await vi.waitFor(() => expect(running.frames.length).toBeGreaterThan(0));
  expect(running.frames[0]?.readings).toStrictEqual([]);
  expect(new Set(running.frames[0]?.rejected.map(({ reason }) => reason))).toStrictEqual(new Set(["wrong-device"]));
  meter.set(3, 0xfc00, 0, 999);
  await vi.waitFor(() => expect(running.frames.at(-1)?.readings).toHaveLength(8));
});

test("a meter exchanged while the connection was down is noticed without a serial number in the options", async () => {
  await using meter = await sdm120("tcp");
  await using running = await start(meter, "tcp");
  await vi.waitFor(() => expect(running.frames.at(-1)?.readings).toHaveLength(8));
  meter.set(3, 0xfc00, 0, 7);
  meter.damage = (frame) => frame.subarray(0, 5);
  await vi.waitFor(() => expect(meter.connections).toBeGreaterThan(1), 4000);
  meter.damage = undefined;
  await vi.waitFor(() => expect(running.frames.at(-1)?.rejected[0]?.reason).toBe("wrong-device"), 4000);
});

test("a register that jumps to zero is rejected as a whole poll, and the next good one is accepted", async () => {
  await using meter = await sdm120("tcp");
  await using running = await start(meter, "tcp");
  await vi.waitFor(() => expect(running.frames.length).toBeGreaterThan(1));
  let isZero = true;
  meter.damage = (frame) => {
    if (frame.length !== 29 || !isZero) return frame;
    isZero = false;
    return Buffer.concat([frame.subarray(0, 9), Buffer.alloc(frame.length - 9)]);
  };
  await vi.waitFor(() =>
    expect(running.frames.some(({ rejected }) => rejected.some(({ reason }) => reason === "implausible"))).toBe(true),
  );
  await vi.waitFor(() => expect(running.frames.at(-1)?.readings).toHaveLength(8));
  expect(new Set(valuesOf(running.frames, "activeEnergyImport"))).toStrictEqual(new Set([100_000_000]));
});

test("a dead meter on the bus does not hold up the others", async () => {
  await using meter = await sdm120("rtu");
  meter.damage = (frame) => (frame[0] === 2 ? Buffer.alloc(0) : frame);
  const devices = [2, 1].map((unit) => ({ unit, map: "eastron-sdm120" }));
  await using running = await start(meter, "rtu", { timeoutMs: 30, devices });
  await vi.waitFor(() => expect(running.frames.length).toBeGreaterThan(3), 4000);
  expect(new Set(running.frames.flatMap(({ readings }) => readings.map(({ meterId }) => meterId)))).toStrictEqual(
    new Set(["modbus:home/0/1"]),
  );
});

test("a meter that cannot be reached at first is polled once it is there; closing does not wait for it", async () => {
  const gone = await sdm120("tcp");
  await gone[Symbol.asyncDispose]();
  const running = await start(gone, "tcp");
  await running.input[Symbol.asyncDispose]();
  expect(running.frames).toStrictEqual([]);
});

test("connections that end, and those that never came to be, leave nothing behind", async () => {
  const meter = await sdm120("rtu");
  const { signal } = new AbortController();
  const endpoint = { host: "127.0.0.1", port: meter.port, framing: "rtu", timeoutMs: 1000 } as const;
  for (let count = 0; count < 12; count++) {
    const connection = await openModbusConnection(endpoint, signal);
    expect((await connection.read(1, 4, VOLTAGE, 2)).raw).toHaveLength(9);
    connection.close();
    await expect(connection.read(1, 4, VOLTAGE, 2)).rejects.toThrow("closed");
  }
  await meter[Symbol.asyncDispose]();
  await expect(openModbusConnection(endpoint, signal)).rejects.toThrow("ECONNREFUSED");
  expect(getEventListeners(signal, "abort")).toStrictEqual([]);
});

test.each([
  [{ host: "a b" }, "modbus.host"],
  [{ port: 0 }, "modbus.port"],
  [{ framing: "ascii" }, "modbus.framing"],
  [{ site: "home/1" }, "modbus.site"],
  [{ devices: [] }, "modbus.devices"],
  [{ devices: [{ unit: 0, map: "eastron-sdm120" }] }, "modbus.devices[0].unit"],
  [{ devices: [{ unit: 1, map: "eastron-sdm12" }] }, "modbus.devices[0].map"],
  [{ devices: [{ unit: 1, map: "/no/such/map.json" }] }, "modbus.devices[0].map"],
  [{ devices: [{ unit: 1, map: { name: "x", registers: [] } }] }, "modbus.devices[0].map.registers"],
  [{ devices: [1, 1].map((unit) => ({ unit, map: "eastron-sdm120" })) }, "modbus.devices"],
  [{ perodMs: 5 }, "modbus.perodMs"],
])("options that cannot be meant are refused: %j", async (more, option) => {
  const options = {
    host: "127.0.0.1",
    site: "home",
    devices: [{ unit: 1, map: "eastron-sdm120" }],
    ...more,
  } as ModbusInputOptions;
  const refused = startModbusInput(options, { offer: async () => {}, nowMs: Date.now, log: pino({ level: "silent" }) });
  await expect(refused).rejects.toThrow(MeterSourceError);
  await expect(refused).rejects.toMatchObject({ details: { code: "METER_OPTION_INVALID", option } });
});
