import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import type { Framed } from "../stream/framer.ts";
import { listenLine, testPorts } from "../stream/testLine.ts";
import { createDlmsDecoder } from "./decoder.ts";
import { startDlmsInput } from "./dlmsInput.ts";
import { MAX_MBUS_FRAME_BYTES } from "./mbus.ts";
import { createMbusFramer } from "./mbusFramer.ts";
import { cipheredOf, cosemTime, KEY, mbusFrames, scaledList, uint16, uint32 } from "./testFrames.ts";

/** The eleven values that Austria's meters push every five seconds: what is in their list, in its order. */
const [WH, W, V, A, NONE] = [30, 27, 35, 33, 255];
const VALUES = [
  { code: "1-0:1.8.0", value: uint32(8_370), scaler: 0, unit: WH },
  { code: "1-0:2.8.0", value: uint32(3_177), scaler: 0, unit: WH },
  { code: "1-0:1.7.0", value: uint32(250), scaler: 0, unit: W },
  { code: "1-0:2.7.0", value: uint32(0), scaler: 0, unit: W },
  { code: "1-0:32.7.0", value: uint16(2297), scaler: -1, unit: V },
  { code: "1-0:52.7.0", value: uint16(2301), scaler: -1, unit: V },
  { code: "1-0:72.7.0", value: uint16(2298), scaler: -1, unit: V },
  { code: "1-0:31.7.0", value: uint16(110), scaler: -2, unit: A },
  { code: "1-0:51.7.0", value: uint16(0), scaler: -2, unit: A },
  { code: "1-0:71.7.0", value: uint16(5), scaler: -2, unit: A },
  { code: "1-0:13.7.0", value: uint16(943), scaler: -3, unit: NONE },
];
/** 2026-01-04, 23:34:35 in Vienna. */
const AT_MS = Date.parse("2026-01-04T22:34:35Z");
const APDU = cipheredOf(scaledList(cosemTime("2026-01-04T23:34:35", -60), VALUES));
const OPTIONS = { link: "mbus", encryptionKey: KEY } as const;
const EXPECTED = [
  ["activeEnergyImport", "register", 0, 8_370_000],
  ["activeEnergyExport", "register", 0, 3_177_000],
  ["activePower", "instant", 0, 250_000],
  ["voltage", "instant", 1, 229_700],
  ["voltage", "instant", 2, 230_100],
  ["voltage", "instant", 3, 229_800],
  ["current", "instant", 1, 1_100],
  ["current", "instant", 2, 0],
  ["current", "instant", 3, 50],
];

function decodeAll(frames: readonly Buffer[], options: Parameters<typeof createDlmsDecoder>[0] = OPTIONS) {
  const decoder = createDlmsDecoder(options);
  const decoded = [...frames.map((frame) => decoder.decode(frame, AT_MS + 400)), decoder.flush()];
  const readings = decoded.flatMap((one) => one.readings);
  return {
    readings,
    values: readings.map(({ quantity, kind, phase, value }) => [quantity, kind, phase, value]),
    reasons: decoded.flatMap(({ rejected }) => rejected.map(({ reason }) => reason)),
  };
}

test("a ciphered list in two frames gives the values by the scales in it, the time in UTC and the number of the meter", () => {
  const frames = mbusFrames(APDU);
  expect(frames.map(({ length }) => length)).toEqual([256, APDU.length - 245 + 11]);
  const { readings, values, reasons } = decodeAll(frames);
  expect(values).toEqual(EXPECTED);
  // The power factor is no quantity of readings.
  expect(reasons).toEqual(["unknown-quantity"]);
  for (const { meterId, timestampMs, timeQuality, timeSource } of readings)
    expect([meterId, timestampMs, timeQuality, timeSource]).toEqual(["dlms:181220000009", AT_MS, "synced", "meter"]);
});

test("a frame of more than 255 bytes, whose length says only what is beyond 256, is read", () => {
  const frames = mbusFrames(APDU, 252);
  expect(frames[0]?.subarray(0, 4).toString("hex")).toBe("68010168");
  const framer = createMbusFramer();
  const cut = framer.push(Buffer.concat(frames)).map((one) => ("bytes" in one ? one.bytes : Buffer.alloc(0)));
  expect(cut).toEqual(frames);
  expect(decodeAll(cut).values).toEqual(EXPECTED);
});

test("authenticated lists, lists of meters that do not say their number, and short ones in one frame", () => {
  const key = { authenticationKey: "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf" };
  const list = scaledList(cosemTime("2026-01-04T23:34:35", -60), VALUES.slice(0, 1), "");
  const frames = mbusFrames(cipheredOf(list, 0x30));
  expect(frames).toHaveLength(1);
  expect(decodeAll(frames, { ...OPTIONS, ...key, meterId: "at-1" }).readings).toMatchObject([{ meterId: "dlms:at-1" }]);
  expect(decodeAll(frames, { ...OPTIONS, ...key }).reasons).toEqual(["bad-meter-id"]);
});

