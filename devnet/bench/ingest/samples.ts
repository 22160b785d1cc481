import { percentile } from "../../report.ts";

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Of unsorted samples, rounded to thousandths; 0 without samples. */
export function percentilesOf(samples: readonly number[]): Percentiles {
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number => round(percentile(Array.from(sorted), share));
  return { p50: at(0.5), p99: at(0.99) };
}

export function round(value: number, decimals = 3): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}
