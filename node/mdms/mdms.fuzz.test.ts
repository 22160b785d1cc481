import fc from "fast-check";
import { expect, test } from "vitest";
import { minuteReadings } from "#storage/archive/testArchive.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { type Reading, validateReading } from "#storage/types/reading.ts";
import { readMdmsCsv, writeMdmsCsv } from "./mdmsCsv.ts";
import { MdmsError } from "./mdmsError.ts";

const readings = minuteReadings("sim:A", { fromMs: 0, untilMs: 86_400_000 }, 6);
const items = readings.map((reading) => ({ type: "reading", reading }) as const);
const chunks: string[] = [];
for await (const chunk of writeMdmsCsv(items)) chunks.push(chunk);
const SAMPLE = Buffer.from(chunks.join(""));

const TOKENS = [
  ",",
  ",,,,",
  "\n",
  "\r\n",
  '"',
  '""',
  "'",
  "NaN",
  "1e9",
  "-1",
  "9".repeat(400),
  "\ufeff",
  "\u0000",
].concat(["missing", "x".repeat(5000)]);
const edit = fc.record({ at: fc.nat(), cut: fc.nat(12), token: fc.constantFrom("", ...TOKENS) });
const file = fc
  .record({ edits: fc.array(edit, { maxLength: 3 }), bytes: fc.array(byteMutation, { maxLength: 2 }) })
  .map(({ edits, bytes }) => {
    const edited = edits.reduce((before, { at, cut, token }) => {
      const offset = at % (before.length + 1);
      return Buffer.concat([before.subarray(0, offset), Buffer.from(token), before.subarray(offset + cut)]);
    }, SAMPLE);
    return mutateBytes(edited, bytes);
  });

test(
  "a changed export is readings that are valid and are written the same, or refused with its row",
  async () => {
    let [read, refused] = [0, 0];
    await fuzzAsync("MDMS CSV", file, 250, async (bytes) => {
      const back: Reading[] = [];
      try {
        for await (const reading of readMdmsCsv([bytes])) {
          validateReading(reading);
          back.push(reading);
        }
      } catch (error) {
        if (!(error instanceof MdmsError)) throw error;
        refused += 1;
      }
      read += back.length;
      const again: string[] = [];
      for await (const text of writeMdmsCsv(back.map((reading) => ({ type: "reading", reading }) as const)))
        again.push(text);
      const rows: Reading[] = [];
      for await (const reading of readMdmsCsv(again)) rows.push(reading);
      expect(rows).toStrictEqual(back);
    });
    expect(read).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);
