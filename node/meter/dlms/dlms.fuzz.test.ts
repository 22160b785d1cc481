import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { MAX_REJECTED_CHARS } from "../frame.ts";
import { REJECTION_REASONS } from "../source.ts";
import { createDlmsDecoder } from "./decoder.ts";
import { MAX_HDLC_FRAME_BYTES } from "./hdlc.ts";
import { createHdlcFramer } from "./hdlcFramer.ts";
import {
  AUTHENTICATION_KEY,
  blocksOf,
  cipheredOf,
  hdlcFrame,
  KEY,
  kaifaLong,
  pushList,
  segmentsOf,
  uint32,
} from "./testFrames.ts";

interface Sample {
  readonly llcHex?: string;
  readonly expected: { readonly infoHex?: string };
}

const SAMPLES = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/frames.json`, "utf8")) as Sample[];
const PUSHED = pushList([{ code: "1-0:1.8.0", classId: 3, value: uint32(5) }], undefined);
/** LLC PDUs: lists of all forms, ciphered, and blocks of a transfer. */
const PDUS = SAMPLES.flatMap(({ llcHex, expected }) => llcHex ?? expected.infoHex ?? [])
  .filter((hex) => hex.startsWith("e6e700"))
  .map((hex) => Buffer.from(hex, "hex"))
  .concat(
    [PUSHED, cipheredOf(PUSHED), cipheredOf(PUSHED, 0x30)].map((apdu) =>
      Buffer.concat([Buffer.from("e6e700", "hex"), apdu]),
    ),
  );
const PARTS = [...blocksOf(PUSHED, 20), ...segmentsOf(PUSHED, 30), ...blocksOf(cipheredOf(PUSHED), 30)];
const RECEIVED_MS = Date.parse("2020-01-25T13:00:10Z");

/** Changed inside, so that the check sequences are right and what is in the frame is looked at. */
const changedPdu = fc
  .record({
    pdu: fc.constantFrom(...PDUS),
    donor: fc.constantFrom(...PDUS),
    bytes: fc.array(byteMutation, { maxLength: 3 }),
  })
  .map(({ pdu, donor, bytes }) => hdlcFrame(Buffer.from(mutateBytes(pdu, bytes, donor)).subarray(0, 2000)));
const changedPart = fc
  .record({ part: fc.constantFrom(...PARTS), bytes: fc.array(byteMutation, { maxLength: 2 }), isWhole: fc.boolean() })
  .map(({ part, bytes, isWhole }) => {
    if (!isWhole) return Buffer.from(mutateBytes(part, bytes));
    const information = part.subarray(8, -3);
    return hdlcFrame(Buffer.from(mutateBytes(information, bytes)).subarray(0, 2000), {
      isSegmented: bytes.length === 1,
    });
  });
const frames = fc.array(fc.oneof(changedPdu, changedPart, fc.constantFrom(...PARTS)), { minLength: 1, maxLength: 12 });
const options = fc.constantFrom(
  {},
  { meterId: "x", maxClockSkewMs: 31 * 86_400_000, profile: "kaifa" as const },
  { meterId: "x", encryptionKey: KEY, authenticationKey: AUTHENTICATION_KEY },
);

test(
  "whatever is in the frames of a line, their values are valid readings or are rejected, and nothing is thrown",
  () => {
    let [readings, rejected] = [0, 0];
    fuzz("DLMS decoder", fc.tuple(frames, options), 800, ([line, each]) => {
      const decoder = createDlmsDecoder(each);
      const decoded = [...line.map((frame) => decoder.decode(frame, RECEIVED_MS)), decoder.flush()];
      const bytes = line.reduce((total, frame) => total + frame.length, 0);
      let parts = 0;
      for (const frame of decoded) {
        for (const reading of frame.readings) {
          validateReading(reading);
          expect(reading.meterId).toMatch(/^dlms:./);
        }
        for (const part of frame.rejected) {
          expect(REJECTION_REASONS).toContain(part.reason);
          expect(part.text.length).toBeLessThanOrEqual(MAX_REJECTED_CHARS);
        }
        parts += frame.readings.length + frame.rejected.length;
        readings += frame.readings.length;
        rejected += frame.rejected.length;
      }
      expect(parts).toBeLessThanOrEqual(bytes / 4 + 2 * line.length + 2);
    });
    expect(readings).toBeGreaterThan(100);
    expect(rejected).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a whole frame behind any bytes is found, however the stream is cut",
  () => {
    const whole = hdlcFrame(kaifaLong("2020-01-25T14:00:10", 1320));
    const before = fc
      .tuple(
        fc.oneof(changedPdu, changedPart, fc.uint8Array({ maxLength: 300 })),
        fc.array(byteMutation, { maxLength: 3 }),
      )
      .map(([bytes, mutations]) => mutateBytes(bytes, mutations).subarray(0, 5000));
    const piece = fc.integer({ min: 1, max: 300 });
    fuzz("HDLC framer", fc.tuple(before, fc.array(piece, { minLength: 1, maxLength: 10 })), 500, ([noise, pieces]) => {
      const framer = createHdlcFramer();
      // A damaged length may cover a frame, but not more of them than the longest frame has bytes.
      const stream = Buffer.concat([noise, whole, whole]);
      const found = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const length = pieces[turn % pieces.length] as number;
        found.push(...framer.push(stream.subarray(at, at + length)));
        at += length;
      }
      found.push(...framer.flush());
      for (const each of found)
        if ("bytes" in each) expect(each.bytes.length).toBeLessThanOrEqual(MAX_HDLC_FRAME_BYTES);
      const hex = found.map((each) => ("bytes" in each ? each.bytes.toString("hex") : ""));
      expect(hex.filter((each) => each === whole.toString("hex")).length).toBeGreaterThanOrEqual(2);
    });
  },
  FUZZ_TIMEOUT_MS,
);
