import type { RetentionClass } from "#storage/offchain/readingStore.ts";
import type { Quantity } from "#storage/types/reading.ts";
import type { RegisterRules } from "./registerDeltas.ts";
import { isSealedByDefault } from "./series.ts";

/** What becomes of a series: on the ledger by its intervals; kept off the ledger only; not kept. */
export const TREATMENTS = ["sealed", "stored", "ignored"] as const;
export type Treatment = (typeof TREATMENTS)[number];

/** One device of meters.json. */
export interface DeviceRule {
  /** Its id, or the beginning of ids before a `*`. */
  readonly device: string;
  /** IANA zone of the connection: its days and tariffs. */
  readonly zone: string | undefined;
  /** Power of the connection's fuse, W. */
  readonly fuseW: number;
  /** Of readings of a series that come sooner after the one before, ms of the meter's time; 0 keeps all. */
  readonly everyMs: number;
  /** How long an interval waits for readings that come out of order, ms (research/data.md §1). */
  readonly latenessMs: number;
  /** By suffix; "*" is for the others. */
  readonly channels: Readonly<Record<string, Treatment>>;
  /** Per suffix, what is known of its register. */
  readonly registers: Readonly<Record<string, Partial<RegisterRules>>>;
  /** Of the series that are not sealed; undefined: by quantity (storage/offchain/retention.ts). */
  readonly retention: RetentionClass | undefined;
}

/** 100 A on three phases at 230 V (research/data.md §4). */
export const DEFAULT_FUSE_W = 69_000;

export const DEFAULT_LATENESS_MS = 5 * 60_000;

/** A home's G6 gas meter lets 10 m³/h through, its water pipe 5, its heat exchanger 100 kW. */
const FLOW_PER_HOUR: Partial<Readonly<Record<Quantity, number>>> = {
  gasVolume: 25_000_000,
  waterVolume: 10_000_000,
  heat: 360_000,
};

/** A tenth of a kWh, ten litres, ten MJ: the coarsest displays. A finer register's jitter is then taken for what it is, and none of it counts twice. */
const RESOLUTION: Partial<Readonly<Record<Quantity, number>>> = {
  gasVolume: 10_000,
  waterVolume: 10_000,
  heat: 10_000,
};
const ENERGY_RESOLUTION_MWH = 100_000;

/** The rule of a device: the one with its id, else the one with the longest beginning. */
export function ruleOf(rules: readonly DeviceRule[], device: string): DeviceRule | undefined {
  let found: DeviceRule | undefined;
  for (const rule of rules) {
    if (rule.device === device) return rule;
    if (!rule.device.endsWith("*") || !device.startsWith(rule.device.slice(0, -1))) continue;
    if (found === undefined || rule.device.length > found.device.length) found = rule;
  }
  return found;
}

export function treatmentOf({ channels }: DeviceRule, suffix: string): Treatment {
  return channels[suffix] ?? (isSealedByDefault(suffix) ? "sealed" : (channels["*"] ?? "stored"));
}

export function registerRules({ fuseW, registers }: DeviceRule, suffix: string, quantity: Quantity): RegisterRules {
  return {
    limitPerHour: FLOW_PER_HOUR[quantity] ?? fuseW * 1000,
    resolution: RESOLUTION[quantity] ?? ENERGY_RESOLUTION_MWH,
    ...registers[suffix],
  };
}
