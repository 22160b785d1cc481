import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { QUALITY, validateReading } from "#storage/types/reading.ts";
import { createZone } from "../zoneTime.ts";
import { createTasmotaDecoder, tasmotaDevice } from "./tasmota.ts";
import { brief, tasmotaTeleinfo, testContext } from "./testMessages.ts";

const PARIS = createZone("Europe/Paris")!;
const TOPIC = "emoncms/ch2i/factory/denky_D6C0C0/tele/SENSOR";
const AT = Date.UTC(2021, 9, 26, 15, 28, 45);
const context = testContext({ topic: TOPIC, receivedMs: AT + 2000, zone: PARIS });

test("Teleinfo by Tasmota: kWh of the device, Wh of the meter under the meter's address, the local time in UTC", () => {
  const bytes = tasmotaTeleinfo();
  const { readings, rejected } = createTasmotaDecoder().decode(bytes, context);
  for (const reading of readings) validateReading(reading);
  expect(readings.map((reading) => `${reading.meterId} ${brief(reading)}`)).toEqual([
    "mqtt:emoncms/ch2i/factory/denky_D6C0C0 activeEnergyImport register 9098245000",
    "mqtt:emoncms/ch2i/factory/denky_D6C0C0 activePower instant 170000",
    "mqtt:emoncms/ch2i/factory/denky_D6C0C0 current instant 1000",
    "tic:021528603314 activeEnergyImport.t1 register 920750000",
    "tic:021528603314 activeEnergyImport.t2 register 2275560000",
    "tic:021528603314 current instant 1000",
  ]);
  expect(rejected).toEqual([
    { reason: "unknown-quantity", text: "Load" },
    { reason: "unknown-quantity", text: "PAPP" },
  ]);
  const [first] = readings;
  expect(first).toMatchObject({ timestampMs: AT, receivedMs: AT + 2000, timeSource: "meter", timeQuality: "synced" });
  expect(first?.rawHash).toEqual(sha256(bytes));
});

test("five minutes later the same registers stand 10 Wh higher", () => {
  const decoder = createTasmotaDecoder();
  const later = tasmotaTeleinfo({ time: "2021-10-26T17:33:45", total: "9098.255", hchp: "2275570" });
  const [before, after] = [tasmotaTeleinfo(), later].map((bytes) =>
    decoder.decode(bytes, { ...context, receivedMs: AT + 400_000 }),
  );
  expect(after!.readings[0]!.value - before!.readings[0]!.value).toBe(10_000);
  expect(after!.readings[4]!.value - before!.readings[4]!.value).toBe(10_000);
  expect(after!.readings[0]!.timestampMs - before!.readings[0]!.timestampMs).toBe(300_000);
});

test("without a zone no time is guessed: the receiver's clock, marked so", () => {
  const { readings } = createTasmotaDecoder().decode(tasmotaTeleinfo(), testContext({ topic: TOPIC }));
  expect(readings[0]).toMatchObject({
    timeSource: "receiver",
    timeQuality: "no-zone",
    timestampMs: testContext().receivedMs,
  });
});

test("the hour that the clocks show twice is ambiguous, in the gap of spring too", () => {
  const decode = (time: string, receivedMs: number) =>
    createTasmotaDecoder().decode(tasmotaTeleinfo({ time }), { ...context, receivedMs }).readings[0];
  const autumn = Date.UTC(2021, 9, 31, 0, 30);
  expect(decode("2021-10-31T02:30:00", autumn)).toMatchObject({ timestampMs: autumn, timeQuality: "dst-ambiguous" });
  const spring = Date.UTC(2021, 2, 28, 1, 30);
  expect(decode("2021-03-28T02:30:00", spring)).toMatchObject({ timestampMs: spring, timeQuality: "dst-ambiguous" });
});

test("a new TotalStartTime marks the registers of the device as begun anew, once", () => {
  const decoder = createTasmotaDecoder();
  const bits = ["2021-10-25T15:22:04", "2021-10-25T15:22:04", "2021-10-26T16:00:00", "2021-10-26T16:00:00"].map(
    (start) =>
      decoder.decode(tasmotaTeleinfo({ start, total: "0.001" }), context).readings.map(({ quality }) => quality),
  );
  expect(bits.map(([total]) => total)).toEqual([0, 0, QUALITY.RESET, 0]);
  expect(bits[2]).toEqual([QUALITY.RESET, 0, 0, 0, 0, 0]);
});

