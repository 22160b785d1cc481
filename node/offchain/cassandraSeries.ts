import type { ReadingSeries } from "#storage/offchain/readingStore.ts";
import { QUANTITIES, type Quantity, READING_KINDS, type ReadingKind } from "#storage/types/reading.ts";

/** A series of a meter as a column: `activePower instant 0 0`, quantity, kind, phase and tariff. */
export function seriesColumn({ quantity, kind, phase, tariff }: Omit<ReadingSeries, "meterId">): string {
  return `${quantity} ${kind} ${phase} ${tariff}`;
}

/** Undefined for what seriesColumn never gives. */
export function parseSeriesColumn(meterId: string, column: string): ReadingSeries | undefined {
  const [quantity = "", kind = "", phase = "", tariff = "", ...rest] = column.split(" ");
  const isOurs =
    (QUANTITIES as readonly string[]).includes(quantity) &&
    (READING_KINDS as readonly string[]).includes(kind) &&
    /^[0-3]$/.test(phase) &&
    /^[0-4]$/.test(tariff) &&
    rest.length === 0;
  if (!isOurs) return undefined;
  return {
    meterId,
    quantity: quantity as Quantity,
    kind: kind as ReadingKind,
    phase: Number(phase),
    tariff: Number(tariff),
  };
}
