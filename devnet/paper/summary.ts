import { type MeasuredDesign, readingsPerUpdate } from "./designs.ts";
import type { Configuration } from "./grid.ts";
import type { CellResult, DesignResult } from "./runCell.ts";
import { type Estimate, estimateOf } from "./statistics.ts";

/** All repetitions of one configuration. */
export interface Group {
  readonly configuration: Configuration;
  readonly cells: readonly CellResult[];
}

/** In the order of prosumers, T_i and sampling. */
export function groupsOf(cells: readonly CellResult[]): readonly Group[] {
  const groups = Map.groupBy(cells, ({ prosumers, intervalMs, sampleMs }) =>
    [prosumers, intervalMs, sampleMs].map((value) => String(value).padStart(12, "0")).join(" "),
  );
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, own]) => {
      const [{ prosumers, intervalMs, sampleMs }] = own as [CellResult];
      return { configuration: { prosumers, intervalMs, sampleMs }, cells: own };
    });
}

export function groupOf(
  groups: readonly Group[],
  { prosumers, intervalMs, sampleMs }: Configuration,
): Group | undefined {
  return groups.find(
    ({ configuration: of }) => of.prosumers === prosumers && of.intervalMs === intervalMs && of.sampleMs === sampleMs,
  );
}

/** Of a figure of each repetition. */
export function estimate({ cells }: Group, of: (cell: CellResult) => number): Estimate {
  return estimateOf(cells.map(of));
}

/** Undefined for a design that was not measured. */
export function estimateDesign(
  { cells }: Group,
  design: MeasuredDesign,
  of: (result: DesignResult, cell: CellResult) => number,
): Estimate | undefined {
  const values = cells.flatMap((cell) => {
    const result = cell.designs[design];
    return result === undefined ? [] : [of(result, cell)];
  });
  return values.length === 0 ? undefined : estimateOf(values);
}

/** The four rates, in readings a second. */
export interface Rates {
  /** Taken by the mempool or server, or by the queue. */
  readonly queued: Estimate;
  /** On disk: of one queue, or in a block of four validators. */
  readonly durable: Estimate;
  readonly fingerprinted: Estimate | undefined;
  readonly finalised: Estimate;
}

export function ratesOf(group: Group, design: MeasuredDesign): Rates | undefined {
  const readings = readingsPerUpdate(design, group.configuration);
  const finalised = estimateDesign(group, design, ({ finalisedPerSecond }) => finalisedPerSecond * readings);
  const accepted = estimateDesign(group, design, ({ acceptedPerSecond }) => acceptedPerSecond * readings);
  if (finalised === undefined || accepted === undefined) return undefined;
  if (design !== "fingerprint" && design !== "root")
    return { queued: accepted, durable: finalised, fingerprinted: undefined, finalised };
  return {
    queued: estimate(group, ({ tier }) => tier.queuedPerSecond),
    durable: estimate(group, ({ tier }) => tier.durablePerSecond),
    fingerprinted: estimate(group, ({ tier }) =>
      design === "root" ? tier.rootedPerSecond : tier.fingerprintedPerSecond,
    ),
    finalised,
  };
}

/** "1 234 ± 56", with the digits that the half width leaves any sense in; without one, three digits. */
export function shown(value: Estimate | undefined, unit = ""): string {
  if (value === undefined) return "–";
  const suffix = unit === "" ? "" : ` ${unit}`;
  const { mean, halfWidth } = value;
  if (Number.isNaN(halfWidth)) return `${plain(mean)}${suffix}`;
  const decimals = decimalsOf(Math.max(Math.abs(mean), halfWidth));
  return `${fixed(mean, decimals)} ± ${fixed(halfWidth, decimals)}${suffix}`;
}

/** Three digits, and all of them before the point. */
export function plain(value: number): string {
  return fixed(value, decimalsOf(Math.abs(value)));
}

function decimalsOf(value: number): number {
  return value === 0 ? 0 : Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(value))));
}

function fixed(value: number, decimals: number): string {
  const [whole = "", fraction] = value.toFixed(decimals).split(".");
  const spaced = whole.replace(/(?<=\d)(?=(\d{3})+$)/g, " ");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}