test("without a deviation the clock is that of Vienna", () => {
  const list = (local: string) => mbusFrames(cipheredOf(scaledList(cosemTime(local), VALUES.slice(0, 1))));
  expect(decodeAll(list("2026-01-04T23:34:35")).readings).toMatchObject([
    { timestampMs: AT_MS, timeQuality: "no-zone" },
  ]);
});

const [FIRST, LAST] = mbusFrames(APDU) as [Buffer, Buffer];
test.each([
  ["only its end", [LAST], ["truncated"]],
  ["only its beginning", [FIRST], ["truncated"]],
  ["its parts in the wrong order", [LAST, FIRST], ["truncated", "truncated"]],
  ["another key", [FIRST, LAST], ["unknown-format"], { ...OPTIONS, encryptionKey: "00".repeat(16) }],
  ["no key", [FIRST, LAST], ["undecryptable"], { link: "mbus" as const }],
  [
    "no cipher although there is a key",
    mbusFrames(scaledList(cosemTime("2026-01-04T23:34:35", -60), VALUES)),
    ["unknown-format"],
  ],
  ["a frame that is none", [Buffer.from("6805056853ff10016700ff16", "hex")], ["crc-wrong"]],
  [
    "segments without end",
    Array.from({ length: 16 }, (_, index) => mbusFrames(Buffer.alloc(17), 1)[index] as Buffer),
    ["truncated"],
  ],
])("of a message with %s nothing is read", (_name, frames, reasons, options = OPTIONS) => {
  expect(decodeAll(frames as Buffer[], options)).toMatchObject({ readings: [], reasons });
});

test("a message that was given up and begun again is read once, and its loss counted", () => {
  const { values, reasons } = decodeAll([FIRST, FIRST, LAST, LAST]);
  expect([values, reasons]).toEqual([EXPECTED, ["truncated", "unknown-quantity", "truncated"]]);
});

test("one changed bit anywhere in a frame is noticed by its sum", () => {
  const noticed = (bytes: Buffer): boolean => {
    const framer = createMbusFramer();
    return [...framer.push(bytes), ...framer.flush()].every((one) => "rejected" in one);
  };
  expect(noticed(FIRST)).toBe(false);
  for (let bit = 0; bit < LAST.length * 8; bit++) {
    const changed = Buffer.from(LAST);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(noticed(changed), `bit ${bit}`).toBe(true);
  }
});

test("pushed lists of an M-Bus converter by TCP are offered as they come", async () => {
  await using line = await listenLine((socket) => socket.write(Buffer.concat([LAST.subarray(5), FIRST, LAST])));
  const ports = testPorts(() => AT_MS + 400);
  const connection = { type: "tcp", host: "127.0.0.1", port: line.port } as const;
  await using _input = await startDlmsInput({ ...OPTIONS, connection }, ports);
  await vi.waitFor(() => expect(ports.frames.some(({ readings }) => readings.length === EXPECTED.length)).toBe(true));
  expect(ports.frames[0]).toMatchObject({ readings: [], rejected: [{ reason: "truncated" }] });
});

test(
  "whatever comes on the line, whole messages behind it are read, and values are valid or rejected",
  () => {
    const noise = fc
      .tuple(
        fc.constantFrom(FIRST, LAST, Buffer.concat([FIRST, LAST]), Buffer.from("680101", "hex")),
        fc.array(byteMutation, { maxLength: 4 }),
      )
      .map(([bytes, mutations]) => Buffer.from(mutateBytes(bytes, mutations)).subarray(0, 2000));
    const pieces = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });
    let whole = 0;
    fuzz("M-Bus line", fc.tuple(noise, pieces), 400, ([before, cuts]) => {
      const [framer, decoder] = [createMbusFramer(), createDlmsDecoder(OPTIONS)];
      // A damaged length may hide what is within one frame's worth of bytes, and no more.
      const stream = Buffer.concat([before, FIRST, LAST, FIRST, LAST, FIRST, LAST]);
      const found: Framed[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const length = cuts[turn % cuts.length] as number;
        found.push(...framer.push(stream.subarray(at, at + length)));
        at += length;
      }
      found.push(...framer.flush());
      let read = 0;
      for (const one of found) {
        if ("rejected" in one) continue;
        expect(one.bytes.length).toBeLessThanOrEqual(MAX_MBUS_FRAME_BYTES);
        for (const reading of decoder.decode(one.bytes, AT_MS).readings) {
          validateReading(reading);
          read += 1;
        }
      }
      expect(read).toBeGreaterThanOrEqual(EXPECTED.length);
      whole += read;
    });
    expect(whole).toBeGreaterThan(1000);
  },
  FUZZ_TIMEOUT_MS,
);
