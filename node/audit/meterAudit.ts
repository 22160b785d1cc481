import {
  type AuditKeys,
  type AuditRow,
  auditInterval,
  type Finding,
  type IntervalAudit,
} from "#storage/audit/auditInterval.ts";
import type { LogFault } from "#storage/offchain/readingLogSalvage.ts";
import type { MeterKeys } from "./auditKeys.ts";
import { type RowSet, rowsWithin, type SeriesRows } from "./rowSet.ts";
import type { SealedItem } from "./sealedItem.ts";

/** An interval or amendment of the ledger, with what its owner keeps beside it. */
export interface AuditedItem extends SealedItem {
  /** Kept since it was closed. */
  readonly leaves: Uint8Array | undefined;
  /** Which readings an amendment has, where that is known; else they are told by the order in which they came. */
  readonly timestampsMs: readonly number[] | undefined;
}

export interface ErasureRecord {
  /** fromMs < timestamp <= untilMs */
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface MeterAuditInput {
  readonly meterId: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** By end, then by amendment; proved to be on the ledger. */
  readonly items: readonly AuditedItem[];
  readonly rows: RowSet;
  readonly keys: MeterKeys;
  /** What the ledger has of erasures of this meter; undefined when nobody could be asked. */
  readonly erasures: readonly ErasureRecord[] | undefined;
}

/**
 * intact, erased, tampered, other-key: as auditInterval. unrecorded: what is left is what was sealed, and readings were erased of which the
 * ledger knows nothing. no-key: whoever audits was not given the interval's keys.
 */
export type ItemVerdict = IntervalAudit["verdict"] | "unrecorded" | "no-key";

export interface ItemAudit {
  readonly startMs: number;
  readonly endMs: number;
  readonly amendment: number;
  readonly txId: string;
  readonly height: number;
  /** Sealed readings, and what is there of them. */
  readonly count: number;
  readonly rows: number;
  readonly erased: number;
  /** Erased, and in no erasure record of the ledger. */
  readonly unrecorded: number;
  readonly verdict: ItemVerdict;
  readonly checks: IntervalAudit["checks"] | undefined;
  readonly findings: readonly (Finding | { readonly type: "chain-broken"; readonly amendment: number })[];
}

/** A time in which nothing is sealed, and the readings of it. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  readonly readings: number;
}

export interface MeterAudit {
  readonly meterId: string;
  readonly items: readonly ItemAudit[];
  /** Between sealed intervals. */
  readonly gaps: readonly Gap[];
  /** After the last sealed interval: still to be sealed. */
  readonly waiting: number;
  /** Late readings in no amendment. */
  readonly lateUnsealed: number;
  readonly faults: readonly LogFault[];
  readonly erasuresChecked: boolean;
}

/** Compares every sealed interval of a meter with what is stored of it; `onItem` is told how many are done. */
export function auditMeter(input: MeterAuditInput, onItem: (done: number) => void = () => undefined): MeterAudit {
  const { meterId, items, rows } = input;
  const assigned = newAssigned(items);
  const { usedLate } = assigned;
  const intervals = new Map(items.filter(({ amendment }) => amendment === 0).map((item) => [item.endMs, item]));
  const audits = items.map((item, index) => {
    const audit = auditItem(input, item, assigned, intervals.get(item.endMs));
    onItem(index + 1);
    return audit;
  });
  const sealed = [...intervals.values()];
  const lastMs = sealed.at(-1)?.endMs ?? input.fromMs;
  const late = rows.series.flatMap((series) => series.late.filter((row) => row.timestampMs <= lastMs));
  return {
    meterId,
    items: audits,
    gaps: gapsOf(sealed, rows),
    waiting: countWithin(rows, lastMs, Number.POSITIVE_INFINITY),
    lateUnsealed: late.filter((row) => !usedLate.has(row) && row.timestampMs > (sealed[0]?.startMs ?? 0)).length,
    faults: rows.faults,
    erasuresChecked: input.erasures !== undefined,
  };
}

/** Rows that are in an item already, and times of late readings. */
interface Assigned {
  readonly usedLate: Set<AuditRow>;
  readonly amendedMs: ReadonlySet<number>;
}

function newAssigned(items: readonly AuditedItem[]): Assigned {
  return { usedLate: new Set(), amendedMs: new Set(items.flatMap(({ timestampsMs = [] }) => timestampsMs)) };
}

