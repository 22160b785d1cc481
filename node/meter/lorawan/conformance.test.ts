import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { QUALITY, type Reading, validateReading } from "#storage/types/reading.ts";
import { type ExactJson, isList, member, parseExactJson, showJson, textOf } from "../exactJson.ts";
import type { DecodedFrame } from "../frame.ts";
import { brief } from "../mqtt/testMessages.ts";
import { decodeBridge, isBridgeBody } from "./bridge.ts";
import { type LoraCodecName, readCodecRule } from "./codecRegistry.ts";
import { modbusCrc } from "./draginoModbus.ts";
import { decodeUplink } from "./lorawanInput.ts";
import { encodeMinutePackage, type MinutePackage } from "./minutePackage.ts";
import { readUplink, type Uplink } from "./uplink.ts";

const samples = parseExactJson(readFileSync(`${import.meta.dirname}/testdata/uplinks.json`, "utf8"));
const sampleOf = (id: string): ExactJson =>
  (isList(samples) ? samples : []).find((each) => textOf(each, "id") === id) ?? null;
const payloadText = (id: string): string => showJson(member(sampleOf(id), "payload"));

/** Reads an uplink and decodes its bytes by one codec, received two seconds after the network server had it. */
function decodeText(text: string, codec: LoraCodecName, zone?: string): DecodedFrame & { readonly uplink: Uplink } {
  const result = readUplink(text, "");
  if (result.type !== "uplink") throw new Error(`is ${result.type}`);
  const rule = readCodecRule({ codec, devEui: "*", ...(zone === undefined ? {} : { zone }) }, "codecs[0]");
  const receivedMs = (result.uplink.networkMs ?? 0) + 2000;
  const message = { topic: "", payload: Buffer.from(text), receivedMs, isRetained: false };
  const frame = decodeUplink([rule], result.uplink, message);
  for (const reading of frame.readings) validateReading(reading);
  return { ...frame, uplink: result.uplink };
}

function chirpStack(payload: Uint8Array, change: object = {}): string {
  return JSON.stringify({
    time: "2030-01-01T00:00:07.123456789+00:00",
    deviceInfo: { deviceProfileName: "EM4301CT", devEui: "fc48c900000001c5" },
    devAddr: "00d19684",
    fCnt: 41,
    fPort: 1,
    data: Buffer.from(payload).toString("base64"),
    rxInfo: [{ gatewayId: "647fdafffe012d39", nsTime: "2030-01-01T00:00:07+00:00" }],
    ...change,
  });
}
const decodeHex = (hex: string, codec: LoraCodecName, zone?: string, change: object = {}) =>
  decodeText(chirpStack(Buffer.from(hex, "hex"), change), codec, zone);
const shown = (readings: readonly Reading[]): string[] => readings.map(brief);

test.each([
  [
    "Milesight-CT101-CT103-ChirpStack",
    "1000000000000001",
    4,
    85,
    1_684_741_625_404,
    "605d08d4-65f5-4d2c-8a5a-3d2457662f79",
  ],
  ["Milesight-CT101-CT103-ThingsStackCommunity", "1000000000000001", 10_335, 85, 1_684_474_415_641, undefined],
  ["Milesight-CT101-CT103-ThingsStackIndustries", "1000000000000001", 5017, 85, 1_684_398_325_906, undefined],
  ["Yobiiq-EM4301-ChirpStack", "fc48c900000001c5", 0, 50, 1_731_407_115_319, "74946a3b-98b1-4fd0-a332-7452f75ebed6"],
  ["Yobiiq-EM4301-ThingsStackCommunity", "fc48c900000001c5", 0, 50, 1_731_400_991_151, undefined],
  ["Yobiiq-EM4301-ThingsStackIndustries", "fc48c900000001c5", 0, 50, 1_731_400_991_151, undefined],
])("%s: device, counter, port and the network server's time", (id, devEui, fCnt, fPort, networkMs, profile) => {
  const codec = id.startsWith("Milesight") ? "milesight-ct101" : "yobiiq-em4301";
  const { uplink, readings, rejected } = decodeText(payloadText(id), codec);
  expect(uplink).toMatchObject({ devEui, fCnt, fPort, networkMs });
  if (profile !== undefined) expect(uplink.profiles).toContain(profile);
  // The device says its serial number and versions: no values, and nothing refused.
  expect([readings, rejected]).toEqual([[], []]);
  const expected = member(member(sampleOf(id), "expectedTelemetry"), "telemetry");
  expect(showJson(member(isList(expected) ? expected[0] : undefined, "ts"))).toBe(String(networkMs));
});

