import fc from "fast-check";
import { expect, test } from "vitest";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { QUALITY, validateReading } from "#storage/types/reading.ts";
import { MAX_REJECTED_CHARS } from "../frame.ts";
import { REJECTION_REASONS } from "../source.ts";
import { createZone, type Zone } from "../zoneTime.ts";
import { decodeReadout } from "./decoder.ts";
import { blockCheck, MAX_READOUT_BYTES, readDataMessage, readIdentification } from "./readoutMessage.ts";
import { dataMessage, LINES } from "./testMeter.ts";

const NOW_MS = Date.parse("2026-01-15T12:00:00Z");
const METER = {
  address: "",
  meterId: undefined,
  zone: createZone("Europe/Berlin") as Zone,
  maxPowerW: 69_000,
  maxClockSkewMs: 3_600_000,
};
const IDENTIFICATION = readIdentification("/LGZ5ZMD") as NonNullable<ReturnType<typeof readIdentification>>;
const ID = "0.0.0(7)";

function decode(lines: readonly string[], meter: Partial<typeof METER> = {}, receivedMs = NOW_MS) {
  const block = lines.map((line) => `${line}\r\n`).join("");
  const readout = { identification: IDENTIFICATION, block, raw: Buffer.from(block), receivedMs };
  const { readings, rejected } = decodeReadout({ ...METER, ...meter }, readout);
  return { readings, reasons: rejected.map(({ reason }) => reason) };
}

test.each([
  ["/LGZ4\\2ZMD310", "C", 4800, "\\2ZMD310"],
  ["/isk0", "C", 300, ""],
  ["/EMHA", "B", 600, ""],
  ["/ABBxyz", "A", 300, "xyz"],
])("%s is an identification of mode %s", (line, mode, baudRate, ident) => {
  expect(readIdentification(line)).toMatchObject({ mode, baudRate, ident });
});

test.each(["", "/", "/?!", "/AB5", "/AB15x", "LGZ5", `/LGZ5${"x".repeat(60)}`, "/LGZ5\x01"])("%j is none", (line) => {
  expect(readIdentification(line)).toBeUndefined();
});

test("the check character is all bytes behind STX with ETX, one XORed with the other: each changed bit is noticed", () => {
  expect(blockCheck(Buffer.from("ab\x03"))).toBe(0x61 ^ 0x62 ^ 0x03);
  const message = dataMessage(LINES);
  expect(readDataMessage(message)).toEqual({ block: LINES.map((line) => `${line}\r\n`).join("") });
  for (let bit = 8; bit < message.length * 8; bit++) {
    if ((bit & 7) === 7) continue;
    const changed = Buffer.from(message);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(readDataMessage(changed), `bit ${bit}`).not.toHaveProperty("block");
  }
  for (let length = 0; length < message.length; length++)
    expect(readDataMessage(message.subarray(0, length))).toEqual({ wait: true });
  expect(readDataMessage(Buffer.concat([message.subarray(0, 9), Buffer.alloc(MAX_READOUT_BYTES, 0x31)]))).toEqual({
    fault: "too-long",
  });
});

test.each([
  ["NaN*kWh", "not-a-number"],
  ["1e3*kWh", "not-a-number"],
  ["*kWh", "not-a-number"],
  ["5*m3", "unknown-unit"],
  ["-5*kWh", "negative"],
  ["99999999999999*kWh", "over-limit"],
  ["5*kWh)(6*kWh", "unknown-format"],
])("a register of (%s) is no reading: %s", (value, reason) => {
  expect(decode([ID, `1.8.0(${value})`])).toEqual({ readings: [], reasons: [reason] });
});

test.each([
  ["1.8.0(5*kWh", "unknown-format"],
  ["hello", "unknown-format"],
  ["1.8.0*03(5*kWh)", "unknown-quantity"],
  ["1.6.1(0.500*kW)(2601141015)", "unknown-quantity"],
  ["9.7.0(0.5*kVA)", "unknown-quantity"],
  ["1.8.7(5*kWh)", "unknown-quantity"],
  ["1.7.0(70.000*kW)", "over-limit"],
])("%s is no reading: %s", (line, reason) => {
  expect(decode([ID, line])).toEqual({ readings: [], reasons: [reason] });
});

test("ids, states and counters have no unit, and are no measurements; the code may say its medium", () => {
  expect(decode([ID, "F.F(00)", "C.7.0(12)", "0.2.0(V1)", "1.8.0()"])).toEqual({ readings: [], reasons: [] });
  expect(decode([ID, "1-0:1.8.0*255(5*kWh)"]).readings).toMatchObject([{ value: 5_000_000 }]);
});

test("an object that is there twice with two values is a conflict, and the first stays", () => {
  const { readings, reasons } = decode([ID, "1.8.0(5*kWh)", "1.8.0(6*kWh)"]);
  expect([readings.map(({ value }) => value), reasons]).toEqual([[5_000_000], ["conflict"]]);
});

