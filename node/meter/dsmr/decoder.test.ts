import { createCipheriv } from "node:crypto";
import { expect, test } from "vitest";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { MeterSourceError } from "../source.ts";
import { createDsmrDecoder } from "./decoder.ts";
import type { DsmrDecoderOptions } from "./dsmrOptions.ts";
import { replaceText, sample, telegramOf, withCrc } from "./testTelegrams.ts";

const NOW_MS = Date.parse("2020-04-26T20:33:25Z");
const CLOCK = "0-0:1.0.0(200426223325S)";
const ID = "0-0:96.1.1(4530303434303037333832323436303139)";

function decode(lines: readonly string[], options: DsmrDecoderOptions = {}, receivedMs = NOW_MS) {
  const { readings, rejected } = createDsmrDecoder(options).decode(telegramOf(lines), receivedMs);
  return { readings, rejected, reasons: rejected.map(({ reason }) => reason) };
}

function only(readings: readonly Reading[]): Reading {
  expect(readings).toHaveLength(1);
  return readings[0] as Reading;
}

test.each([
  ["1-0:1.8.1(000004.426*kWh)", "activeEnergyImport register 0 1 4426000"],
  ["1-0:1.8.0*255(00052185.7825309*kWh)", "activeEnergyImport register 0 0 52185782531"],
  ["1-0:1.8.0(006545766*Wh)", "activeEnergyImport register 0 0 6545766000"],
  ["1-0:2.8.4(000004.426*KWH)", "activeEnergyExport register 0 4 4426000"],
  ["1-0:3.8.0(00000518.309*kVArh)", "reactiveEnergyImport register 0 0 518309000"],
  ["1-0:1.7.0(000000286*W)", "activePower instant 0 0 286000"],
  ["1-0:2.7.0(00.286*kW)", "activePower instant 0 0 -286000"],
  ["1-0:16.7.0(-00.286*kW)", "activePower instant 0 0 -286000"],
  ["1-0:42.7.0(00.286*kW)", "activePower instant 2 0 -286000"],
  ["1-0:31.7.0(000*A)", "current instant 1 0 0"],
  ["1-0:31.7.0(0.48*A)", "current instant 1 0 480"],
  ["1-0:72.7.0(0229.0*V)", "voltage instant 3 0 229000"],
  ["1-0:14.7.0(49.98*Hz)", "frequency instant 0 0 49980"],
  ["1-0:1.4.0(02.351*kW)", "activePower average 0 0 2351000"],
])("%s is %s", (line, expected) => {
  const { readings, reasons } = decode([CLOCK, ID, line]);
  const { quantity, kind, phase, tariff, value, timestampMs, timeSource, timeQuality } = only(readings);
  expect(`${quantity} ${kind} ${phase} ${tariff} ${value}`).toBe(expected);
  expect([timestampMs, timeSource, timeQuality, reasons]).toEqual([NOW_MS, "meter", "synced", []]);
});

test.each([
  ["1-0:1.7.0()", "empty-value"],
  ["1-0:1.7.0(00.286)", "unknown-unit"],
  ["1-0:1.7.0(00.286*kWh)", "unknown-unit"],
  ["1-0:1.7.0(00.286*hp)", "unknown-unit"],
  ["1-0:1.7.0(NaN*kW)", "not-a-number"],
  ["1-0:1.7.0(1e3*kW)", "not-a-number"],
  ["1-0:1.7.0(*kW)", "not-a-number"],
  ["1-0:1.7.0(70.000*kW)", "over-limit"],
  ["1-0:1.8.0(99999999999999*kWh)", "over-limit"],
  ["1-0:1.8.0(-00001.000*kWh)", "negative"],
  ["1-0:32.7.0(-230.0*V)", "negative"],
  ["1-0:1.8.5(000001.000*kWh)", "unknown-quantity"],
  ["1-0:1.8.0*01(000001.000*kWh)", "unknown-quantity"],
  ["1-0:3.7.0(00.200*kvar)", "unknown-quantity"],
  ["1-0:1.7.0(00.286*kW)(00.286*kW)", "unknown-format"],
  ["1-0:1.7.0(00.286*kW", "unknown-format"],
  ["1-0:1.6.0(02.589*kW)", "unknown-format"],
  ["no object at all", "unknown-format"],
  ["0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(200501000000S)(200423192538S)(03.695*kW)", "unknown-format"],
])("%s is no reading: %s", (line, reason) => {
  expect(decode([CLOCK, ID, line])).toMatchObject({ readings: [], reasons: [reason] });
});

