import fc from "fast-check";
import { expect, test } from "vitest";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { MAX_REJECTED_CHARS } from "../frame.ts";
import { REJECTION_REASONS } from "../source.ts";
import { createDsmrDecoder } from "./decoder.ts";
import { MAX_TELEGRAM_BYTES } from "./telegram.ts";
import { createDsmrFramer } from "./telegramFramer.ts";
import { SAMPLE_FILES, sample, withCrc } from "./testTelegrams.ts";

const SAMPLES = SAMPLE_FILES.map(sample);
/** What parsers stumble over, put anywhere. */
const TOKENS = [
  "(",
  ")",
  "((",
  "()()()()",
  "*",
  "*kWh",
  "!",
  "/",
  "\r\n",
  "\r\n(1.0)",
  "1-0:",
  "999-999:999.999.999*999(1*kWh)",
]
  .concat([
    "632525252525W",
    "700101010000W",
    "991231235959S",
    "0-1:24.2.1(",
    "0-0:98.1.0(99)(1-0:1.6.0)(1-0:1.6.0)",
    "1-0:1.8.0(",
  ])
  .concat([
    "9".repeat(400),
    "-",
    "+",
    ".",
    "NaN",
    "1e9",
    "\0",
    "\xff",
    "__proto__",
    "0-0:96.1.1(__proto__)",
    "(".repeat(300),
  ]);

const edit = fc.record({ at: fc.nat(), cut: fc.nat(20), token: fc.constantFrom("", ...TOKENS) });
const telegram = fc
  .record({
    base: fc.constantFrom(...SAMPLES),
    donor: fc.constantFrom(...SAMPLES),
    edits: fc.array(edit, { maxLength: 5 }),
    bytes: fc.array(byteMutation, { maxLength: 2 }),
    hasRightCrc: fc.boolean(),
  })
  .map(({ base, donor, edits, bytes, hasRightCrc }) => {
    const edited = edits.reduce((before, { at, cut, token }) => {
      const offset = at % (before.length + 1);
      return Buffer.concat([before.subarray(0, offset), Buffer.from(token, "latin1"), before.subarray(offset + cut)]);
    }, base);
    const text = edited.toString("latin1");
    const whole = hasRightCrc && text.includes("!") ? withCrc(text) : edited;
    return Buffer.from(mutateBytes(whole, bytes, donor));
  });
const options = fc.constantFrom(
  {},
  { meterId: "x", maxClockSkewMs: 31 * 86_400_000 },
  { profile: "BE" as const },
  { profile: "D0" as const, meterId: "x" },
  { encryptionKey: "00".repeat(16) },
);
const receivedMs = fc.constantFrom(
  0,
  Date.parse("2017-01-02T18:20:02Z"),
  Date.parse("2020-05-12T11:54:09Z"),
  Date.UTC(2069, 1, 1),
);

test(
  "whatever a telegram holds, its values are valid readings or are rejected, and nothing is thrown",
  () => {
    let [readings, rejected] = [0, 0];
    fuzz("DSMR decoder", fc.tuple(telegram, options, receivedMs), 1500, ([bytes, each, atMs]) => {
      const frame = createDsmrDecoder(each).decode(bytes, atMs);
      for (const reading of frame.readings) {
        validateReading(reading);
        expect(reading.meterId).toMatch(/^dsmr:./);
        expect(Math.max(reading.timestampMs - atMs, 0)).toBeLessThanOrEqual(31 * 86_400_000);
      }
      for (const part of frame.rejected) {
        expect(REJECTION_REASONS).toContain(part.reason);
        expect(part.text.length).toBeLessThanOrEqual(MAX_REJECTED_CHARS);
      }
      expect(frame.readings.length + frame.rejected.length).toBeLessThanOrEqual(bytes.length / 4 + 2);
      readings += frame.readings.length;
      rejected += frame.rejected.length;
    });
    expect(readings).toBeGreaterThan(100);
    expect(rejected).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a whole telegram behind any bytes is found, however the stream is cut",
  () => {
    const whole = SAMPLES[0] as Buffer;
    const piece = fc.integer({ min: 1, max: 700 });
    const inputs = fc.tuple(telegram, fc.array(piece, { minLength: 1, maxLength: 20 }), fc.boolean());
    fuzz("DSMR framer", inputs, 500, ([before, pieces, isCiphered]) => {
      const framer = createDsmrFramer({ isCiphered });
      const stream = Buffer.concat([before, whole]);
      const found = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const length = pieces[turn % pieces.length] as number;
        found.push(...framer.push(stream.subarray(at, at + length)));
        at += length;
      }
      found.push(...framer.flush());
      for (const each of found)
        if ("bytes" in each) expect(each.bytes.length).toBeLessThanOrEqual(MAX_TELEGRAM_BYTES + 4);
      if (isCiphered) return;
      const last = found.at(-1);
      expect(last !== undefined && "bytes" in last ? last.bytes.toString("latin1") : last).toBe(
        whole.toString("latin1").trimEnd(),
      );
    });
  },
  FUZZ_TIMEOUT_MS,
);
