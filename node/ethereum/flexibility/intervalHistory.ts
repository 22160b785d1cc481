import type { Reading } from "#storage/types/reading.ts";
import type { Energies } from "./baselineMethods.ts";

/**
 * Sums readings into intervals (end - intervalMs, end] by meter. Only whole intervals count: one with a reading missing is no load of nothing. What a meter
 * exports is negative. Readings that overlap an interval's end are left out with their interval.
 */
export async function energiesOfReadings(
  readings: AsyncIterable<Reading>,
  intervalMs: number,
  wanted: ReadonlySet<string> | undefined,
): Promise<ReadonlyMap<string, Energies>> {
  const meters = new Map<string, Map<number, { mwh: bigint; filledMs: number }>>();
  for await (const { meterId, quantity, kind, phase, tariff, value, timestampMs, periodMs } of readings) {
    const isExport = quantity === "activeEnergyExport";
    if ((!isExport && quantity !== "activeEnergyImport") || kind !== "interval" || phase !== 0 || tariff !== 0)
      continue;
    if (wanted !== undefined && !wanted.has(meterId)) continue;
    const endMs = Math.ceil(timestampMs / intervalMs) * intervalMs;
    if (timestampMs - periodMs < endMs - intervalMs) continue;
    const intervals = meters.get(meterId) ?? new Map<number, { mwh: bigint; filledMs: number }>();
    meters.set(meterId, intervals);
    const { mwh, filledMs } = intervals.get(endMs) ?? { mwh: 0n, filledMs: 0 };
    intervals.set(endMs, { mwh: mwh + BigInt(isExport ? -value : value), filledMs: filledMs + periodMs });
  }
  return new Map(
    [...meters].map(([meterId, intervals]) => {
      const whole = [...intervals].filter(([, { filledMs }]) => filledMs === intervalMs);
      return [meterId, new Map(whole.map(([endMs, { mwh }]) => [endMs, mwh]))];
    }),
  );
}