const MONTH_END = [
  ...[
    "(000512.340*kWh)",
    "(000300.100*kWh)",
    "(000212.240*kWh)",
    "(000903.500*kWh)",
    "(000600.250*kWh)",
    "(000303.250*kWh)",
  ],
  ...["(000011.111*kvarh)", "(000222.222*kvarh)", "(000007.007*kvarh)", "(000004.104*kvarh)", "(000101.110*kvarh)"],
  ...["(000121.112*kvarh)", "(001415.840*kWh)"],
  ...["(10.500*kW)", "(10.500*kW)", "(09.250*kW)", "(04.750*kW)", "(04.750*kW)", "(03.125*kW)"],
];

test("Hungary's registers of the month's end are registers of that time, and stand behind those of the telegram", () => {
  const past = `0-0:98.1.0(200401000000S)${MONTH_END.join("")}`;
  const { readings, reasons } = decode([CLOCK, ID, past, "1-0:1.8.0(000700.000*kWh)"], { profile: "HU" });
  const atMs = Date.parse("2020-03-31T22:00:00Z");
  expect(readings.map((one) => [one.quantity, one.tariff, one.kind, one.value, one.timestampMs])).toEqual([
    ["activeEnergyImport", 0, "register", 700_000_000, NOW_MS],
    ["activeEnergyImport", 0, "register", 512_340_000, atMs],
    ["activeEnergyImport", 1, "register", 300_100_000, atMs],
    ["activeEnergyImport", 2, "register", 212_240_000, atMs],
    ["activeEnergyExport", 0, "register", 903_500_000, atMs],
    ["activeEnergyExport", 1, "register", 600_250_000, atMs],
    ["activeEnergyExport", 2, "register", 303_250_000, atMs],
    ["reactiveEnergyImport", 0, "register", 11_111_000, atMs],
    ["reactiveEnergyExport", 0, "register", 222_222_000, atMs],
  ]);
  expect(reasons).toEqual(Array.from({ length: 7 }, () => "unknown-quantity"));
});

test.each([
  ["one value less", `(200401000000S)${MONTH_END.slice(1).join("")}`, ["unknown-format"]],
  ["no time", `(632525252525W)${MONTH_END.join("")}`, ["sentinel"]],
  ["a day that is none", `(200431000000S)${MONTH_END.join("")}`, ["bad-timestamp"]],
  [
    "a time ahead",
    `(200501000000S)${MONTH_END.join("")}`,
    [...Array(12).fill("clock-ahead"), ...Array(7).fill("unknown-quantity")],
  ],
  [
    "wrong units",
    `(200401000000S)${MONTH_END.join("").replaceAll("kvarh", "kWh").replaceAll("kWh", "kW")}`,
    [...Array(12).fill("unknown-unit"), ...Array(7).fill("unknown-quantity")],
  ],
])("registers of the month's end with %s are no readings", (_name, values, expected) => {
  const { readings, reasons } = decode([CLOCK, ID, `0-0:98.1.0${values}`], { profile: "HU" });
  expect([readings, reasons.toSorted()]).toEqual([[], expected.toSorted()]);
});

test("tariff 1 is the low one in the Netherlands and the high one in Belgium: the number stays as the meter gives it", () => {
  const lines = ["1-0:1.8.1(000001.000*kWh)", "1-0:1.8.2(000002.000*kWh)", "1-0:2.8.1(000003.000*kWh)"];
  for (const profile of ["NL", "BE"] as const)
    expect(
      decode([CLOCK, ID, ...lines], { profile }).readings.map(({ quantity, tariff, value }) => [
        quantity,
        tariff,
        value,
      ]),
    ).toEqual([
      ["activeEnergyImport", 1, 1_000_000],
      ["activeEnergyImport", 2, 2_000_000],
      ["activeEnergyExport", 1, 3_000_000],
    ]);
});

test("settings, ids, texts, counters and logs are no measurements", () => {
  const lines = [
    "1-3:0.2.8(50)",
    "0-0:17.0.0(016.1*kW)",
    "1-0:31.4.0(999*A)",
    "0-0:96.7.21(00005)",
    "0-0:96.13.0()",
  ].concat(["1-0:99.97.0(1)(0-0:96.7.19)(000101000001W)(2147483647*s)", "1-0:32.32.0(00001)", "0-0:96.14.0(0001)"]);
  expect(decode([CLOCK, ID, ...lines])).toMatchObject({ readings: [], reasons: [] });
});

