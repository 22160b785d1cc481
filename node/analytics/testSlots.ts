import type { Reading } from "#storage/types/reading.ts";
import { DEFAULT_SLOT_MS, type Slot } from "./slots.ts";

/** Half-hourly slots of one meter from `startMs` on; undefined leaves a slot out. */
export function testSlots(
  values: readonly (number | undefined)[],
  { startMs = Date.UTC(2026, 0, 5), ...rest }: Partial<Slot> & { readonly startMs?: number } = {},
): readonly Slot[] {
  return values.flatMap((value, i) => {
    if (value === undefined) return [];
    const about = {
      meterId: "m1",
      quantity: "activeEnergyImport",
      tariff: 0,
      periodMs: DEFAULT_SLOT_MS,
      ...rest,
    } as const;
    return [{ ...about, endMs: startMs + (i + 1) * about.periodMs, value }];
  });
}

export function testReading(fields: Partial<Reading>): Reading {
  return {
    meterId: "m1",
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value: 0,
    timestampMs: DEFAULT_SLOT_MS,
    periodMs: DEFAULT_SLOT_MS,
    receivedMs: 0,
    timeSource: "meter",
    timeQuality: "synced",
    quality: 0,
    rawHash: new Uint8Array(32),
    ...fields,
  };
}

export async function* asyncOf<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** `count` times the same value. */
export function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}
