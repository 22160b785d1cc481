import { createHash } from "node:crypto";
import type { Reading } from "../types/reading.ts";

/** A quarter hour's energy, as a meter would send it; the raw hash is its own. */
export function testReading(timestampMs: number, fields: Partial<Reading> = {}): Reading {
  const rawHash = createHash("sha256")
    .update(`${fields.meterId ?? ""} ${timestampMs} ${fields.value ?? ""}`)
    .digest();
  return {
    meterId: "sim:A",
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value: timestampMs * 10,
    timestampMs,
    periodMs: 900_000,
    receivedMs: timestampMs + 50,
    timeSource: "meter",
    timeQuality: "synced",
    quality: 0,
    rawHash: new Uint8Array(rawHash),
    ...fields,
  };
}

/** A sample of power: raw, so that it may be erased. */
export function testSample(timestampMs: number, fields: Partial<Reading> = {}): Reading {
  return testReading(timestampMs, { quantity: "activePower", kind: "instant", periodMs: 0, ...fields });
}

/** Readings with the timestamps first, first + 1 … */
export function testReadings(first: number, count: number, fields: Partial<Reading> = {}): Reading[] {
  return Array.from({ length: count }, (_, i) => testReading(first + i, fields));
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
