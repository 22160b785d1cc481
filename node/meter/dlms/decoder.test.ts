import { expect, test } from "vitest";
import { QUALITY } from "#storage/types/reading.ts";
import { MeterSourceError } from "../source.ts";
import { createDlmsDecoder } from "./decoder.ts";
import type { DlmsDecoderOptions } from "./dlmsOptions.ts";
import {
  AUTHENTICATION_KEY,
  blocksOf,
  cipheredOf,
  cosemTime,
  hdlcFrame,
  KEY,
  kaifaLong,
  kaifaShort,
  LLC,
  obis,
  octets,
  octetsOfHex,
  type PushedObject,
  pushList,
  segmentsOf,
  uint32,
} from "./testFrames.ts";

const LOCAL = "2021-07-06T14:58:16";
const NOW_MS = Date.parse("2021-07-06T12:58:18Z");

function decodeAll(frames: readonly Buffer[], options: DlmsDecoderOptions = {}, receivedMs = NOW_MS) {
  const decoder = createDlmsDecoder(options);
  const decoded = [...frames.map((frame) => decoder.decode(frame, receivedMs)), decoder.flush()];
  const readings = decoded.flatMap((frame) => frame.readings);
  const rejected = decoded.flatMap((frame) => frame.rejected);
  return { readings, rejected, reasons: rejected.map(({ reason }) => reason) };
}

/** A list of the maker whose device name begins with `id`, as Iskra and L+G push it. */
function pushed(id: string, objects: readonly PushedObject[]): Buffer {
  return pushList([{ code: "0-0:42.0.0", classId: 1, value: octets(id) }, ...objects], cosemTime(LOCAL));
}

const REGISTERS: readonly PushedObject[] = [
  { code: "1-1:1.7.0", classId: 3, value: uint32(28) },
  { code: "1-1:2.7.0", classId: 3, value: uint32(0) },
  { code: "1-1:1.8.0", classId: 3, value: uint32(886_977) },
  { code: "1-1:1.8.1", classId: 3, value: "1500000000000d8881" },
  { code: "1-1:5.8.0", classId: 3, value: uint32(18) },
  { code: "1-1:6.8.0", classId: 3, value: uint32(1) },
  { code: "1-1:32.7.0", classId: 3, value: "12092b" },
  { code: "1-0:13.7.0", classId: 3, value: "1203ad" },
];

function shown(frames: readonly Buffer[], options: DlmsDecoderOptions = {}): string[] {
  return decodeAll(frames, options).readings.map(
    ({ meterId, quantity, kind, phase, tariff, value }) => `${meterId} ${quantity} ${kind} ${phase} ${tariff} ${value}`,
  );
}

const ISKRA = pushed("ISK1030775213859", REGISTERS);
const EXPECTED = [
  "dlms:ISK1030775213859 activePower instant 0 0 28000",
  "dlms:ISK1030775213859 activeEnergyImport register 0 0 886977000",
  "dlms:ISK1030775213859 activeEnergyImport register 0 1 886913000",
  "dlms:ISK1030775213859 reactiveEnergyImport register 0 0 19000",
  "dlms:ISK1030775213859 voltage instant 1 0 234700",
];

test("a list in HDLC segments is put together", () => {
  const frames = segmentsOf(ISKRA, 100);
  expect(frames.length).toBeGreaterThan(2);
  expect(shown(frames)).toEqual(EXPECTED);
  expect(decodeAll(frames).reasons).toEqual(["unknown-quantity"]);
});

test("a list in blocks of a general block transfer is put together", () => {
  const frames = blocksOf(ISKRA, 112);
  expect(frames.length).toBeGreaterThan(2);
  expect(shown(frames)).toEqual(EXPECTED);
});

test("volts of L+G are whole ones", () => {
  expect(
    shown(blocksOf(pushed("LGZ1030655933512", [{ code: "1-0:32.7.0", classId: 3, value: "1200ec" }]), 112)),
  ).toEqual(["dlms:LGZ1030655933512 voltage instant 1 0 236000"]);
});