test("the id is that of the readout, else that of the options, else the address", () => {
  const line = "1.8.0(5*kWh)";
  const idOf = (lines: readonly string[], meter: object) => decode(lines, meter).readings[0]?.meterId;
  expect(idOf([ID, line], { meterId: "own" })).toBe("iec:7");
  expect(idOf(["0.0.0(0000)", line], { meterId: "own", address: "12" })).toBe("iec:own");
  expect(idOf([line], { address: "12" })).toBe("iec:12");
  expect(decode([line])).toEqual({ readings: [], reasons: ["bad-meter-id"] });
});

test("another meter than the one that was asked is refused as a whole", () => {
  const line = "1.8.0(5*kWh)";
  expect(decode(["0.0.0(00412345)", line], { address: "412346" })).toEqual({ readings: [], reasons: ["wrong-device"] });
  for (const address of ["412345", "00412345", "12345", "1LGZ412345"])
    expect(decode(["0.0.0(00412345)", line], { address }).readings).toHaveLength(1);
});

test("an error that the meter says of itself makes its values suspect", () => {
  expect(decode([ID, "F.F(00000080)", "1.8.0(5*kWh)"]).readings).toMatchObject([{ quality: QUALITY.SUSPECT }]);
});

const CLOCK = ["0.9.1(130000)", "0.9.2(260115)"];
test.each([
  ["as the receiver's", CLOCK, 0, NOW_MS, "no-zone"],
  ["with signs", ["0.9.1(13:00:00)", "0.9.2(2026-01-15)"], 0, NOW_MS, "no-zone"],
  ["two minutes behind", CLOCK, 120_000, NOW_MS, "drifting"],
  [
    "in the hour that is there twice",
    ["0.9.1(023000)", "0.9.2(261025)"],
    Date.parse("2026-10-25T00:30:00Z") - NOW_MS,
    Date.parse("2026-10-25T00:30:00Z"),
    "dst-ambiguous",
  ],
])("a clock %s is read in the meter's zone", (_name, clock, later, timestampMs, timeQuality) => {
  expect(decode([ID, ...clock, "1.8.0(5*kWh)"], {}, NOW_MS + later).readings).toMatchObject([
    { timestampMs, timeQuality, timeSource: "meter" },
  ]);
});

test.each([
  ["clock-ahead", CLOCK, -3_601_000, 0],
  ["clock-behind", CLOCK, 3_601_000, 0],
  ["bad-timestamp", ["0.9.1(250000)", "0.9.2(260115)"], 0, 1],
  ["bad-timestamp", ["0.9.1(noon)", "0.9.2(260115)"], 0, 1],
  ["sentinel", ["0.9.1(000000)", "0.9.2(000000)"], 0, 1],
])("a clock is not believed: %s", (reason, clock, later, readings) => {
  const decoded = decode([ID, ...clock, "1.8.0(5*kWh)"], {}, NOW_MS + later);
  expect([decoded.reasons, decoded.readings.length]).toEqual([[reason], readings]);
  // What the clock does not say is as old as its arrival.
  for (const reading of decoded.readings)
    expect(reading).toMatchObject({ timestampMs: NOW_MS, timeSource: "receiver" });
});

test("a readout of too many lines is refused", () => {
  expect(decode(Array.from({ length: 1025 }, () => "1.8.0(5*kWh)"))).toEqual({ readings: [], reasons: ["too-long"] });
});

test(
  "whatever a meter answers, its values are valid readings or are rejected, and nothing is thrown",
  () => {
    const token = fc.constantFrom(
      "(",
      ")",
      ")(",
      "*kWh",
      "1.8.0(",
      "\r\n",
      "!",
      "\x03",
      "0.9.1(",
      "9".repeat(300),
      "F.F(1)",
      "1.8.1*255(1*kWh)",
    );
    const edits = fc.array(fc.record({ at: fc.nat(), cut: fc.nat(20), token }), { maxLength: 6 });
    const whole = dataMessage([...LINES, ...CLOCK]);
    let [readings, rejected] = [0, 0];
    fuzz(
      "IEC 62056-21 readout",
      fc.tuple(edits, fc.array(byteMutation, { maxLength: 3 }), fc.string()),
      600,
      ([changes, bytes, line]) => {
        const edited = changes.reduce((before, { at, cut, token: put }) => {
          const offset = 1 + (at % before.length);
          return Buffer.concat([before.subarray(0, offset), Buffer.from(put, "latin1"), before.subarray(offset + cut)]);
        }, whole);
        const mutated = Buffer.from(mutateBytes(edited, bytes)).map((byte) => byte & 0x7f);
        readIdentification(line);
        const result = readDataMessage(mutated);
        const block = "block" in result ? result.block : Buffer.from(mutated).toString("latin1");
        const readout = { identification: IDENTIFICATION, block, raw: mutated, receivedMs: NOW_MS };
        const frame = decodeReadout({ ...METER, meterId: "x" as never }, readout);
        for (const reading of frame.readings) {
          validateReading(reading);
          expect(reading.meterId).toMatch(/^iec:./);
        }
        for (const part of frame.rejected) {
          expect(REJECTION_REASONS).toContain(part.reason);
          expect(part.text.length).toBeLessThanOrEqual(MAX_REJECTED_CHARS);
        }
        readings += frame.readings.length;
        rejected += frame.rejected.length;
      },
    );
    expect(readings).toBeGreaterThan(500);
    expect(rejected).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);