test("The Things Stack: a gateway whose clock is a day behind does not set the time", () => {
  const text = payloadText("Yobiiq-EM4301-ThingsStackCommunity");
  expect(text).toContain('"received_at":"2024-11-11T08:43:11.140320562Z"');
  expect(decodeText(text, "yobiiq-em4301").uplink.networkMs).toBe(Date.parse("2024-11-12T08:43:11.151Z"));
});

test("ChirpStack: where a gateway's clock is off its own time is taken", () => {
  const { uplink } = decodeHex("0498b80b", "milesight-ct101", undefined, { time: "2029-12-31T00:00:07+00:00" });
  expect(uplink.networkMs).toBe(Date.UTC(2030, 0, 1, 0, 0, 7));
});

test("ChirpStack's example: what has its default is left out", () => {
  const result = readUplink(
    '{"time":"2022-07-18T09:34:15.775023242+00:00","deviceInfo":{"devEui":"0101010101010101","deviceProfileName":"Test"},"devAddr":"00189440","dr":1,' +
      '"fPort":1,"data":"qg==","rxInfo":[{"gatewayId":"0016c001f153a14c"}]}',
    "application/17c82e96/device/0101010101010101/event/up",
  );
  expect(result).toMatchObject({
    type: "uplink",
    uplink: { fCnt: 0, fPort: 1, networkMs: Date.parse("2022-07-18T09:34:15.775Z") },
  });
});

test.each([
  ["status", '"margin":10,"batteryLevel":88.3', "other"],
  ["join", '"devAddr":"00189440"', "join"],
  ["ack", '"queueItemId":"1bbcab1d","acknowledged":true,"fCntDown":3', "other"],
  [
    "txack",
    '"queueItemId":"42cb6459","fCntDown":2,"gatewayId":"0016c001f153a14c","txInfo":{"frequency":867900000}',
    "other",
  ],
  ["log", '"level":"ERROR","code":"UPLINK_MIC","description":"MIC of join-request is invalid"', "other"],
])("ChirpStack's event %s is no uplink, with its topic and without", (event, members, type) => {
  const text = `{"deduplicationId":"a","time":"2022-07-18T09:35:06Z","deviceInfo":{"devEui":"0101010101010101"},${members}}`;
  expect(readUplink(text, `application/a/device/0101010101010101/event/${event}`).type).toBe(type);
  expect(readUplink(text, "").type).toBe(type);
});

test("LORIOT: hex, milliseconds, and the same uplink as rx and as gw", () => {
  const text = (cmd: string): string =>
    `{"cmd":"${cmd}","EUI":"A8404106C1873A28","ts":1893456007123,"fcnt":7,"port":2,"freq":867100000,"data":"0498b80b"}`;
  for (const cmd of ["rx", "gw"])
    expect(readUplink(text(cmd), "")).toMatchObject({
      type: "uplink",
      uplink: { devEui: "a8404106c1873a28", fCnt: 7, fPort: 2, networkMs: 1_893_456_007_123 },
    });
  expect(readUplink('{"cmd":"txd","EUI":"A8404106C1873A28"}', "").type).toBe("other");
  const encrypted = '{"cmd":"rx","EUI":"A8404106C1873A28","ts":1893456007123,"fcnt":7,"port":2,"encdata":"00"}';
  expect(readUplink(encrypted, "")).toMatchObject({ type: "rejected", reason: "undecryptable" });
});

