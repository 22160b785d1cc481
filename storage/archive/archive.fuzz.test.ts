import fc from "fast-check";
import { expect, test } from "vitest";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import type { StoredReading } from "../offchain/readingStore.ts";
import { type Reading, validateReading } from "../types/reading.ts";
import { ArchiveError } from "./archiveError.ts";
import { encodeItem, readItem } from "./archiveFormat.ts";
import { openArchive } from "./archiveReader.ts";
import { decryptArchive, encryptArchive } from "./encryptArchive.ts";
import { archiveOf, minuteReadings } from "./testArchive.ts";

const PERIOD = { fromMs: Date.UTC(2026, 9, 1), untilMs: Date.UTC(2026, 9, 2) };
const METER = "sim:A";
const KEY = new Uint8Array(32).fill(3);
const readings = minuteReadings(METER, PERIOD, 45).map(
  (each, at): Reading => ({ ...each, ...(at % 2 === 0 ? { registerValue: at * 1000 } : {}) }),
);
const series = { meterId: METER, quantity: "voltage", kind: "instant", phase: 1, tariff: 0 } as const;
const graves: readonly StoredReading[] = [5, 9].map((at) => ({
  type: "erased",
  series,
  timestampMs: PERIOD.fromMs + at,
  leafHash: at === 5 ? undefined : new Uint8Array(32),
}));
const SAMPLES = [archiveOf(METER, PERIOD, [...readings, ...graves]), archiveOf(METER, PERIOD, [])];

/** Another value somewhere in the structure, re-encoded, so that framing and canonical form are in order. */
const OTHERS = [null, 0, -1, 2 ** 53, 1.5, "", "meter", [], {}, [null], true, new Uint8Array(3), new Uint8Array(64)];
const structural = fc
  .record({ item: fc.nat(), path: fc.array(fc.nat(), { maxLength: 4 }), other: fc.constantFrom(...OTHERS) })
  .map(({ item, path, other }) => {
    const items = itemsOf(SAMPLES[0]!);
    const at = item % items.length;
    return Buffer.concat(items.map((each, index) => encodeItem(index === at ? replaced(each, path, other) : each)));
  });
const bytes = fc
  .record({ sample: fc.constantFrom(...SAMPLES), changes: fc.array(byteMutation, { minLength: 1, maxLength: 3 }) })
  .map(({ sample, changes }) => mutateBytes(sample, changes, SAMPLES[0]));

test(
  "a changed archive is the archive of other readings, byte for byte, or refused with a code",
  () => {
    let refused = 0;
    fuzz("archive", fc.oneof(structural, bytes), 600, (input) => {
      try {
        const { header, items } = openArchive(input);
        const all = [...items()];
        for (const item of all) if (item.type === "reading") validateReading(item.reading);
        expect(Buffer.compare(archiveOf(header.meterId, header, all, header.ledgerId), input)).toBe(0);
      } catch (error) {
        if (!(error instanceof ArchiveError)) throw error;
        refused += 1;
      }
    });
    expect(refused).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed encrypted archive is never opened",
  () => {
    const sample = encryptArchive(KEY, SAMPLES[0]!);
    fuzz("encrypted archive", fc.array(byteMutation, { minLength: 1, maxLength: 2 }), 200, (changes) => {
      const input = mutateBytes(sample, changes);
      if (Buffer.compare(input, sample) === 0) return;
      expect(() => decryptArchive(KEY, input)).toThrow(ArchiveError);
    });
  },
  FUZZ_TIMEOUT_MS,
);

function itemsOf(file: Uint8Array): unknown[] {
  const items: unknown[] = [];
  for (let offset = 0; offset < file.length; ) {
    const { value, next } = readItem(file, offset);
    items.push(value);
    offset = next;
  }
  return items;
}

function replaced(value: unknown, [first, ...rest]: readonly number[], other: unknown): unknown {
  if (first === undefined || typeof value !== "object" || value === null || value instanceof Uint8Array) return other;
  const entries = Object.entries(value);
  if (entries.length === 0) return other;
  const [name, old] = entries[first % entries.length]!;
  if (Array.isArray(value)) return value.with(Number(name), replaced(old, rest, other));
  return { ...value, [name]: replaced(old, rest, other) };
}
