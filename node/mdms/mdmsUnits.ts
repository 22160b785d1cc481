import { QUALITY, type Quantity } from "#storage/types/reading.ts";

/** How a quantity is shown outside: `value` of a reading divided by 10^decimals, in this unit. Exact: no digit is lost. */
export const UNITS: Readonly<Record<Quantity, { readonly unit: string; readonly decimals: number }>> = {
  activeEnergyImport: { unit: "kWh", decimals: 6 },
  activeEnergyExport: { unit: "kWh", decimals: 6 },
  activePower: { unit: "kW", decimals: 6 },
  reactiveEnergyImport: { unit: "kvarh", decimals: 6 },
  reactiveEnergyExport: { unit: "kvarh", decimals: 6 },
  voltage: { unit: "V", decimals: 3 },
  current: { unit: "A", decimals: 3 },
  frequency: { unit: "Hz", decimals: 3 },
  stateOfCharge: { unit: "%", decimals: 3 },
  gasVolume: { unit: "m3", decimals: 6 },
  waterVolume: { unit: "m3", decimals: 6 },
  heat: { unit: "MJ", decimals: 3 },
};

/** A scaled integer as decimal text: 219000, 6 → "0.219000". */
export function formatScaled(value: number, decimals: number): string {
  const digits = Math.abs(value)
    .toString()
    .padStart(decimals + 1, "0");
  const whole = `${digits.slice(0, digits.length - decimals)}.${digits.slice(digits.length - decimals)}`;
  return value < 0 ? `-${whole}` : whole;
}

/** What a metering data management system is told of a value, worst first: one word for all quality bits. */
export const STATUS_CODES = ["substituted", "estimated", "suspect", "measured", "missing", "erased"] as const;

export type StatusCode = (typeof STATUS_CODES)[number];

export function statusOf(quality: number): StatusCode {
  if ((quality & QUALITY.REPLACED) !== 0) return "substituted";
  if ((quality & QUALITY.ESTIMATED) !== 0) return "estimated";
  return (quality & QUALITY.SUSPECT) !== 0 ? "suspect" : "measured";
}
