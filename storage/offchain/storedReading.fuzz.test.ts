import fc from "fast-check";
import { expect, test } from "vitest";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { encodeReading, type Reading, validateReading } from "../types/reading.ts";
import { seriesOf } from "./readingStore.ts";
import { decodeRecordOf, decodeStoredReading } from "./storedReading.ts";

const READING: Reading = {
  meterId: "sim:H0001/import",
  quantity: "activeEnergyImport",
  kind: "interval",
  phase: 0,
  tariff: 0,
  value: 7000,
  timestampMs: 1_750_000_000_000,
  periodMs: 5000,
  receivedMs: 1_750_000_000_100,
  timeSource: "meter",
  timeQuality: "synced",
  quality: 0,
  rawHash: new Uint8Array(32).fill(4),
};
const SERIES = seriesOf(READING);
const RECORD = encodeReading(READING);

test(
  "a changed entry of the store is a reading of its place, a tombstone, or described",
  () => {
    const kinds = new Set<string>();
    const entries = [0, 1, 2, 3].flatMap((type) => [
      Buffer.concat([Buffer.of(type), RECORD]),
      Buffer.of(type),
      Buffer.concat([Buffer.of(type), Buffer.alloc(32, 5)]),
    ]);
    const changed = fc
      .record({ entry: fc.constantFrom(...entries), edits: fc.array(byteMutation, { maxLength: 3 }) })
      .map(({ entry, edits }) => mutateBytes(entry, edits));
    fuzz("stored reading", changed, 600, (bytes) => {
      const stored = decodeStoredReading(bytes, SERIES, READING.timestampMs);
      const record = decodeRecordOf(bytes, SERIES, READING.timestampMs);
      expect(typeof record === "string" || record.meterId === SERIES.meterId).toBe(true);
      kinds.add(typeof stored === "string" ? "described" : stored.type);
      if (typeof stored === "string" || stored.type === "erased") return;
      validateReading(stored.reading);
      expect([seriesOf(stored.reading), stored.reading.timestampMs]).toEqual([SERIES, READING.timestampMs]);
    });
    expect([...kinds].sort()).toEqual(["described", "erased", "reading"]);
  },
  FUZZ_TIMEOUT_MS,
);
