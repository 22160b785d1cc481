import type { AuditKeys } from "#storage/audit/auditInterval.ts";
import { LedgerError } from "#storage/error.ts";
import { amendmentSaltKey, amendmentSeed, amendmentSumSalt } from "#storage/types/amendment.ts";
import {
  type IntervalOwner,
  intervalSumSalt,
  periodSeed,
  readingSaltKey,
  readingSalts,
} from "#storage/types/intervalSecrets.ts";

/** Which interval or amendment keys are asked for. */
export interface KeyedItem {
  readonly startMs: number;
  readonly endMs: number;
  /** 0: the interval itself. */
  readonly amendment: number;
  readonly previousFingerprint: Uint8Array | undefined;
}

/** The keys of one meter's intervals; undefined where whoever audits was not given them. */
export interface MeterKeys {
  readonly ledgerId: string;
  readonly meterId: string;
  of(item: KeyedItem): AuditKeys | undefined;
}

/** The owner's: all of them. periodMs: the ledger's period P. */
export function keysOfSecret(owner: IntervalOwner, periodMs: number): MeterKeys {
  return {
    ...owner,
    of(item) {
      const { saltKey, sumSalt } = saltsOf(owner, item);
      const seed = seedOf(periodSeed(owner, item.startMs - (item.startMs % periodMs)), item);
      return { seed, saltOf: readingSalts(saltKey), sumSalt };
    },
  };
}

function saltsOf(owner: IntervalOwner, item: Omit<KeyedItem, "previousFingerprint">) {
  const { startMs, endMs, amendment } = item;
  return amendment === 0
    ? { saltKey: readingSaltKey(owner, startMs, endMs), sumSalt: intervalSumSalt(owner, startMs, endMs) }
    : { saltKey: amendmentSaltKey(owner, item), sumSalt: amendmentSumSalt(owner, item) };
}

function seedOf(seed: Uint8Array, item: KeyedItem): Uint8Array | undefined {
  if (item.amendment === 0) return seed;
  return item.previousFingerprint && amendmentSeed(seed, item, item.previousFingerprint);
}

/** What an auditor is given: the keys of one meter's intervals in one range, and none beside them. Hex, 32 bytes each. */
export interface AuditKeyFile {
  readonly format: typeof AUDIT_KEY_FORMAT;
  readonly ledgerId: string;
  readonly meterId: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly periodMs: number;
  readonly seeds: readonly { readonly periodStartMs: number; readonly seed: string }[];
  readonly intervals: readonly {
    readonly startMs: number;
    readonly endMs: number;
    readonly amendment: number;
    readonly saltKey: string;
    readonly sumSalt: string;
  }[];
}

export const AUDIT_KEY_FORMAT = "energy-ledger audit key 1";

/** Intervals of one file: 30 days of one minute. */
export const MAX_KEY_FILE_INTERVALS = 50_000;

/** A seed opens the fingerprints of its whole period: of a period that is only partly in the range it is given too, and its other salts are not. */
export function makeAuditKeyFile(
  owner: IntervalOwner,
  range: { readonly fromMs: number; readonly toMs: number; readonly periodMs: number },
  items: readonly Omit<KeyedItem, "previousFingerprint">[],
): AuditKeyFile {
  const periods = [...new Set(items.map(({ startMs }) => startMs - (startMs % range.periodMs)))];
  return {
    format: AUDIT_KEY_FORMAT,
    ledgerId: owner.ledgerId,
    meterId: owner.meterId,
    ...range,
    seeds: periods.map((periodStartMs) => ({ periodStartMs, seed: hex(periodSeed(owner, periodStartMs)) })),
    intervals: items.map((item) => {
      const { saltKey, sumSalt } = saltsOf(owner, item);
      const { startMs, endMs, amendment } = item;
      return { startMs, endMs, amendment, saltKey: hex(saltKey), sumSalt: hex(sumSalt) };
    }),
  };
}

export class AuditKeyError extends LedgerError<{ readonly code: "AUDIT_KEY_MALFORMED"; readonly reason: string }> {}

/** @throws AuditKeyError AUDIT_KEY_MALFORMED */
export function parseAuditKeyFile(text: string): AuditKeyFile {
  const malformed = (reason: string) => new AuditKeyError({ code: "AUDIT_KEY_MALFORMED", reason });
  let file: AuditKeyFile;
  try {
    file = JSON.parse(text) as AuditKeyFile;
  } catch {
    throw malformed("it is not JSON");
  }
  if (file?.format !== AUDIT_KEY_FORMAT) throw malformed(`its format is not "${AUDIT_KEY_FORMAT}"`);
  const isText = typeof file.ledgerId === "string" && typeof file.meterId === "string";
  const times = [file.fromMs, file.toMs, file.periodMs];
  if (!isText || !times.every(isTime) || file.periodMs === 0) throw malformed("ledger, meter or range is missing");
  if (!Array.isArray(file.seeds) || !Array.isArray(file.intervals)) throw malformed("seeds or intervals are missing");
  if (file.intervals.length > MAX_KEY_FILE_INTERVALS || file.seeds.length > MAX_KEY_FILE_INTERVALS)
    throw malformed(`more than ${MAX_KEY_FILE_INTERVALS} keys`);
  for (const each of file.seeds)
    if (!isTime(each?.periodStartMs) || !isKey(each.seed)) throw malformed("a seed is none");
  for (const each of file.intervals) {
    const isPlaced = isTime(each?.startMs) && isTime(each.endMs) && isTime(each.amendment);
    if (!isPlaced || !isKey(each.saltKey) || !isKey(each.sumSalt)) throw malformed("keys of an interval are none");
  }
  return file;
}

export function keysOfFile(file: AuditKeyFile): MeterKeys {
  const seeds = new Map(file.seeds.map(({ periodStartMs, seed }) => [periodStartMs, seed]));
  const intervals = new Map(file.intervals.map((each) => [nameOf(each), each]));
  return {
    ledgerId: file.ledgerId,
    meterId: file.meterId,
    of(item) {
      const keys = intervals.get(nameOf(item));
      if (keys === undefined) return undefined;
      const seed = seeds.get(item.startMs - (item.startMs % file.periodMs));
      return {
        seed: seed === undefined ? undefined : seedOf(bytes(seed), item),
        saltOf: readingSalts(bytes(keys.saltKey)),
        sumSalt: bytes(keys.sumSalt),
      };
    },
  };
}

function nameOf({ startMs, endMs, amendment }: Omit<KeyedItem, "previousFingerprint">): string {
  return `${startMs} ${endMs} ${amendment}`;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isKey(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString("hex");
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