function auditItem(
  input: MeterAuditInput,
  item: AuditedItem,
  assigned: Assigned,
  interval: AuditedItem | undefined,
): ItemAudit {
  const { startMs, endMs, amendment, txId, height, count } = item;
  const about = { startMs, endMs, amendment, txId, height, count };
  const keys = input.keys.of(item);
  if (keys === undefined) {
    const nothing = { rows: 0, erased: 0, unrecorded: 0, checks: undefined, findings: [] };
    return { ...about, ...nothing, verdict: "no-key" };
  }
  const { rows, audit } = bestRows(input.rows, item, keys, assigned);
  for (const row of rows) assigned.usedLate.add(row);
  const unrecorded = rows.filter((row) => "leafHash" in row && !isRecorded(input.erasures, row.timestampMs)).length;
  const isFirst = amendment === 1 && interval !== undefined;
  const isChained =
    !isFirst || Buffer.compare(interval.fingerprint, item.previousFingerprint ?? new Uint8Array(0)) === 0;
  const isUnrecorded = audit.verdict === "erased" && unrecorded > 0;
  return {
    ...about,
    rows: rows.length,
    erased: audit.erased,
    unrecorded,
    verdict: !isChained ? "tampered" : isUnrecorded ? "unrecorded" : audit.verdict,
    checks: audit.checks,
    findings: isChained ? audit.findings : [...audit.findings, { type: "chain-broken", amendment }],
  };
}

/** What stands in the place of one item, as `auditMeter` takes it. */
export function rowsOfItem(
  { items, rows, keys }: Pick<MeterAuditInput, "items" | "rows" | "keys">,
  item: AuditedItem,
): readonly AuditRow[] {
  const assigned = newAssigned(items);
  for (const each of items) {
    const own = keys.of(each);
    if (own === undefined) continue;
    const best = bestRows(rows, each, own, assigned);
    if (each === item) return best.rows;
    for (const row of best.rows) assigned.usedLate.add(row);
  }
  return [];
}

/** A meter has one series that is sealed. Where there are more, because a bit was flipped or its kind was changed, it is the one that fits best. */
function bestRows(
  { series, copiesAt }: RowSet,
  item: AuditedItem,
  keys: AuditKeys,
  assigned: Assigned,
): { readonly rows: readonly AuditRow[]; readonly audit: IntervalAudit } {
  const audited = series.map((each) => {
    const rows = rowsOf(each, item, assigned);
    return { rows, audit: auditInterval(item, keys, rows, { leaves: item.leaves, copiesAt }) };
  });
  return audited.reduce((best, each) => (fits(each.audit) < fits(best.audit) ? each : best));
}

/** How many findings there are; nothing at all in its place is worst. */
function fits({ verdict, findings }: IntervalAudit): number {
  if (verdict === "intact" || verdict === "erased") return 0;
  return verdict === "other-key" ? Number.POSITIVE_INFINITY : findings.length + 1;
}

function rowsOf(series: SeriesRows, item: AuditedItem, { usedLate, amendedMs }: Assigned): readonly AuditRow[] {
  const { startMs, endMs, amendment, timestampsMs, count } = item;
  const onTime = rowsWithin(series.onTime, startMs, endMs);
  // What an erasure has left of a late reading stands among the others.
  if (amendment === 0) return onTime.filter((row) => !("leafHash" in row) || !amendedMs.has(row.timestampMs));
  const late = rowsWithin(series.late, startMs, endMs).filter((row) => !usedLate.has(row));
  const erased = onTime.filter((row) => "leafHash" in row && !usedLate.has(row));
  if (timestampsMs !== undefined) {
    const times = new Set(timestampsMs);
    const ofAmendment = [...late, ...erased].filter(({ timestampMs }) => times.has(timestampMs));
    return ofAmendment.toSorted((a, b) => a.timestampMs - b.timestampMs);
  }
  const first = late.toSorted((a, b) => a.arrival - b.arrival).slice(0, count);
  return first.toSorted((a, b) => a.timestampMs - b.timestampMs);
}

function isRecorded(erasures: readonly ErasureRecord[] | undefined, timestampMs: number): boolean {
  if (erasures === undefined) return true;
  return erasures.some(({ fromMs, untilMs }) => timestampMs > fromMs && timestampMs <= untilMs);
}

function gapsOf(sealed: readonly AuditedItem[], rows: RowSet): readonly Gap[] {
  return sealed.slice(1).flatMap(({ startMs }, index) => {
    const fromMs = (sealed[index] as AuditedItem).endMs;
    return fromMs === startMs ? [] : [{ fromMs, toMs: startMs, readings: countWithin(rows, fromMs, startMs) }];
  });
}

function countWithin({ series }: RowSet, afterMs: number, untilMs: number): number {
  return series.reduce((sum, { onTime }) => sum + rowsWithin(onTime, afterMs, untilMs).length, 0);
}
