import { expect, test } from "vitest";
import { validateReading } from "#storage/types/reading.ts";
import { createZone } from "../zoneTime.ts";
import { decodeHomeWizard } from "./homeWizard.ts";
import { bodyOf, brief, RECEIVED_MS, testContext } from "./testMessages.ts";

const zone = createZone("Europe/Amsterdam")!;
const V1 = bodyOf("homewizard-p1-v1-data.json");
const V2 = bodyOf("homewizard-p1-v2-measurement.json");

test("version 1: registers by tariff, signed watts, the misspelt peak, gas with a time that is a number", () => {
  const { readings, rejected } = decodeHomeWizard(V1, testContext({ zone, receivedMs: Date.UTC(2021, 2, 14, 11) }));
  for (const reading of readings) validateReading(reading);
  expect(readings.map(brief)).toEqual([
    "activeEnergyImport register 13779338000",
    "activeEnergyImport.t1 register 10830511000",
    "activeEnergyImport.t2 register 2948827000",
    "activeEnergyExport register 13086777000",
    "activeEnergyExport.t1 register 4321333000",
    "activeEnergyExport.t2 register 8765444000",
    "activePower instant -123000",
    "activePower.L1 instant -123000",
    "activePower.L2 instant 456000",
    "activePower.L3 instant 123456",
    "voltage.L1 instant 230111",
    "current.L1 instant -4000",
    "gasVolume register 1122333000",
  ]);
  expect(readings[0]).toMatchObject({
    meterId: "mqtt:homewizard/00112233445566778899AABBCCDDEEFF",
    timeSource: "receiver",
    timestampMs: Date.UTC(2021, 2, 14, 11),
  });
  expect(readings.at(-1)).toMatchObject({ timestampMs: Date.UTC(2021, 2, 14, 10, 22, 33), timeSource: "meter" });
  // Seen from 2021 its peak is of 2023.
  expect(rejected).toMatchObject([{ reason: "clock-ahead" }]);
});

test("the peak of the month is a maximum of a quarter hour, at its own time", () => {
  const { readings } = decodeHomeWizard(V1, testContext({ zone, receivedMs: Date.UTC(2023, 0, 2) }));
  const peak = readings.find(({ kind }) => kind === "max");
  expect(peak).toMatchObject({ value: 1_111_000, periodMs: 900_000, timestampMs: Date.UTC(2023, 0, 1, 7, 0, 10) });
  const { rejected } = decodeHomeWizard(V1, testContext({ receivedMs: Date.UTC(2023, 0, 2) }));
  expect(rejected).toMatchObject([{ reason: "bad-timestamp" }]);
});

test("version 2: local time by the zone, the gas meter under its own id", () => {
  const { readings, rejected } = decodeHomeWizard(V2, testContext({ zone }));
  expect(readings.map(brief)).toEqual([
    "activeEnergyImport register 13779338000",
    "activeEnergyImport.t1 register 10830511000",
    "activeEnergyImport.t2 register 2948827000",
    "activeEnergyExport register 1234567000",
    "activeEnergyExport.t1 register 234567000",
    "activeEnergyExport.t2 register 1000000000",
    "activePower instant -543000",
    "activePower.L1 instant -676000",
    "activePower.L2 instant 133000",
    "activePower.L3 instant 0",
    "current instant 6000",
    "activePower max 1111000",
    "gasVolume register 2569646000",
  ]);
  expect(rejected).toEqual([{ reason: "unknown-quantity", text: "average_power_15m_w" }]);
  expect(readings[0]).toMatchObject({ timestampMs: RECEIVED_MS - 6000, timeSource: "meter", timeQuality: "synced" });
  expect(readings.at(-1)).toMatchObject({
    meterId: "mqtt:homewizard/4E6576657220676F6E6E612072756E2061726F756E64",
    timestampMs: Date.UTC(2024, 5, 28, 12),
  });
});

test.each([
  ["no JSON", "x", "unknown-format"],
  ["another answer of the device", '{"wifi_ssid":"a","unique_id":"01"}', "unknown-format"],
  ["an id of zeros", '{"unique_id":"00000000000000000000000000000000","active_power_w":1}', "sentinel"],
  ["no id", '{"active_power_w":1}', "bad-meter-id"],
  ["null is not measured", '{"unique_id":"01","active_power_w":null}', "null-value"],
  ["a time that is none", '{"unique_id":"01","timestamp":"yesterday","power_w":1}', "bad-timestamp"],
  ["tariff 5 of four", '{"unique_id":"01","energy_import_t5_kwh":1}', "unknown-format"],
])("%s: no reading, and why", (_name, text, reason) => {
  const frame = decodeHomeWizard(Buffer.from(text), testContext({ zone }));
  expect(frame.readings).toEqual([]);
  expect(frame.rejected.map((part) => part.reason)).toEqual([reason]);
});

test("external meters: each that cannot be read says why, and the others are read", () => {
  const meter = (change: object): object => ({
    unique_id: "0a",
    type: "water_meter",
    timestamp: "2024-06-28T14:00:00",
    value: 1.5,
    unit: "m3",
    ...change,
  });
  const external = [
    meter({}),
    meter({ type: "heat_meter", unit: "GJ", value: 0.012 }),
    meter({ unit: "kWh" }),
    meter({ type: "tide_meter" }),
    meter({ unique_id: "000" }),
    meter({ timestamp: 632525252525 }),
    meter({ value: null }),
  ];
  const bytes = Buffer.from(
    JSON.stringify({ unique_id: "01", timestamp: "2024-06-28T14:12:34", power_w: 1, external }),
  );
  const { readings, rejected } = decodeHomeWizard(bytes, testContext({ zone }));
  expect(readings.map(brief)).toEqual([
    "activePower instant 1000",
    "waterVolume register 1500000",
    "heat register 12000",
  ]);
  const reasons = ["unknown-unit", "unknown-quantity", "sentinel", "bad-timestamp", "null-value"];
  expect(rejected.map(({ reason }) => reason)).toEqual(reasons);
});