test("Actility: numbers as texts, and a time with the offset of a zone", () => {
  const text =
    '{"DevEUI_uplink":{"Time":"2030-01-01T01:00:07.123+01:00","DevEUI":"A8404106C1873A28","FPort":"2","FCntUp":"13154","payload_hex":"0498b80b","DevAddr":"444C0873"}}';
  expect(readUplink(text, "")).toMatchObject({
    type: "uplink",
    uplink: { devEui: "a8404106c1873a28", fCnt: 13_154, fPort: 2, networkMs: 1_893_456_007_123, session: "444C0873" },
  });
});

test("Actility: the driver names brand and model, and a payload that it could not read is not decoded", () => {
  const text = (encryption: number): string =>
    '{"DevEUI_uplink":{"Time":"2030-01-01T01:00:07.123+01:00","DevEUI":"A8404106C1873A28","FPort":85,"FCntUp":3,"payload_hex":"0498b80b",' +
    `"DriverCfg":{"mod":{"pId":"milesight","mId":"ct101","ver":"1"}},"CustomerData":{"alr":{"pro":"MS/CT","ver":"1"}},"PayloadEncryption":${encryption}}}`;
  const clear = decodeText(text(0), "milesight-ct101");
  expect(clear.uplink.profiles).toEqual(["milesight/ct101", "MS/CT"]);
  expect(shown(clear.readings)).toEqual(["current instant 30000"]);
  expect(decodeText(text(1), "milesight-ct101")).toMatchObject({
    readings: [],
    rejected: [{ reason: "undecryptable" }],
  });
});

test.each([
  ["no JSON", "{", "unknown-format"],
  ["another JSON", '{"a":1}', "unknown-format"],
  ["no DevEUI", chirpStack(Buffer.of(1), { deviceInfo: {} }), "bad-meter-id"],
  ["a DevEUI of zeros", chirpStack(Buffer.of(1), { deviceInfo: { devEui: "0000000000000000" } }), "sentinel"],
  ["no base64", chirpStack(Buffer.of(1), { data: "a" }), "unknown-format"],
  ["a counter below zero", chirpStack(Buffer.of(1), { fCnt: -1 }), "unknown-format"],
  ["port 256", chirpStack(Buffer.of(1), { fPort: 256 }), "unknown-format"],
  ["more than a frame carries", chirpStack(Buffer.alloc(256)), "too-long"],
  [
    "hex of half a byte",
    '{"cmd":"rx","EUI":"A8404106C1873A28","ts":1,"fcnt":7,"port":2,"data":"049"}',
    "unknown-format",
  ],
])("refused: %s", (_name, text, reason) => {
  expect(readUplink(text, "")).toMatchObject({ type: "rejected", reason });
});

test("port 0 and an empty payload are the network's own affair", () => {
  expect(readUplink(chirpStack(Buffer.of(1), { fPort: 0 }), "").type).toBe("other");
  expect(readUplink(chirpStack(Buffer.of()), "").type).toBe("other");
});

test("Milesight CT101: current; ampere hours and extremes are no quantities; ffff is a sensor that was not read", () => {
  expect(shown(decodeHex("0498B80B", "milesight-ct101").readings)).toEqual(["current instant 30000"]);
  expect(decodeHex("039710270000", "milesight-ct101")).toMatchObject({
    readings: [],
    rejected: [{ reason: "unknown-quantity", text: "total current 10000 of 0.01 Ah" }],
  });
  expect(decodeHex("0498FFFF", "milesight-ct101")).toMatchObject({ readings: [], rejected: [{ reason: "sentinel" }] });
  const alarm = decodeHex("8498B80BD007C40905", "milesight-ct101");
  expect(shown(alarm.readings)).toEqual(["current instant 25000"]);
  expect(alarm.rejected).toEqual([{ reason: "unknown-quantity", text: "current max 3000 min 2000" }]);
  expect(alarm.readings[0]).toMatchObject({ meterId: "lora:fc48c900000001c5", seq: 41, timeSource: "network" });
});