test("lists are phases, of tariffs tariffs", () => {
  const bytes = Buffer.from(
    '{"Time":"2021-10-26T17:28:45","ENERGY":{"Total":[1.5,2.5,3.5],"TotalTariff":[1.25,2.75],"ExportActive":0.125,"Power":[-1,2,null],"Voltage":230}}',
  );
  const { readings, rejected } = createTasmotaDecoder().decode(bytes, context);
  expect(readings.map(brief)).toEqual([
    "activeEnergyImport.L1 register 1500000",
    "activeEnergyImport.L2 register 2500000",
    "activeEnergyImport.L3 register 3500000",
    "activeEnergyImport.t1 register 1250000",
    "activeEnergyImport.t2 register 2750000",
    "activeEnergyExport register 125000",
    "activePower.L1 instant -1000",
    "activePower.L2 instant 2000",
    "voltage instant 230000",
  ]);
  expect(rejected).toEqual([{ reason: "null-value", text: "Power 3 null" }]);
});

test.each([
  ["no JSON", "hello", "unknown-format"],
  ["another message of the device", '{"Time":"2021-10-26T17:28:45","Uptime":"1T00"}', "unknown-format"],
  ["a clock that was never set", '{"Time":"1970-01-01T00:00:12","ENERGY":{"Total":1}}', "bad-timestamp"],
  ["a day that does not exist", '{"Time":"2021-02-30T00:00:12","ENERGY":{"Total":1}}', "bad-timestamp"],
  ["a clock a day ahead", '{"Time":"2021-10-27T17:28:45","ENERGY":{"Total":1}}', "clock-ahead"],
  ["a clock a year behind", '{"Time":"2020-10-26T17:28:45","ENERGY":{"Total":1}}', "clock-behind"],
  ["nothing for a value", '{"Time":"2021-10-26T17:28:45","ENERGY":{"Total":null}}', "null-value"],
  ["NaN as text", '{"Time":"2021-10-26T17:28:45","ENERGY":{"Total":"NaN"}}', "not-a-number"],
  ["a register below zero", '{"Time":"2021-10-26T17:28:45","ENERGY":{"Total":-0.001}}', "negative"],
  ["more than 2^53 mWh", '{"Time":"2021-10-26T17:28:45","ENERGY":{"Total":9007199254.8}}', "over-limit"],
  ["a meter without an address", '{"Time":"2021-10-26T17:28:45","TIC":{"HCHC":1}}', "bad-meter-id"],
  [
    "an address that is no text, and does not want to be one",
    '{"Time":"2021-10-26T17:28:45","TIC":{"ADCO":{"toString":1},"HCHC":1}}',
    "bad-meter-id",
  ],
  ["an address of zeros", '{"Time":"2021-10-26T17:28:45","TIC":{"ADCO":"000000000000","HCHC":1}}', "sentinel"],
  ["a name with a space", '{"Time":"2021-10-26T17:28:45","ENERGY":{"Total":1}}', "bad-meter-id", "tele/my plug/SENSOR"],
])("%s: no reading, and why", (_name, text, reason, topic = TOPIC) => {
  const frame = createTasmotaDecoder().decode(Buffer.from(text), { ...context, topic });
  expect(frame.readings).toEqual([]);
  expect(frame.rejected.map((part) => part.reason)).toEqual([reason]);
});

test("a retained message says when it was measured, or is not read", () => {
  const decoder = createTasmotaDecoder();
  expect(decoder.decode(tasmotaTeleinfo(), { ...context, isRetained: true }).readings).toHaveLength(6);
  const { zone: _zone, ...noZone } = { ...context, isRetained: true };
  expect(decoder.decode(tasmotaTeleinfo(), noZone).rejected).toMatchObject([{ reason: "bad-timestamp" }]);
});

test("the name of a device is its topic without what all have", () => {
  expect(tasmotaDevice("tele/plug1/SENSOR")).toBe("plug1");
  expect(tasmotaDevice("home/tele/plug1/SENSOR")).toBe("home/plug1");
});