test("power is what is taken minus what is given", () => {
  const { readings } = decode([CLOCK, ID, "1-0:1.7.0(00.100*kW)", "1-0:2.7.0(02.300*kW)"]);
  expect(only(readings).value).toBe(-2_200_000);
});

test("of a power that lacks a direction nothing is made up", () => {
  const { readings, rejected } = decode([CLOCK, ID, "1-0:1.7.0()", "1-0:2.7.0(02.300*kW)"]);
  expect(readings).toEqual([]);
  expect(rejected).toEqual([
    { reason: "empty-value", text: "1-0:1.7.0()" },
    { reason: "empty-value", text: "1-0:2.7.0(02.300*kW)" },
  ]);
});

test("an object that stands there twice with two values is a conflict, and the first stays", () => {
  const line = "1-0:1.8.1(000004.426*kWh)";
  expect(decode([CLOCK, ID, line, line])).toMatchObject({ reasons: [] });
  const { readings, rejected } = decode([CLOCK, ID, line, "1-0:1.8.1(000004.427*kWh)"]);
  expect(only(readings).value).toBe(4_426_000);
  expect(rejected).toEqual([{ reason: "conflict", text: "1-0:1.8.1(000004.427*kWh)" }]);
});

const POWER = "1-0:1.7.0(00.286*kW)";

test.each([
  ["as the receiver's", 0, "synced"],
  ["a minute ahead", 60_000, "synced"],
  ["more than a minute ahead", 61_000, "drifting"],
  ["more than a minute behind", -61_000, "drifting"],
  ["an hour ahead", 3_600_000, "drifting"],
])("a clock %s is %s", (_name, aheadMs, quality) => {
  const { timestampMs, receivedMs, timeQuality } = only(decode([CLOCK, ID, POWER], {}, NOW_MS - aheadMs).readings);
  expect([timestampMs, receivedMs, timeQuality]).toEqual([NOW_MS, NOW_MS - aheadMs, quality]);
});

test.each([
  [3_601_000, "clock-ahead", "2020-04-26T19:33:24Z"],
  [-3_601_000, "clock-behind", "2020-04-26T21:33:26Z"],
])("a clock that is %d ms ahead is not believed, nor what its sub-meters say", (aheadMs, reason, received) => {
  const gas = ["0-1:24.1.0(003)", "0-1:96.1.0(4730)", "0-1:24.2.1(200426223001S)(00246.138*m3)"];
  const { readings, rejected } = decode([CLOCK, ID, POWER, ...gas], {}, NOW_MS - aheadMs);
  expect(readings).toEqual([]);
  expect(rejected.map((part) => part.reason)).toEqual([reason, reason]);
  expect(rejected[0]?.text).toBe(`${POWER} meter 2020-04-26T20:33:25Z received ${received}`);
});

test("a gateway with a backlog may be behind for as long as is configured", () => {
  const options = { maxClockSkewMs: 86_400_000 };
  expect(only(decode([CLOCK, ID, POWER], options, NOW_MS + 86_400_000).readings).timeQuality).toBe("drifting");
  expect(decode([CLOCK, ID, POWER], options, NOW_MS + 86_400_001).reasons).toEqual(["clock-behind"]);
});

test("the repeated hour of October is two hours, by the flag", () => {
  const at = (flag: string) =>
    only(decode([`0-0:1.0.0(201025023000${flag})`, ID, POWER], {}, Date.parse("2020-10-25T01:00:00Z")).readings);
  expect([at("S"), at("W")].map(({ timestampMs, quality }) => [new Date(timestampMs).toISOString(), quality])).toEqual([
    ["2020-10-25T00:30:00.000Z", 0],
    ["2020-10-25T01:30:00.000Z", 0],
  ]);
});

test("a flag decides the offset in the zone of the meter; when the calendar disagrees the reading is suspect", () => {
  const lines = ["0-0:1.0.0(210210120000S)", ID, POWER];
  const { timestampMs, quality } = only(decode(lines, { profile: "IE" }, Date.parse("2021-02-10T11:00:00Z")).readings);
  expect([new Date(timestampMs).toISOString(), quality]).toEqual(["2021-02-10T11:00:00.000Z", QUALITY.SUSPECT]);
});