const [FIRST, SECOND, THIRD, ...REST] = blocksOf(ISKRA, 60) as [Buffer, Buffer, Buffer, ...Buffer[]];

test.each([
  ["begun and begun again", [FIRST, SECOND, FIRST, SECOND, THIRD, ...REST], 5, ["truncated", "unknown-quantity"]],
  ["with a block twice", [FIRST, SECOND, SECOND, THIRD, ...REST], 0, ["truncated"]],
  ["with blocks in another order", [FIRST, THIRD, SECOND, ...REST], 0, ["truncated"]],
  ["without its first block", [SECOND, THIRD, ...REST], 0, ["truncated"]],
  ["without its last block", [FIRST, SECOND, THIRD], 0, ["truncated"]],
  [
    "that gives way to another",
    [FIRST, hdlcFrame(kaifaLong(LOCAL, 1))],
    7,
    ["truncated", "unknown-quantity", "unknown-quantity"],
  ],
])("a transfer %s", (_name, frames, readings, reasons) => {
  const decoded = decodeAll(frames);
  expect(decoded.readings).toHaveLength(readings);
  expect(decoded.reasons).toEqual(reasons);
});

test("segments that never end are dropped when the next message begins, and when the line falls silent", () => {
  const [first, second] = segmentsOf(ISKRA, 100) as [Buffer, Buffer];
  expect(decodeAll([first, second, ...segmentsOf(ISKRA, 100)]).reasons).toEqual(["truncated", "unknown-quantity"]);
  expect(decodeAll([first, second]).reasons).toEqual(["truncated"]);
});

test("segments that lost their beginning are one loss", () => {
  const [, ...rest] = segmentsOf(ISKRA, 100);
  expect(decodeAll([...rest, ...segmentsOf(ISKRA, 100)]).reasons).toEqual(["truncated", "unknown-quantity"]);
});

test("a message of more than 16 KiB is dropped, in segments, in blocks and whole", () => {
  const long = Buffer.concat([Buffer.from("0f00000000", "hex"), Buffer.alloc(20_000)]);
  expect(decodeAll([Buffer.concat([LLC, long])]).reasons).toEqual(["too-long"]);
  const blocks = blocksOf(long, 100);
  expect(decodeAll(blocks.slice(0, -1)).reasons).toEqual(["too-long"]);
  expect(decodeAll(segmentsOf(long, 1800).slice(0, -1)).reasons).toEqual(["too-long"]);
});

test.each([
  ["ciphers", 0x20, { encryptionKey: KEY }],
  ["ciphers and authenticates", 0x30, { encryptionKey: KEY, authenticationKey: AUTHENTICATION_KEY }],
])("a meter that %s is read with its key", (_name, control, options) => {
  expect(shown(blocksOf(cipheredOf(ISKRA, control), 116), options)).toEqual(EXPECTED);
});

test.each([
  ["without a key", cipheredOf(ISKRA), {}, "undecryptable"],
  ["with another key", cipheredOf(ISKRA), { encryptionKey: AUTHENTICATION_KEY }, "unknown-format"],
  [
    "with another key, authenticated",
    cipheredOf(ISKRA, 0x30),
    { encryptionKey: AUTHENTICATION_KEY, authenticationKey: KEY },
    "undecryptable",
  ],
  ["without the authentication key", cipheredOf(ISKRA, 0x30), { encryptionKey: KEY }, "undecryptable"],
  ["cut off", cipheredOf(ISKRA).subarray(0, 100), { encryptionKey: KEY }, "truncated"],
  ["with a security that is unknown", cipheredOf(ISKRA, 0x21), { encryptionKey: KEY }, "unknown-format"],
  ["in the clear, where a key is configured", ISKRA, { encryptionKey: KEY }, "unknown-format"],
])("a message %s is refused", (_name, apdu, options, reason) => {
  const { readings, reasons } = decodeAll(blocksOf(apdu, 116), options);
  expect([readings, reasons]).toEqual([[], [reason]]);
});

