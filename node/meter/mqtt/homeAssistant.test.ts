import { connectAsync } from "mqtt";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Reading } from "#storage/types/reading.ts";
import { startMeters } from "../meterInputs.ts";
import { parseMetersFile } from "../metersFile.ts";
import { MeterSourceError } from "../source.ts";
import { sensorOf, stateText, topicName } from "./discovery.ts";
import { type HomeAssistantOptions, startHomeAssistantOutput } from "./homeAssistant.ts";
import { decodeHomeWizard } from "./homeWizard.ts";
import { startTestBroker, TestPorts } from "./testBroker.ts";
import { bodyOf, testContext } from "./testMessages.ts";

const TOPICS = { discoveryPrefix: "homeassistant", baseTopic: "eledger" };
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });

function register(change: Partial<Reading> = {}): Reading {
  return {
    meterId: "meter1",
    quantity: "activeEnergyImport",
    kind: "register",
    phase: 0,
    tariff: 0,
    value: 13_779_338_000,
    timestampMs: 1000,
    periodMs: 0,
    receivedMs: 1000,
    timeSource: "meter",
    timeQuality: "synced",
    quality: 0,
    rawHash: new Uint8Array(32),
    ...change,
  };
}

test("the form in which Home Assistant's Energy dashboard takes a meter up", () => {
  expect(sensorOf(TOPICS, register())).toEqual({
    key: "import_kwh",
    configTopic: "homeassistant/sensor/meter1/import/config",
    config: {
      name: "Import",
      unique_id: "meter1_import",
      state_topic: "eledger/meter1/state",
      value_template: "{{ value_json.import_kwh }}",
      device_class: "energy",
      state_class: "total_increasing",
      unit_of_measurement: "kWh",
      availability_topic: "eledger/meter1/online",
      device: { identifiers: ["meter1"], name: "Meter meter1" },
    },
  });
});

test.each<[Partial<Reading>, key: string, deviceClass: string, stateClass: string, unit: string]>([
  [{ quantity: "activeEnergyExport", tariff: 2 }, "export_t2_kwh", "energy", "total_increasing", "kWh"],
  [{ quantity: "activePower", kind: "instant", phase: 1 }, "power_l1_w", "power", "measurement", "W"],
  [{ quantity: "gasVolume" }, "gas_m3", "gas", "total_increasing", "m³"],
  [{ quantity: "waterVolume" }, "water_m3", "water", "total_increasing", "m³"],
  [{ quantity: "heat" }, "heat_gj", "energy", "total_increasing", "GJ"],
  [{ quantity: "stateOfCharge", kind: "instant" }, "soc_percent", "battery", "measurement", "%"],
])("%j is %s", (change, key, deviceClass, stateClass, unit) => {
  expect(sensorOf(TOPICS, register(change))).toMatchObject({
    key,
    config: { device_class: deviceClass, state_class: stateClass, unit_of_measurement: unit },
  });
});

test("the energy of an interval, means and reactive energy are no sensors", () => {
  expect(sensorOf(TOPICS, register({ kind: "interval", periodMs: 60_000 }))).toBeUndefined();
  expect(sensorOf(TOPICS, register({ quantity: "activePower", kind: "average", periodMs: 60_000 }))).toBeUndefined();
  expect(sensorOf(TOPICS, register({ quantity: "reactiveEnergyImport" }))).toBeUndefined();
});

test("values by their digits", () => {
  const text = (value: number, quantity: Reading["quantity"] = "activeEnergyImport") =>
    stateText(register({ value, quantity }));
  expect([text(13_779_338_000), text(0), text(1), text(1_000_000), text(Number.MAX_SAFE_INTEGER)]).toEqual([
    "13779.338",
    "0",
    "0.000001",
    "1",
    "9007199254.740991",
  ]);
  expect([text(-543_000, "activePower"), text(-1, "activePower")]).toEqual(["-543", "-0.001"]);
});

test("names of topics: two meters never share one", () => {
  expect(topicName("meter1")).toBe("meter1");
  expect(topicName("dsmr:4530")).toMatch(/^dsmr_4530_[0-9a-f]{8}$/);
  expect(topicName("a:b")).not.toBe(topicName("a/b"));
});