test.each([
  ["FI", "2020-04-26T19:33:25.000Z"],
  ["SE", "2020-04-26T20:33:25.000Z"],
  ["IE", "2020-04-26T21:33:25.000Z"],
] as const)("the clock of %s is its own", (profile, utc) => {
  const clock = profile === "SE" ? "0-0:1.0.0(200426213325W)" : CLOCK;
  const { timestampMs } = only(decode([clock, ID, POWER], { profile }, Date.parse(utc)).readings);
  expect(new Date(timestampMs).toISOString()).toBe(utc);
});

test.each([
  ["632525252525W", "sentinel"],
  ["", "empty-value"],
  ["201325223325S", "bad-timestamp"],
  ["2004262233", "bad-timestamp"],
])("a clock that shows (%s) is left out, and the telegram is as old as its arrival", (time, reason) => {
  const { readings, rejected } = decode([`0-0:1.0.0(${time})`, ID, POWER]);
  expect(only(readings)).toMatchObject({ timestampMs: NOW_MS, timeSource: "receiver" });
  expect(rejected).toEqual([{ reason, text: `0-0:1.0.0(${time})` }]);
});

const GAS = ["0-1:24.1.0(003)", "0-1:96.1.0(4730303339303031393336393930363139)"];

test.each([
  ["(632525252525W)(00246.138*m3)", "sentinel"],
  ["(700101010000W)(00000000)", "sentinel"],
  ["(200431223001S)(00246.138*m3)", "bad-timestamp"],
  ["(200426223001S)()", "empty-value"],
  ["(200426223001S)(00246.138*GJ)", "unknown-unit"],
  ["(200426223001S)(00246.138)", "unknown-unit"],
  ["(00246.138*m3)", "unknown-format"],
  ["(200427223001S)(00246.138*m3)", "clock-ahead"],
])("a gas register %s is left out, the telegram is kept", (values, reason) => {
  const { readings, reasons } = decode([CLOCK, ID, POWER, ...GAS, `0-1:24.2.1${values}`]);
  expect(only(readings).quantity).toBe("activePower");
  expect(reasons).toEqual([reason]);
});

test.each([
  ["002", "00246.138*kWh", "activeEnergyImport", 246_138_000],
  ["003", "00246.138*m3", "gasVolume", 246_138_000],
  ["004", "240.860*GJ", "heat", 240_860_000],
  ["006", "00246.138*m3", "waterVolume", 246_138_000],
  ["007", "00246.138*m3", "waterVolume", 246_138_000],
  ["012", "240860*MJ", "heat", 240_860_000],
])("a sub-meter of type %s counts %s as %s", (type, value, quantity, expected) => {
  const lines = [`0-1:24.1.0(${type})`, GAS[1] as string, `0-1:24.2.1(200426223001S)(${value})`];
  const { readings, reasons } = decode([CLOCK, ID, ...lines]);
  expect(reasons).toEqual([]);
  expect(only(readings)).toMatchObject({
    meterId: "dsmr:4730303339303031393336393930363139",
    quantity,
    kind: "register",
    value: expected,
    timestampMs: Date.parse("2020-04-26T20:30:01Z"),
  });
});

test("volume of an unknown kind of meter is not called gas", () => {
  const { reasons } = decode([CLOCK, ID, "0-1:24.1.0(099)", GAS[1] as string, "0-1:24.2.1(200426223001S)(1.0*m3)"]);
  expect(reasons).toEqual(["unknown-quantity"]);
});

test("an empty id says that no sub-meter is there", () => {
  const { reasons } = decode([CLOCK, ID, "0-1:24.1.0(003)", "0-1:96.1.0()", "0-1:24.2.1(200426223001S)(1.0*m3)"]);
  expect(reasons).toEqual(["bad-meter-id"]);
});