test("a list that does not name the meter is of the meter of the list before", () => {
  const short = hdlcFrame(kaifaShort(LOCAL, 1320));
  expect(decodeAll([short])).toMatchObject({ readings: [], reasons: ["bad-meter-id"] });
  expect(shown([short], { meterId: "hall" })).toEqual(["dlms:hall activePower instant 0 0 1320000"]);
  const ids = decodeAll([hdlcFrame(kaifaLong(LOCAL, 1)), short, hdlcFrame(kaifaLong(LOCAL, 1, "other")), short], {
    meterId: "hall",
  });
  expect(ids.readings.filter(({ value }) => value === 1_320_000).map(({ meterId }) => meterId)).toEqual([
    "dlms:6970631401753985",
    "dlms:other",
  ]);
});

test("Kaifa in Sweden sends the codes, and the maker by its list version or by the options", () => {
  const items = [obis("1-0:1.7.0"), uint32(1320), obis("1-0:32.7.0"), uint32(2347)].join("");
  const list = Buffer.from(`e6e7000f400000000c${cosemTime(LOCAL, -120)}0204${items}`, "hex");
  expect(decodeAll([list], { meterId: "se" }).reasons).toEqual(["unknown-unit", "unknown-unit"]);
  expect(shown([list], { meterId: "se", profile: "kaifa" })).toEqual([
    "dlms:se activePower instant 0 0 1320000",
    "dlms:se voltage instant 1 0 234700",
  ]);
  const versioned = Buffer.from(`e6e7000f400000000c${cosemTime(LOCAL, -120)}0205${octets("KFM_001")}${items}`, "hex");
  expect(shown([versioned], { meterId: "se" })).toHaveLength(2);
});

test("a scale of the options goes before that of the profile, and after that of the frame", () => {
  const current = { code: "1-0:31.7.0", classId: 3, value: "120030" };
  expect(decodeAll(blocksOf(pushed("LGZ1", [current]), 100)).reasons).toEqual(["unknown-unit"]);
  const scales = { "31.7": { scaler: -2, unit: "A" }, "32.7": { scaler: 3, unit: "V" } };
  expect(shown(blocksOf(pushed("LGZ1", [current]), 100), { scales })).toEqual(["dlms:LGZ1 current instant 1 0 480"]);
  const aidon = `e6e7000f400000000001010203${obis("1-0:32.7.0")}1208e202020fff1623`;
  expect(shown([Buffer.from(aidon, "hex")], { meterId: "a", scales })).toEqual(["dlms:a voltage instant 1 0 227400"]);
});

test.each([
  ["06ffffffff", "sentinel"],
  ["12ffff", "sentinel"],
  ["107fff", "sentinel"],
  ["15ffffffffffffffff", "sentinel"],
  ["157fffffffffffffff", "over-limit"],
  ["00", "empty-value"],
  ["1742280000", "unknown-format"],
  ["0201120001", "unknown-format"],
  ["0600989680", "over-limit"],
])("a power of %s is no reading: %s", (value, reason) => {
  const { readings, reasons } = decodeAll([
    Buffer.concat([LLC, pushed("ISK1", [{ code: "1-0:1.7.0", classId: 3, value }])]),
  ]);
  expect([readings, reasons]).toEqual([[], [reason]]);
});

test.each([
  ["a register that is negative", "1-0:1.8.0", "05ffffff9c", "negative"],
  ["a register of a past period", "1-0:1.8.0.1", uint32(5), "unknown-quantity"],
  ["a fifth tariff", "1-0:1.8.5", uint32(5), "unknown-quantity"],
  ["gas, whose meter is not named", "7-0:3.0.0", uint32(5), "unknown-quantity"],
  ["reactive power", "1-0:3.7.0", uint32(5), "unknown-quantity"],
  ["one quadrant without the other", "1-0:5.8.0", uint32(5), "unknown-quantity"],
])("%s is no reading", (_name, code, value, reason) => {
  const { readings, reasons } = decodeAll([Buffer.concat([LLC, pushed("ISK1", [{ code, classId: 3, value }])])]);
  expect([readings, reasons]).toEqual([[], [reason]]);
});