test("Yobiiq EM4301: Wh by tariff at the time of its data logger", () => {
  const { readings, rejected } = decodeText(
    chirpStack(Buffer.from(textOf(sampleOf("yobiiq-em4301-periodic"), "hex") ?? "", "hex"), {
      time: "2024-11-18T11:25:04Z",
      rxInfo: [],
    }),
    "yobiiq-em4301",
  );
  expect(shown(readings)).toEqual([
    "activeEnergyImport.t1 register 50859780000",
    "activeEnergyImport.t2 register 0",
    "activeEnergyExport.t1 register 0",
    "activeEnergyExport.t2 register 0",
  ]);
  expect(rejected).toEqual([]);
  expect(readings[0]).toMatchObject({ timestampMs: 1_731_928_500_000, timeSource: "meter", timeQuality: "synced" });
});

test("Yobiiq EM4301 with a Modbus error: no value of the message is one", () => {
  const hex = `${(textOf(sampleOf("yobiiq-em4301-periodic"), "hex") ?? "").slice(0, -2)}02`;
  expect(decodeHex(hex, "yobiiq-em4301")).toMatchObject({
    readings: [],
    rejected: [{ reason: "meter-fault", text: "modbus error 2" }],
  });
});

test("Yobiiq iQ-DSMR: the telegram's local time is read as such, or the device's clock taken", () => {
  const hex = textOf(sampleOf("yobiiq-iq-dsmr-periodic"), "hex") ?? "";
  const change = { time: "2024-11-05T08:20:03Z", rxInfo: [] };
  const { readings, rejected } = decodeHex(hex, "yobiiq-iq-dsmr", "Europe/Amsterdam", change);
  expect(shown(readings)).toEqual([
    "activeEnergyImport.t1 register 32185784000",
    "activeEnergyImport.t2 register 38007294000",
    "activeEnergyExport.t1 register 155000",
    "activeEnergyExport.t2 register 0",
    "voltage.L1 instant 226000",
    "current.L1 instant 3000",
  ]);
  expect(rejected).toEqual([]);
  // 1730798324 as it stands would be an hour ahead of the device's 1730794800.
  expect(readings[0]?.timestampMs).toBe(1_730_794_724_000);
  expect(decodeHex(hex, "yobiiq-iq-dsmr", undefined, change).readings[0]?.timestampMs).toBe(1_730_794_800_000);
});

test("Fludia FM432e: index and twenty minutes, eleven minutes back", () => {
  const powers = Array.from({ length: 20 }, (_, index) => 100 + index);
  const payload = Buffer.alloc(45);
  payload[0] = 0x5b;
  payload.writeUInt32BE(123_456, 1);
  for (const [index, power] of powers.entries()) payload.writeUInt16BE(power, 5 + 2 * index);
  const { readings, rejected, uplink } = decodeText(chirpStack(payload, { fPort: 129 }), "fludia-fm432e-1min");
  expect(rejected).toEqual([]);
  expect(shown(readings.slice(0, 2))).toEqual(["activeEnergyImport register 123456000", "activePower average 100000"]);
  expect(readings.slice(1).map(({ value }) => value)).toEqual(powers.map((power) => power * 1000));
  const at = (reading: Reading | undefined): number =>
    ((uplink.networkMs as number) - (reading?.timestampMs ?? 0)) / 60_000;
  expect([at(readings[1]), at(readings[20]), at(readings[0])]).toEqual([30, 11, 11]);
});

