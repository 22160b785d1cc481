import { createHash } from "node:crypto";
import type { Reading } from "#storage/types/reading.ts";

/** A sample every 5 s, as eDREAM's meters send (D5.1 §2.2.1). */
export const SAMPLE_MS = 5_000;
/** 2026-11-01T00:00:00Z: a multiple of every interval. */
export const START_MS = 1_793_491_200_000;

/** Readings of so many meters in turn: reading i is of meter i mod meters, and a meter's next one is 5 s of its time later. */
export function createMeterLoad(meters: number): (item: number) => Reading {
  const ids = Array.from({ length: meters }, (_, i) => meterIdOf(i));
  const rawHashes = ids.map((id) => new Uint8Array(createHash("sha256").update(id).digest()));
  return (item) => {
    const meter = item % meters;
    const round = Math.floor(item / meters);
    const timestampMs = START_MS + (round + 1) * SAMPLE_MS;
    return {
      meterId: ids[meter] as string,
      quantity: "activeEnergyImport",
      kind: "interval",
      phase: 0,
      tariff: 0,
      value: 400 + ((meter * 7919 + round * 104_729) % 1_000),
      timestampMs,
      periodMs: SAMPLE_MS,
      receivedMs: timestampMs + 50,
      timeSource: "meter",
      timeQuality: "synced",
      quality: 0,
      rawHash: rawHashes[meter] as Uint8Array,
    };
  };
}

export function meterIdOf(index: number): string {
  return `load:${index}`;
}