test("gas before DSMR 4 has no flag: the zone decides, and an hour in October is ambiguous", () => {
  const decoder = createDsmrDecoder();
  const telegram = (time: string, status = "00") =>
    Buffer.from(
      `/ISk5\\2MT382-1000\r\n\r\n${ID}\r\n0-1:96.1.0(3232)\r\n0-1:24.1.0(03)\r\n` +
        `0-1:24.3.0(${time})(${status})(60)(1)(0-1:24.2.1)(m3)\r\n(00001.001)\r\n!\r\n`,
    );
  const gas = (time: string, status?: string) =>
    only(decoder.decode(telegram(time, status), Date.parse("2020-11-01T00:00:00Z")).readings);
  expect(gas("201025030000")).toMatchObject({
    timestampMs: Date.parse("2020-10-25T02:00:00Z"),
    timeQuality: "no-zone",
    value: 1_001_000,
  });
  expect(gas("201025023000")).toMatchObject({ timeQuality: "dst-ambiguous", quality: QUALITY.CRC_ABSENT });
  expect(gas("201025030000", "01").quality).toBe(QUALITY.CRC_ABSENT | QUALITY.SUSPECT);
});

test.each([
  ["no id", []],
  ["an id of zeros", ["0-0:96.1.1(00000000000000)"]],
  ["an id beyond the limit", [`0-0:96.1.1(${"4".repeat(96)})`]],
  ["an id with a space", ["0-0:96.1.1(45 30)"]],
])("a telegram with %s is nobody's", (_name, lines) => {
  expect(decode([CLOCK, ...lines, POWER])).toMatchObject({ readings: [], reasons: ["bad-meter-id"] });
});

test("an id of the options is for telegrams that have none", () => {
  const options = { meterId: "attic" };
  expect(only(decode([CLOCK, POWER], options).readings).meterId).toBe("dsmr:attic");
  expect(only(decode([CLOCK, ID, POWER], options).readings).meterId).toBe("dsmr:4530303434303037333832323436303139");
});

const WHOLE = sample("dsmr50-iskra-two-mbus.txt");

test("one changed bit anywhere in a telegram with a CRC is noticed", () => {
  const decoder = createDsmrDecoder();
  for (let at = 0; at < WHOLE.length - 2; at++) {
    const changed = Buffer.from(WHOLE);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    // The digits of the CRC may be written in lower case.
    if (/![0-9A-F]{4}\r\n$/.test(changed.toString("latin1").toUpperCase()) && at >= WHOLE.length - 6 && at % 8 === 5)
      continue;
    const { readings, rejected } = decoder.decode(changed, NOW_MS);
    expect([at, readings.length, rejected.length]).toEqual([at, 0, 1]);
  }
});

test.each([
  ["cut off", WHOLE.subarray(0, 500), "truncated"],
  ["begun in its middle", WHOLE.subarray(100), "truncated"],
  ["spliced", Buffer.concat([WHOLE.subarray(0, 400), WHOLE.subarray(600)]), "crc-wrong"],
  ["two in one", Buffer.concat([WHOLE.subarray(0, 400), WHOLE]), "truncated"],
  ["without its CRC", WHOLE.subarray(0, WHOLE.length - 6), "crc-wrong"],
  ["with another end", replaceText(WHOLE, "!56DD", "!zzzz"), "crc-wrong"],
  ["of too many lines", withCrc(`/X\r\n\r\n${"0-0:96.13.0()\r\n".repeat(300)}!`), "too-long"],
  ["of too many bytes", withCrc(`/X\r\n\r\n0-0:96.13.0(${"30".repeat(4096)})\r\n!`), "too-long"],
  ["of line ends only", Buffer.from("\r\n".repeat(4000)), "truncated"],
  ["empty", Buffer.alloc(0), "truncated"],
])("a telegram %s has no reading", (_name, bytes, reason) => {
  const { readings, rejected } = createDsmrDecoder().decode(bytes, NOW_MS);
  expect([readings, rejected.map((part) => part.reason)]).toEqual([[], [reason]]);
});

test("without a CRC two telegrams in one show by an object that stands there twice", () => {
  const old = sample("dsmr30-iskra-mt382.txt");
  const spliced = Buffer.concat([old.subarray(0, 200), old.subarray(100)]);
  const { readings, rejected } = createDsmrDecoder().decode(spliced, NOW_MS);
  expect([readings, rejected.map((part) => part.reason)]).toEqual([[], ["truncated"]]);
});

test("a country whose telegrams all have a CRC takes none without", () => {
  const { rejected } = createDsmrDecoder({ profile: "BE" }).decode(sample("dsmr30-iskra-mt382.txt"), NOW_MS);
  expect(rejected).toEqual([{ reason: "crc-wrong", text: "no CRC: /ISk5\\2MT382-1000" }]);
});