test("an object that is there twice with two values is a conflict, and the first stays", () => {
  const register = (value: number) => ({ code: "1-0:1.8.0", classId: 3, value: uint32(value) });
  const { readings, reasons } = decodeAll([
    Buffer.concat([LLC, pushed("ISK1", [register(5), register(5), register(6)])]),
  ]);
  expect([readings.map(({ value }) => value), reasons]).toEqual([[5000], ["conflict"]]);
});

function timed(time: string | undefined, clock?: string, options: DlmsDecoderOptions = {}, receivedMs = NOW_MS) {
  const objects = [
    { code: "0-0:42.0.0", classId: 1, value: octets("ISK1") },
    { code: "1-0:1.8.0", classId: 3, value: uint32(5) },
  ];
  if (clock !== undefined) objects.push({ code: "0-0:1.0.0", classId: 8, value: octetsOfHex(clock) });
  const { readings, reasons } = decodeAll([Buffer.concat([LLC, pushList(objects, time)])], options, receivedMs);
  const [first] = readings;
  if (first === undefined) return reasons;
  const { timestampMs, timeSource, timeQuality, quality } = first;
  return `${new Date(timestampMs).toISOString()} ${timeSource} ${timeQuality} ${quality}`;
}

test.each([
  ["a deviation", cosemTime("2021-07-06T14:58:18", -120, 0x80), "2021-07-06T12:58:18.000Z meter synced 0"],
  ["winter time all year", cosemTime("2021-07-06T13:58:18", -60), "2021-07-06T12:58:18.000Z meter synced 0"],
  ["no deviation", cosemTime("2021-07-06T14:58:18"), "2021-07-06T12:58:18.000Z meter no-zone 0"],
  [
    "no seconds",
    cosemTime("2021-07-06T14:58:18").replace("0e3a12", "0e3aff"),
    "2021-07-06T12:58:00.000Z meter no-zone 0",
  ],
  [
    "a bit that says it is invalid though it is not",
    cosemTime(LOCAL, undefined, 0x81),
    "2021-07-06T12:58:16.000Z meter no-zone 0",
  ],
  [
    "that bit and a drift",
    cosemTime("2021-07-06T14:50:00", undefined, 0x81),
    `2021-07-06T12:50:00.000Z meter drifting ${QUALITY.SUSPECT}`,
  ],
  ["a drift", cosemTime("2021-07-06T14:50:00"), "2021-07-06T12:50:00.000Z meter drifting 0"],
  ["no date", "ffffffffffffffffffff8000ff".slice(0, 24), "2021-07-06T12:58:18.000Z receiver synced 0"],
  ["a deviation of a day", cosemTime(LOCAL, -1440), "2021-07-06T12:58:18.000Z receiver synced 0"],
])("a clock with %s", (_name, time, expected) => {
  expect(timed(time)).toBe(expected);
});

test("without a time a list is as old as its arrival; a clock object goes before the time of the push", () => {
  expect(timed(undefined)).toBe("2021-07-06T12:58:18.000Z receiver synced 0");
  expect(timed(undefined, cosemTime(LOCAL))).toBe("2021-07-06T12:58:16.000Z meter no-zone 0");
  expect(timed(cosemTime("2021-07-06T14:00:00"), cosemTime(LOCAL))).toBe("2021-07-06T12:58:16.000Z meter no-zone 0");
});

test("a clock beyond the limit is not believed, in either direction", () => {
  expect(timed(cosemTime(LOCAL), undefined, {}, NOW_MS - 3_603_000)).toEqual(["clock-ahead"]);
  expect(timed(cosemTime(LOCAL), undefined, {}, NOW_MS + 3_600_000)).toEqual(["clock-behind"]);
  expect(timed(cosemTime("2000-01-01T22:33:00", undefined, 1))).toEqual(["clock-behind"]);
});

