import type { Reading } from "#storage/types/reading.ts";

/** A reading for tests: 7 Wh more than its time in ms. */
export function testReading(timestampMs: number, change: Partial<Reading> = {}): Reading {
  return {
    meterId: "sim:H0001/import",
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value: timestampMs + 7000,
    timestampMs,
    periodMs: 1,
    receivedMs: 1_000_000,
    timeSource: "meter",
    timeQuality: "synced",
    quality: 0,
    rawHash: new Uint8Array(32),
    ...change,
  };
}