/** The packet of a bridge, as its makers' gateway in a cellar sends it. */
function bridgePacket(change: { data?: string; serial?: string; raw?: string; radio?: string } = {}): Buffer {
  const { data = '"electric_kwh":13678', serial = "A8404106C1873A28-5", raw, radio = "lora" } = change;
  const lora = raw === undefined ? "{}" : `{"raw_packet":"${raw}","frame_count_uplink":13154,"port":2}`;
  return Buffer.from(
    `{"sensor_radio_type":"${radio}","sensor_data":{"packet_count":5,"modbus_condition_code":3,${data}},"packet_creation_timestamp":1893456000,` +
      `"header":{"lora":${lora},"common":{"serial_number":"${serial}","gateway_timestamp":"2023-10-30 14:38:07"}}}`,
  );
}
function decodePacket(bytes: Buffer): DecodedFrame {
  const body = parseExactJson(bytes.toString());
  expect(isBridgeBody(body)).toBe(true);
  return decodeBridge(bytes, body as ExactJson, 1_893_456_010_000);
}

test.each([
  ["lora.dragino_accuenergy_kwh", { data: '"electric_kwh":13678' }, "lora:a8404106c1873a28-5", 13_678],
  [
    "lora.dragino_satec_kwh",
    { data: '"electric_kwh":0', serial: "A8404106C1873A28-15", raw: "0f0e0f03040000000015f3" },
    "lora:a8404106c1873a28-15",
    0,
  ],
  [
    "zigbee.accuenergy_modbus",
    { radio: "zigbee", data: '"kwh":58154,"valid_read":1', serial: "000D6F000313E6F3-6" },
    "zigbee:000d6f000313e6f3-6",
    58_154,
  ],
  [
    "zigbee.electric",
    { radio: "zigbee", data: '"kwh":6925', serial: "0100000010484994" },
    "zigbee:0100000010484994",
    6925,
  ],
])("bridge packet %s: whole kWh", (_name, change, meterId, kwh) => {
  const { readings, rejected } = decodePacket(bridgePacket(change));
  for (const reading of readings) validateReading(reading);
  expect(readings).toMatchObject([
    {
      meterId,
      quantity: "activeEnergyImport",
      kind: "register",
      value: kwh * 1_000_000,
      timestampMs: 1_893_456_000_000,
    },
  ]);
  expect(rejected).toEqual([]);
});

test.each([
  ["the data alone", Buffer.from('{"sub_packet_number":4,"packet_count":5,"electric_kwh":13678}'), "bad-meter-id"],
  ["a reading that the converter calls invalid", bridgePacket({ data: '"kwh":58154,"valid_read":0' }), "meter-fault"],
  ["a Modbus answer with a wrong CRC", bridgePacket({ raw: "0f0e0f03040000000015f4" }), "crc-wrong"],
  ["no kWh", bridgePacket({ data: '"temperature":3' }), "unknown-format"],
  ["a serial of zeros", bridgePacket({ serial: "0000000000000000-0" }), "sentinel"],
])("bridge packet refused: %s", (_name, bytes, reason) => {
  expect(decodePacket(bytes)).toMatchObject({ readings: [], rejected: [{ reason }] });
});

test("Dragino RS485-LN: the Modbus answer itself, its CRC checked, named by its address", () => {
  const { readings } = decodeHex("0f0e0f03040000000015f3", "dragino-rs485-kwh");
  expect(readings).toMatchObject([{ meterId: "lora:fc48c900000001c5-15", value: 0, kind: "register" }]);
  const answer = Buffer.from("0503040000356e", "hex");
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE(modbusCrc(answer));
  const hex = `0504${answer.toString("hex")}${crc.toString("hex")}`;
  expect(decodeHex(hex, "dragino-rs485-kwh").readings).toMatchObject([
    { value: 13_678_000_000, meterId: "lora:fc48c900000001c5-5" },
  ]);
});

