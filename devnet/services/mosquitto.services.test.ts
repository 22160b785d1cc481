import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { freePorts } from "#node/freePorts.ts";
import type { DecodedFrame } from "#node/meter/frame.ts";
import type { MeterInput } from "#node/meter/input.ts";
import { startMqttInput } from "#node/meter/mqtt/mqttInput.ts";
import { idempotencyKey } from "#storage/types/reading.ts";
import { createMosquitto, mosquittoProgram } from "./mosquitto.ts";

const MESSAGES = 3000;
const DEVICES = 10;
const KILLS = 5;

/** Readings on a disk, as the reading log has them: by their key, the second of the same is none. */
function createDisk(folder: string) {
  const file = openSync(join(folder, "readings"), "a");
  onTestFinished(() => closeSync(file));
  const readings = new Map<string, number>();
  let conflicts = 0;
  let again = 0;
  return {
    readings,
    get conflicts() {
      return conflicts;
    },
    get again() {
      return again;
    },
    async offer(frame: DecodedFrame): Promise<void> {
      for (const reading of frame.readings) {
        const key = idempotencyKey(reading);
        const before = readings.get(key);
        if (before !== undefined && before !== reading.value) conflicts += 1;
        if (before !== undefined) again += 1;
        readings.set(key, before ?? reading.value);
        writeSync(file, `${key} ${reading.value}\n`);
      }
      fdatasyncSync(file);
    },
  };
}

/** Message `number` of a device has a time of its own, and a register that is 1 Wh higher than the one before. */
function sensor(number: number): string {
  const time = new Date(Date.UTC(2026, 5, 1) + number * 1000).toISOString().slice(0, 19);
  const wattHours = String(number).padStart(4, "0");
  return `{"Time":"${time}","ENERGY":{"Total":${wattHours.slice(0, -3)}.${wattHours.slice(-3)}}}`;
}

function keyOf(number: number, device = `plug${number % DEVICES}`): string {
  return `mqtt:${device} activeEnergyImport 0 0 register ${Date.UTC(2026, 5, 1) + number * 1000}`;
}

test.each<{ readonly protocolVersion: 4 | 5; readonly name: string }>([
  { protocolVersion: 4, name: "3.1.1" },
  { protocolVersion: 5, name: "5" },
])(
  "MQTT $name: a broker killed under load, and the node started anew in between: all that was received is there, once",
  async ({ protocolVersion }) => {
    const folder = mkdtempSync(join(tmpdir(), "mosquitto-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [port = 0] = await freePorts(1);
    await using broker = createMosquitto(await mosquittoProgram(), folder, port);
    await broker.start();
    const disk = createDisk(folder);
    const ports = { offer: disk.offer, nowMs: () => Date.UTC(2026, 5, 2), log: pino({ level: "silent" }) };
    const start = (): Promise<MeterInput> =>
      startMqttInput(
        {
          url: `mqtt://127.0.0.1:${port}`,
          clientId: "home",
          protocolVersion,
          maxReconnectMs: 50,
          subscriptions: [{ topic: "tele/+/SENSOR", format: "tasmota", zone: "UTC" }],
        },
        ports,
      );
    let input = await start();
    onTestFinished(() => input[Symbol.asyncDispose]());
    const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 30_000, interval: 10 });

    // The meters' side sends again what the broker has not confirmed.
    const meters = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      clientId: "meters",
      clean: false,
      protocolVersion,
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}),
      reconnectPeriod: 50,
    });
    meters.on("error", () => {});
    onTestFinished(() => meters.endAsync(true));
    // What is published before the home has subscribed is nobody's.
    await vi.waitFor(
      async () => {
        await meters.publishAsync("tele/first/SENSOR", sensor(0), { qos: 1 });
        expect(disk.readings.size).toBe(1);
      },
      { timeout: 30_000, interval: 10 },
    );

    let confirmed = 0;
    const published: Promise<unknown>[] = [];
    for (let number = 1; number <= MESSAGES; number += 1) {
      const device = `plug${number % DEVICES}`;
      published.push(
        meters.publishAsync(`tele/${device}/SENSOR`, sensor(number), { qos: 1 }).then(() => (confirmed += 1)),
      );
      if (number % (MESSAGES / (KILLS + 1)) !== 0 || number === MESSAGES) continue;
      // By now the broker has saved most of what it confirmed.
      const before = disk.readings.size;
      await until(() => expect(disk.readings.size).toBeGreaterThan(before + 50));
      await broker.kill();
      if (number === MESSAGES / 2) {
        await input[Symbol.asyncDispose]();
        input = await start();
      }
      await broker.start();
    }
    await Promise.all(published);
    expect(confirmed).toBe(MESSAGES);
    const isThere = (number: number) => disk.readings.has(keyOf(number));
    const numbers = Array.from({ length: MESSAGES }, (_, i) => i + 1);
    // Everything before the last kill's messages has been delivered when a message that came after it has.
    await meters.publishAsync("tele/last/SENSOR", sensor(MESSAGES + 1), { qos: 1 });
    await until(() => expect(disk.readings.has(keyOf(MESSAGES + 1, "last"))).toBe(true));
    // What the broker confirmed and lost, because it was killed before it had saved, nobody but its sender has. None of it is older than a kill.
    const lostByBroker = numbers.filter((number) => !isThere(number));
    for (const number of lostByBroker)
      await meters.publishAsync(`tele/plug${number % DEVICES}/SENSOR`, sensor(number), { qos: 1 });
    await until(() => expect(disk.readings.size).toBe(MESSAGES + 2));
    expect(lostByBroker.length).toBeLessThan(MESSAGES / 10);
    expect(disk.conflicts).toBe(0);
    for (const number of numbers) expect(disk.readings.get(keyOf(number))).toBe(number * 1000);
    console.info(
      `MQTT ${protocolVersion}: ${MESSAGES} messages confirmed by the broker and on disk, ${KILLS} kills, ${disk.again} delivered again, ${lostByBroker.length} confirmed and lost by the broker`,
    );
  },
);