test("a CRC without its leading zeros, bytes beyond ASCII in the ident and a missing last line end are fine", () => {
  const body = Buffer.from(`/K\xe4\xff\x80 meter\r\n\r\n${CLOCK}\r\n${ID}\r\n${POWER}\r\n`, "latin1");
  const found = new Set<number>();
  for (let spaces = 0; found.size < 2 && spaces < 2000; spaces++) {
    const telegram = withCrc(
      `${body.toString("latin1")}${" ".repeat(spaces % 50)}${"\r\n".repeat(1 + Math.floor(spaces / 50))}!`,
    );
    const unpadded = telegram
      .toString("latin1")
      .trimEnd()
      .replace(/!0+(?=[0-9A-F])/, "!");
    found.add(unpadded.length - unpadded.indexOf("!"));
    expect(createDsmrDecoder().decode(Buffer.from(unpadded, "latin1"), NOW_MS).readings).toHaveLength(1);
  }
  expect(found.size).toBe(2);
});

const KEY = "000102030405060708090a0b0c0d0e0f";

/** As the meters of Luxembourg and Austria do: title, frame counter, ciphertext, 12 bytes of tag. */
function ciphered(plain: Buffer, authenticationKey = "00112233445566778899aabbccddeeff", control = 0x30): Buffer {
  const title = Buffer.from("SAGg4206", "latin1");
  const counter = Buffer.from([0, 0, 1, 7]);
  const gcm = createCipheriv("aes-128-gcm", Buffer.from(KEY, "hex"), Buffer.concat([title, counter]), {
    authTagLength: 12,
  });
  gcm.setAAD(Buffer.from(`${control.toString(16)}${authenticationKey}`, "hex"));
  const body = Buffer.concat([Buffer.of(control), counter, gcm.update(plain), gcm.final(), gcm.getAuthTag()]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([Buffer.of(0xdb, 8), title, Buffer.of(0x82), length, body]);
}

test("a ciphered telegram is read with its key", () => {
  const options = { profile: "LU", encryptionKey: KEY } as const;
  const { readings } = createDsmrDecoder(options).decode(ciphered(WHOLE), NOW_MS);
  expect(readings).toEqual(
    createDsmrDecoder({ profile: "LU" })
      .decode(WHOLE, NOW_MS)
      .readings.map((reading, index) => ({ ...reading, rawHash: readings[index]?.rawHash })),
  );
  expect(readings.length).toBeGreaterThan(10);
});

test.each([
  ["without a key", {}, ciphered(WHOLE), "undecryptable"],
  ["with another key", { encryptionKey: KEY.replace("00", "ff") }, ciphered(WHOLE), "undecryptable"],
  ["of another authentication key", { encryptionKey: KEY }, ciphered(WHOLE, KEY), "undecryptable"],
  ["that lost its end", { encryptionKey: KEY }, ciphered(WHOLE).subarray(0, 300), "truncated"],
  ["of an unknown suite", { encryptionKey: KEY }, ciphered(WHOLE, KEY, 0x31), "unknown-format"],
  ["in the clear, where a key is configured", { encryptionKey: KEY }, WHOLE, "unknown-format"],
])("a ciphered telegram %s is refused", (_name, options, bytes, reason) => {
  const { readings, rejected } = createDsmrDecoder(options).decode(bytes, NOW_MS);
  expect([readings, rejected.map((part) => part.reason)]).toEqual([[], [reason]]);
});

test.each([
  ["dsmr.profile", { profile: "XX" }],
  ["dsmr.zone", { zone: "Europe/Atlantis" }],
  ["dsmr.zone", { zone: 7 }],
  ["dsmr.meterId", { meterId: "with space" }],
  ["dsmr.meterId", { meterId: "x".repeat(92) }],
  ["dsmr.maxPowerW", { maxPowerW: 0 }],
  ["dsmr.maxClockSkewMs", { maxClockSkewMs: 32 * 86_400_000 }],
  ["dsmr.encryptionKey", { encryptionKey: "00" }],
  ["dsmr.authenticationKey", { authenticationKey: "zz".repeat(16) }],
  ["dsmr.profil", { profil: "NL" }],
])("a wrong %s is refused by name", (option, options) => {
  try {
    createDsmrDecoder(options as DsmrDecoderOptions);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(MeterSourceError);
    expect((error as MeterSourceError).details).toMatchObject({ code: "METER_OPTION_INVALID", option });
  }
});