const HOUR: MinutePackage = {
  quantity: "activeEnergyImport",
  endMinute: Date.UTC(2030, 0, 1) / 60_000,
  isReset: false,
  register: 1000,
  values: [1, 2, undefined, 4, 5],
  isWide: false,
};
const decodeMinutesOf = (change: Partial<MinutePackage>) =>
  decodeText(chirpStack(encodeMinutePackage({ ...HOUR, ...change })), "minutes");

test("our package: an interval for each minute, the register as far back as it is known", () => {
  const { readings, rejected } = decodeMinutesOf({});
  expect(
    readings.map(({ kind, value, registerValue, timestampMs }) => [
      kind,
      value,
      registerValue,
      (timestampMs - Date.UTC(2030, 0, 1)) / 60_000,
    ]),
  ).toEqual([
    ["interval", 1000, undefined, -4],
    ["interval", 2000, undefined, -3],
    ["interval", 4000, 995_000, -1],
    ["interval", 5000, 1_000_000, 0],
    ["register", 1_000_000, undefined, 0],
  ]);
  expect(readings[0]).toMatchObject({ periodMs: 60_000, timeSource: "meter", seq: 41, quality: 0 });
  expect(rejected).toEqual([{ reason: "null-value", text: "minute 2 of 5" }]);
});

test("our package without a clock ends with the minute of the network", () => {
  const { readings } = decodeMinutesOf({ endMinute: undefined });
  expect(readings.at(-1)).toMatchObject({ timestampMs: Date.UTC(2030, 0, 1), timeSource: "network" });
});

test("our package over a reset: minutes without registers, and the register says so", () => {
  const { readings } = decodeMinutesOf({ isReset: true, values: [3, 4] });
  expect(readings.map(({ registerValue, quality }) => [registerValue, quality])).toEqual([
    [undefined, 0],
    [1_000_000, 0],
    [undefined, QUALITY.RESET],
  ]);
});

test("our package of gas and heat: litres and kilojoules", () => {
  expect(decodeMinutesOf({ quantity: "gasVolume", values: [11] }).readings[0]).toMatchObject({
    quantity: "gasVolume",
    value: 11_000,
  });
  expect(decodeMinutesOf({ quantity: "heat", values: [60] }).readings[0]).toMatchObject({
    quantity: "heat",
    value: 60,
  });
});

test.each<[string, LoraCodecName, string, string]>([
  ["an unknown channel", "milesight-ct101", "aabbcc", "unknown-format"],
  ["a value cut off", "milesight-ct101", "0498b8", "truncated"],
  ["half a key", "milesight-ct101", "04", "truncated"],
  ["another header", "fludia-fm432e-1min", "5c00000000", "unknown-format"],
  ["a sample missing", "fludia-fm432e-1min", `5b${"00".repeat(42)}`, "truncated"],
  ["a sample too many", "fludia-fm432e-1min", `5b${"00".repeat(46)}`, "too-long"],
  ["a value cut off", "yobiiq-em4301", "0304030800", "truncated"],
  ["an unknown type", "yobiiq-em4301", "03ee0000", "unknown-format"],
  ["a clock that was never set", "yobiiq-em4301", "010100000000030400000001", "bad-timestamp"],
  ["a clock two hours ahead", "yobiiq-em4301", "010170dc1e30030400000001", "clock-ahead"],
  ["a value cut off", "yobiiq-iq-dsmr", "dd0601eb1d", "truncated"],
  ["a wrong CRC", "dragino-rs485-kwh", "0f0e0f03040000000015f4", "crc-wrong"],
  ["too short for Modbus", "dragino-rs485-kwh", "0f0e0f", "truncated"],
  ["another version of our package", "minutes", "e2", "unknown-format"],
  ["our package cut off", "minutes", "e100", "truncated"],
])("%s (%s): no reading, and why", (_name, codec, hex, reason) => {
  const frame = decodeHex(hex, codec);
  expect(frame.readings).toEqual([]);
  expect(frame.rejected.map((part) => part.reason)).toEqual([reason]);
});
