import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { createCsvSource } from "./csv.ts";
import { ACCEPTED_HEADERS } from "./csvDialect.ts";
import { MeterSourceError, REJECTION_REASONS } from "./source.ts";

const folder = mkdtempSync(join(tmpdir(), "meter-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of each layout: good rows, padded ones, and one of every kind that is rejected. */
const FILES = ACCEPTED_HEADERS.map((header) => {
  const columns = header.split(",");
  const isDayFirst = columns.includes("Acorn");
  const days = Array.from({ length: 6 }, (_, index) => (isDayFirst ? `1${index}/10/2012` : `2012-10-1${index}`));
  const rows = days.map((day, index) => {
    const values: Record<string, string> = {
      LCLid: "MAC000002",
      stdorToU: "Std",
      Acorn: "ACORN-A",
      Acorn_grouped: "Affluent",
    };
    return columns
      .map(
        (column) =>
          values[column] ??
          (/kwh/i.test(column) ? ` 0.${index}8500001 ` : `${day} 0${index}:30:00${isDayFirst ? "" : ".0000000"}`),
      )
      .join(",");
  });
  return Buffer.from([header, ...rows, ""].join(isDayFirst ? "\r\n" : "\n"));
});

/** Texts that stand for nothing, for too much, or for another row. */
const TOKENS = [",", ",,,,,,,,", "\n", "\r\n", "\r", '"', "'", "null", "NaN", "Infinity", "-1", "1e9", "9".repeat(400)]
  .concat(["MAC999999", "MAC00000\u0132", "2012-02-30 00:30:00", "31/02/2012 00:30:00", "99/99/9999 99:99:99"])
  .concat(["\ufeff", "\u0000", "x".repeat(5000)]);

const edit = fc.record({ at: fc.nat(), cut: fc.nat(12), token: fc.constantFrom("", ...TOKENS) });
const file = fc
  .record({
    sample: fc.constantFrom(...FILES),
    edits: fc.array(edit, { maxLength: 4 }),
    bytes: fc.array(byteMutation, { maxLength: 2 }),
    isZipped: fc.boolean(),
  })
  .map(({ sample, edits, bytes, isZipped }) => {
    const edited = edits.reduce((before, { at, cut, token }) => {
      const offset = at % (before.length + 1);
      return Buffer.concat([before.subarray(0, offset), Buffer.from(token), before.subarray(offset + cut)]);
    }, sample);
    return mutateBytes(isZipped ? gzipSync(edited) : edited, bytes);
  });

test(
  "every row of a changed file is one item, every reading is valid, and the account adds up; else the file is refused",
  async () => {
    const path = join(folder, "meter.csv");
    let rows = 0;
    await fuzzAsync("meter file", file, 150, async (bytes) => {
      writeFileSync(path, bytes);
      const source = createCsvSource({ path, nowMs: () => 1_700_000_000_000 });
      let items = 0;
      let sum = 0n;
      try {
        for await (const item of source.readings(new AbortController().signal)) {
          items += 1;
          if (item.type === "rejected") expect(item.text.length).toBeLessThanOrEqual(120);
          if (item.type !== "reading") continue;
          validateReading(item.reading);
          expect(item.reading.meterId).toMatch(/^lcl:MAC\d{6}$/);
          sum += BigInt(item.reading.value);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(MeterSourceError);
      }
      const account = source.account();
      const rejected = REJECTION_REASONS.reduce((total, reason) => total + account.rejected[reason], 0);
      expect([account.rows, account.accepted + account.duplicates + rejected]).toEqual([items, items]);
      expect(account.acceptedMwh).toBe(sum);
      rows += items;
    });
    expect(rows).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);
