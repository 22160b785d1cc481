import { sha256 } from "#storage/crypto/hash.ts";
import type { Quantity } from "#storage/types/reading.ts";

/** What a detector can find; README.md has the rule of each. */
export const ANOMALY_KINDS = [
  "suspect",
  "spike",
  "known-load",
  "over-limit",
  "zero-run",
  "leak",
  "base-load",
  "outage",
  "clock",
] as const;
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

export type Severity = "info" | "warning" | "critical";

/** Something about the readings of (fromMs, untilMs] that somebody should look at. Nothing is changed by it. */
export interface Anomaly {
  /** Undefined for what concerns the fleet as a whole. */
  readonly meterId: string | undefined;
  readonly quantity: Quantity;
  readonly kind: AnomalyKind;
  readonly severity: Severity;
  readonly fromMs: number;
  readonly untilMs: number;
  /** In thousandths of the detector's own unit, 0 to 2^32 - 1. */
  readonly score: number;
  /** Name and version of the rule: the same readings give the same anomaly under it. */
  readonly detector: string;
  /** What was seen, as integers and names. */
  readonly details: Readonly<Record<string, number | string | readonly string[]>>;
}

/** The ledger's words (MsgFlagReadings) for what it has no kind of its own. */
const FLAG_KINDS: Record<AnomalyKind, string> = {
  suspect: "spike",
  spike: "spike",
  "known-load": "known-load",
  "over-limit": "over-limit",
  "zero-run": "zero-run",
  leak: "leak",
  "base-load": "other",
  outage: "gap",
  clock: "clock",
};

/** The fields of MsgFlagReadings but for the signer; meters of a fleet event get one each. */
export interface FlagFields {
  readonly meterId: string;
  readonly intervalStartMs: bigint;
  readonly intervalEndMs: bigint;
  readonly kind: string;
  readonly severity: Severity;
  readonly score: number;
  readonly detector: string;
  /** SHA-256 of anomalyText. */
  readonly detailsHash: Uint8Array;
}

/** What a member signs to put an anomaly on the ledger: the details stay off the chain, their hash goes on it. */
export function flagFields(anomaly: Anomaly, meterId: string): FlagFields {
  const { kind, severity, fromMs, untilMs, score, detector } = anomaly;
  return {
    meterId,
    intervalStartMs: BigInt(fromMs),
    intervalEndMs: BigInt(untilMs),
    kind: FLAG_KINDS[kind],
    severity,
    score,
    detector,
    detailsHash: sha256(Buffer.from(anomalyText(anomaly))),
  };
}

/** One spelling of one anomaly: JSON with its keys in order and no spaces. */
export function anomalyText(anomaly: Anomaly): string {
  return JSON.stringify(anomaly, (_key, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