test("a deviation may be configured away or turned round", () => {
  const time = cosemTime("2021-07-06T14:58:18", 120);
  expect(timed(time)).toEqual(["clock-ahead"]);
  expect(timed(time, undefined, { deviation: "inverted" })).toBe("2021-07-06T12:58:18.000Z meter synced 0");
  expect(timed(time, undefined, { deviation: "ignored" })).toBe("2021-07-06T12:58:18.000Z meter no-zone 0");
});

test("the repeated hour of October is ambiguous, but for a meter that says that it is summer", () => {
  const at = (status: number) =>
    timed(cosemTime("2021-10-31T02:30:00", undefined, status), undefined, {}, Date.parse("2021-10-31T00:30:01Z"));
  expect([at(0), at(0x80)]).toEqual([
    "2021-10-31T00:30:00.000Z meter dst-ambiguous 0",
    "2021-10-31T00:30:00.000Z meter no-zone 0",
  ]);
});

test("the invoke id is the sequence number", () => {
  const apdu = pushList(
    [{ code: "0-0:42.0.0", classId: 1, value: octets("ISK1") }, ...REGISTERS],
    undefined,
    0x4000_cbc6,
  );
  expect(new Set(decodeAll([Buffer.concat([LLC, apdu])]).readings.map(({ seq }) => seq))).toEqual(new Set([52_166]));
});

test.each([
  ["another service", "e6e700c401"],
  ["nothing", "e6e700"],
  ["a list in no known form", "e6e7000f00000000000202120001120002"],
  ["bytes behind the list", "e6e7000f000000000002010600000005ff"],
  ["a value of an unknown type", "e6e7000f000000000002010d00"],
  ["a time of another length", "e6e7000f0000000005000000000002010600000005"],
  ["lists in lists in lists", `e6e7000f0000000000${"0201".repeat(40)}00`],
  ["a length that lies", "e6e7000f000000000001ff"],
  ["a length of five bytes", "e6e7000f000000000009850000000001"],
])("a message with %s is of an unknown format", (_name, hex) => {
  const { readings, reasons } = decodeAll([Buffer.from(hex, "hex")]);
  expect([readings, reasons]).toEqual([[], ["unknown-format"]]);
});

test("one changed bit anywhere in a frame is noticed", () => {
  const frame = hdlcFrame(kaifaLong(LOCAL, 1320));
  for (let at = 0; at < frame.length * 8; at++) {
    const changed = Buffer.from(frame);
    changed[at >> 3] = (changed[at >> 3] as number) ^ (1 << (at & 7));
    const { readings, reasons } = decodeAll([changed]);
    // The flag at the beginning is the framer's to look at.
    if (at < 8) continue;
    expect([at, readings.length, reasons]).toEqual([at, 0, ["crc-wrong"]]);
  }
});

test.each([
  ["dlms.profile", { profile: "acme" }],
  ["dlms.deviation", { deviation: "guess" }],
  ["dlms.encryptionKey", { encryptionKey: "12" }],
  ["dlms.scales", { scales: [] }],
  ["dlms.scales", { scales: { "1-0:1.8": { scaler: 0, unit: "Wh" } } }],
  ["dlms.scales.1.8.scaler", { scales: { "1.8": { scaler: 10, unit: "Wh" } } }],
  ["dlms.scales.1.8.unit", { scales: { "1.8": { scaler: 0, unit: "hp" } } }],
  ["dlms.zone", { zone: "Mars/Olympus" }],
  ["dlms.key", { key: KEY }],
])("a wrong %s is refused by name", (option, options) => {
  try {
    createDlmsDecoder(options as DlmsDecoderOptions);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(MeterSourceError);
    expect((error as MeterSourceError).details).toMatchObject({ code: "METER_OPTION_INVALID", option });
  }
});
