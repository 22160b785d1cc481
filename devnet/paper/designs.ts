/** The ways to keep meters' readings that are compared (D5.1 §4, and the naive one it argues against). */
export const DESIGNS = ["raw", "bigchaindb", "fingerprint", "root"] as const;

export type Design = (typeof DESIGNS)[number];

/** `remote`: the BigchainDB model on a server that is given. */
export type MeasuredDesign = Design | "remote";

interface DesignText {
  readonly name: string;
  /** What one update, a transaction on the ledger, is. */
  readonly update: string;
}

export const DESIGN_TEXTS: Readonly<Record<MeasuredDesign, DesignText>> = {
  raw: { name: "raw readings on chain", update: "MsgSealInterval of one reading, its value in the clear" },
  bigchaindb: { name: "BigchainDB model", update: "TRANSFER of the meter to itself, the aggregate of T_i as metadata" },
  fingerprint: {
    name: "hybrid, fingerprints",
    update: "MsgSealInterval: fingerprint of T_i, its sum in the clear; the field of the readings root is zeros",
  },
  root: {
    name: "hybrid, readings root",
    update: "MsgSealInterval: fingerprint, readings root, commitment to the sum",
  },
  remote: { name: "BigchainDB at the given address", update: "as the BigchainDB model" },
};

/** Readings that one update covers. */
export function readingsPerUpdate(design: MeasuredDesign, { intervalMs, sampleMs }: SamplingPlan): number {
  return design === "raw" ? 1 : Math.floor(intervalMs / sampleMs);
}

/** Updates of one prosumer in a year of 365 days. */
export function updatesPerYear(design: MeasuredDesign, { intervalMs, sampleMs }: SamplingPlan): number {
  return YEAR_MS / (design === "raw" ? sampleMs : intervalMs);
}

export const YEAR_MS = 365 * 86_400_000;

export interface SamplingPlan {
  /** T_i. */
  readonly intervalMs: number;
  /** Between two readings of a prosumer. */
  readonly sampleMs: number;
}