async function start(change: Partial<HomeAssistantOptions> = {}) {
  const broker = await startTestBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  let nowMs = 1_000_000;
  const ports = { ...new TestPorts(), nowMs: () => nowMs };
  const options = {
    url: `mqtt://127.0.0.1:${broker.port}`,
    clientId: "node-7",
    maxReconnectMs: 20,
    everyMs: 0,
    ...change,
  };
  const output = await startHomeAssistantOutput(options, ports);
  onTestFinished(() => output[Symbol.asyncDispose]());
  /** What a Home Assistant that comes now is told: retained messages only. */
  async function seenLater(): Promise<ReadonlyMap<string, string>> {
    const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`);
    const seen = new Map<string, string>();
    client.on("message", (topic, payload, { retain }) => {
      if (retain) seen.set(topic, payload.toString());
    });
    await client.subscribeAsync(["homeassistant/#", "eledger/#"]);
    onTestFinished(() => client.endAsync(true));
    return seen;
  }
  return {
    broker,
    output,
    seenLater,
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
}

test("a Home Assistant that comes later finds every series of the meter, its state and that it is online", async () => {
  const { output, seenLater } = await start();
  output.observe(decodeHomeWizard(bodyOf("homewizard-p1-v2-measurement.json"), testContext()));
  const id = topicName("mqtt:homewizard/4E6576657220476F6E6E61204C657420596F7520446F776E");
  await vi.waitFor(
    async () => {
      const seen = await seenLater();
      await vi.waitFor(() => expect(seen.get(`eledger/${id}/online`)).toBe("online"), { timeout: 100, interval: 5 });
      expect([...seen.keys()].filter((topic) => topic.startsWith(`homeassistant/sensor/${id}/`))).toHaveLength(11);
      expect(seen.get(`eledger/${id}/state`)).toBe(
        '{"import_kwh":13779.338,"import_t1_kwh":10830.511,"import_t2_kwh":2948.827,"export_kwh":1234.567,"export_t1_kwh":234.567,"export_t2_kwh":1000,' +
          '"power_w":-543,"power_l1_w":-676,"power_l2_w":133,"power_l3_w":0,"current_a":6}',
      );
    },
    { timeout: 5000, interval: 20 },
  );
});

test("told again to a broker that came back, and nothing older than what is known", async () => {
  const { broker, output, seenLater } = await start();
  await broker.close();
  output.observe({ readings: [register({ value: 2_000_000, timestampMs: 2000 })], rejected: [] });
  output.observe({ readings: [register({ value: 1_000_000, timestampMs: 1000 })], rejected: [] });
  await broker.listen();
  await vi.waitFor(
    async () => {
      const seen = await seenLater();
      await vi.waitFor(() => expect(seen.get("eledger/meter1/state")).toBe('{"import_kwh":2}'), {
        timeout: 100,
        interval: 5,
      });
      expect(seen.has("homeassistant/sensor/meter1/import/config")).toBe(true);
    },
    { timeout: 8000, interval: 20 },
  );
});

test("states at most every so often, and offline after a silence and at the end", async () => {
  const { broker, output, advance } = await start({ everyMs: 10_000, offlineAfterMs: 60_000 });
  const told: string[] = [];
  broker.aedes.on("publish", ({ topic, payload }) => {
    if (topic.startsWith("eledger/")) told.push(`${topic.split("/")[2]} ${payload.toString()}`);
  });
  await until(() => expect(broker.aedes.connectedClients).toBe(1));
  const observe = (value: number): void =>
    output.observe({ readings: [register({ value, timestampMs: value })], rejected: [] });
  await until(() => {
    observe(1_000_000);
    expect(told).toContain('state {"import_kwh":1}');
  });
  observe(2_000_000);
  observe(3_000_000);
  advance(10_000);
  await until(() => expect(told).toContain('state {"import_kwh":3}'));
  expect(told).not.toContain('state {"import_kwh":2}');
  advance(60_001);
  await until(() => expect(told.at(-1)).toBe("online offline"));
  observe(4_000_000);
  await until(() => expect(told).toContain('state {"import_kwh":4}'));
  expect(told.filter((text) => text === "online online")).toHaveLength(2);
  await output[Symbol.asyncDispose]();
  expect(told.at(-1)).toBe("online offline");
});

test("out of meters.json: told of the home's own meters once their readings are on disk", async () => {
  const broker = await startTestBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const subscriptions = [{ topic: "tele/+/SENSOR", format: "tasmota", zone: "UTC" }];
  const file = parseMetersFile(
    JSON.stringify({
      version: 1,
      inputs: [{ name: "plugs", type: "mqtt", options: { url, clientId: "home", subscriptions } }],
      devices: [{ device: "mqtt:plug", channels: { power: "ignored" } }],
      homeAssistant: { url, clientId: "home-out", everyMs: 0 },
    }),
    "meters.json",
  );
  const ports = new TestPorts({ isOpen: false, nowMs: () => Date.UTC(2026, 5, 1, 12) });
  const meters = await startMeters(file, ports);
  onTestFinished(() => meters[Symbol.asyncDispose]());
  const told: string[] = [];
  broker.aedes.on("publish", ({ topic, payload }) => {
    if (topic.startsWith("eledger/") || topic.startsWith("homeassistant/")) told.push(`${topic} ${payload.toString()}`);
  });
  await until(() => expect([broker.subscriptions, broker.aedes.connectedClients]).toEqual([1, 2]));
  const message = '{"Time":"2026-06-01T11:59:59","ENERGY":{"Total":1.5,"Power":7}}';
  for (const plug of ["neighbour", "plug"]) await broker.publish(`tele/${plug}/SENSOR`, message);
  await until(() => expect(ports.offers).toHaveLength(2));
  expect(told).toEqual([]);
  for (const { resolve } of ports.offers) resolve();
  const id = topicName("mqtt:plug");
  await until(() => expect(told).toContain(`eledger/${id}/state {"import_kwh":1.5}`));
  expect(told.every((text) => text.includes(id))).toBe(true);
});

test("options are checked", async () => {
  const options = { url: "mqtt://127.0.0.1", clientId: "a", baseTopic: "a/#" };
  await expect(startHomeAssistantOutput(options, new TestPorts())).rejects.toSatisfy(
    (error) =>
      error instanceof MeterSourceError &&
      error.details.code === "METER_OPTION_INVALID" &&
      error.details.option === "homeAssistant.baseTopic",
  );
});
