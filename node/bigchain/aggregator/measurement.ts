import type { Quantity, Reading, ReadingKind } from "#storage/types/reading.ts";

/** Quantity → name in the broker's data models, unit of a published value, and digits behind the point that the ledger's unit has in it. */
const ATTRIBUTES: Readonly<Record<Quantity, readonly [attrName: string, attrType: string, decimals: number]>> = {
  activePower: ["P", "W", 3],
  activeEnergyImport: ["totalActiveEnergyImport", "kWh", 6],
  activeEnergyExport: ["totalActiveEnergyExport", "kWh", 6],
  reactiveEnergyImport: ["totalReactiveEnergyImport", "kvarh", 6],
  reactiveEnergyExport: ["totalReactiveEnergyExport", "kvarh", 6],
  voltage: ["phaseVoltage", "V", 3],
  current: ["current", "A", 3],
  frequency: ["frequency", "Hz", 3],
  stateOfCharge: ["stateOfCharge", "%", 3],
  gasVolume: ["gasVolume", "m3", 6],
  waterVolume: ["waterVolume", "m3", 6],
  heat: ["heat", "MJ", 3],
};

/** What becomes of the values of an interval: a power is averaged, a counter's last state counts, energies add up. */
export const AGGREGATIONS = {
  instant: "mean",
  average: "mean",
  register: "last",
  interval: "sum",
  max: "max",
} as const;

export type Aggregation = (typeof AGGREGATIONS)[ReadingKind];

/** One series of a meter: what is aggregated together. */
export type SeriesFields = Pick<Reading, "quantity" | "kind" | "phase" | "tariff">;

/** `activePower/instant/1/0`. */
export function seriesName({ quantity, kind, phase, tariff }: SeriesFields): string {
  return `${quantity}/${kind}/${phase}/${tariff}`;
}

/** Of a name that `seriesName` made. */
export function seriesOf(name: string): SeriesFields {
  const [quantity, kind, phase, tariff] = name.split("/");
  return {
    quantity: quantity as Quantity,
    kind: kind as ReadingKind,
    phase: Number(phase),
    tariff: Number(tariff),
  };
}

/** End of the interval a time is in: intervals are `(start, end]`, aligned to the epoch, so that a quarter of an hour is one of UTC. */
export function intervalEndOf(timestampMs: number, everyMs: number): number {
  return Math.ceil(timestampMs / everyMs) * everyMs;
}

/** The values of one interval in the order of time, as one: exact, with the mean as its sum and count too. */
export interface Aggregate {
  readonly count: number;
  readonly sum: bigint;
  /** In the quantity's unit; of a mean rounded half to even. */
  readonly value: bigint;
}

/** values: at least one. */
export function aggregate(values: readonly number[], aggregation: Aggregation): Aggregate {
  let sum = 0n;
  let largest = values[0] ?? 0;
  for (const value of values) {
    sum += BigInt(value);
    largest = Math.max(largest, value);
  }
  const count = values.length;
  switch (aggregation) {
    case "mean":
      return { count, sum, value: roundedQuotient(sum, BigInt(count)) };
    case "sum":
      return { count, sum, value: sum };
    case "max":
      return { count, sum, value: BigInt(largest) };
    case "last":
      return { count, sum, value: BigInt(values.at(-1) ?? 0) };
  }
}

/** What a TRANSFER says of one interval of one series (D5.1 Figure 19), and with what exact integers. */
export interface AggregateMetadata {
  /** End of the interval, UTC: the time of what is told, the same however often it is sent. */
  readonly recvTime: string;
  readonly attrName: string;
  readonly attrType: string;
  /** Decimal text. */
  readonly attrValue: string;
  readonly aggregation: Aggregation;
  readonly intervalMs: number;
  /** Readings in it. */
  readonly count: number;
  /** Of the readings, in the ledger's unit (mW, mWh, mV …), decimal text: a mean is sum / count exactly. */
  readonly sum: string;
  /** 0, or how often it has been told before with fewer readings: the highest counts. */
  readonly revision: number;
}

export function metadataOf(
  series: SeriesFields,
  interval: { readonly endMs: number; readonly intervalMs: number; readonly revision: number },
  { count, sum, value }: Aggregate,
): AggregateMetadata {
  const [attrName, attrType, decimals] = ATTRIBUTES[series.quantity];
  const { phase, tariff, kind } = series;
  const suffix = (phase === 0 ? "" : `_L${phase}`) + (tariff === 0 ? "" : `_T${tariff}`);
  return {
    recvTime: new Date(interval.endMs).toISOString(),
    attrName: attrName + suffix,
    attrType,
    attrValue: decimalText(value, decimals),
    aggregation: AGGREGATIONS[kind],
    intervalMs: interval.intervalMs,
    count,
    sum: sum.toString(),
    revision: interval.revision,
  };
}

/** An integer as a decimal with its point moved: -84891, 3 → "-84.891"; zeros at the end are left out. */
export function decimalText(value: bigint, decimals: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, -decimals);
  const fraction = digits.slice(-decimals).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Half to even, so that many roundings do not add up. */
function roundedQuotient(sum: bigint, count: bigint): bigint {
  const floor = sum >= 0n ? sum / count : -((-sum + count - 1n) / count);
  const twice = 2n * (sum - floor * count);
  if (twice < count) return floor;
  if (twice > count) return floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}
