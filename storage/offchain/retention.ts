import type { ReadingSeries, RetentionClass } from "./readingStore.ts";

/** A rule holds for the series that have all of its fields; a meter id may end in `*`. */
export interface RetentionRule extends Partial<ReadingSeries> {
  readonly retention: RetentionClass;
}

/** What bills are made of: what flowed, as registers and per interval. Power, voltage and the like, and samples, are raw. */
export const DEFAULT_RETENTION: readonly RetentionRule[] = (
  [
    "activeEnergyImport",
    "activeEnergyExport",
    "reactiveEnergyImport",
    "reactiveEnergyExport",
    "gasVolume",
    "waterVolume",
    "heat",
  ] as const
).flatMap((quantity) => [
  { quantity, kind: "register", retention: "billing" },
  { quantity, kind: "interval", retention: "billing" },
]);

/** The class of a series by the first rule that fits it, and by DEFAULT_RETENTION after them; else "raw". */
export function retentionBy(rules: readonly RetentionRule[] = []): (series: ReadingSeries) => RetentionClass {
  const all = [...rules, ...DEFAULT_RETENTION];
  return (series) => all.find((rule) => fits(rule, series))?.retention ?? "raw";
}

function fits({ meterId, quantity, kind, phase, tariff }: RetentionRule, series: ReadingSeries): boolean {
  return (
    (meterId === undefined || isNamed(meterId, series.meterId)) &&
    (quantity === undefined || quantity === series.quantity) &&
    (kind === undefined || kind === series.kind) &&
    (phase === undefined || phase === series.phase) &&
    (tariff === undefined || tariff === series.tariff)
  );
}

function isNamed(pattern: string, meterId: string): boolean {
  return pattern.endsWith("*") ? meterId.startsWith(pattern.slice(0, -1)) : pattern === meterId;
}
