import { percentile } from "../report.ts";

/** Mean of repetitions and the half width of its 95 % confidence interval; NaN for a half width of fewer than two. */
export interface Estimate {
  readonly mean: number;
  readonly halfWidth: number;
  readonly count: number;
}

/** 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom (any table), 1.96 beyond. */
const T_975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** x̄ ± t · s / √n, s with n - 1: repetitions are taken for independent and about normal. @param values at least one */
export function estimateOf(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, halfWidth: Number.NaN, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, halfWidth: (T_975[count - 2] ?? 1.96) * Math.sqrt(variance / count), count };
}

/** The shares that BEP-23 reports of BigchainDB. */
export interface Percentiles {
  readonly p68: number;
  readonly p95: number;
  readonly p997: number;
}

export function percentilesOf(samples: readonly number[]): Percentiles {
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number => percentile(Array.from(sorted), share);
  return { p68: at(0.68), p95: at(0.95), p997: at(0.997) };
}
