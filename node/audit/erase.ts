import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "#storage/error.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import {
  type ReadingSeries,
  type ReadingStore,
  ReadingStoreError,
  type RetentionClass,
  seriesName,
  seriesOf,
} from "#storage/offchain/readingStore.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { readingLeafHash } from "#storage/types/readingsRoot.ts";
import { isAhead } from "../meter/ahead.ts";
import type { MeterKeys } from "./auditKeys.ts";
import { collectSeals } from "./collectSeals.ts";
import { type AuditedItem, auditMeter, type ItemAudit, rowsOfItem } from "./meterAudit.ts";
import type { OpenOwnAudit } from "./openOwnAudit.ts";
import { gatherRows } from "./rowSet.ts";
import { type Tombstone, tombstoneRow, tombstonesOf } from "./tombstones.ts";

export interface ErasureRange {
  readonly meterId: string;
  /** fromMs < timestamp <= untilMs */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A store that has a copy of the readings, or why it could not be opened. */
export type Replica =
  | { readonly name: string; readonly store: ReadingStore }
  | { readonly name: string; readonly away: string };

export interface Erased {
  /** Measurements whose value is gone, now or since an earlier erasure of this time. */
  readonly readings: number;
  readonly replicas: readonly { readonly name: string; readonly readings: number; readonly conflicts: number }[];
  /** These have the readings still: it is to be done again when they answer. */
  readonly away: readonly { readonly name: string; readonly reason: string }[];
  readonly intervals: readonly ItemAudit[];
}

export type EraseErrorDetails =
  /** A series of class "billing" is in the range: it is kept whoever asks. */
  | { readonly code: "ERASE_RETENTION_KEPT"; readonly series: string }
  /** A reading of the range is in an interval that is not proved to be on the ledger yet. */
  | { readonly code: "ERASE_NOT_SEALED"; readonly endMs: number; readonly reason: string }
  /** What is stored is not what was sealed: audit first, or the erasure would hide it. */
  | { readonly code: "ERASE_TAMPERED"; readonly endMs: number }
  | { readonly code: "ERASE_NOTHING"; readonly meterId: string };

export class EraseError extends LedgerError<EraseErrorDetails> {}

const EVERYTHING_MS = 253_402_300_799_998;

/**
 * Removes readings from a stopped light node's log and from the stores that have copies of them, and leaves what their intervals' proofs need: the
 * leaf. Everything is checked before anything is removed, and the tombstones are on disk before the readings go, so that doing it again after a
 * crash ends it. A store that does not answer keeps no other one from being erased.
 * @throws EraseError; ReadingStoreError, but for READING_STORE_UNREACHABLE; ReadingLogError
 */
export async function eraseReadings(
  own: OpenOwnAudit,
  range: ErasureRange,
  parts: {
    readonly keys: MeterKeys;
    readonly replicas: readonly Replica[];
    readonly retentionOf: (series: ReadingSeries) => RetentionClass;
  },
): Promise<Erased> {
  const { meterId, fromMs, untilMs } = range;
  const { keys, replicas, retentionOf } = parts;
  const away = new Map<string, string>();
  for (const replica of replicas) if ("away" in replica) away.set(replica.name, replica.away);
  const seriesHere = await seriesInRange(own, range, replicas, away);
  for (const series of seriesHere)
    if (retentionOf(series) === "billing")
      throw new EraseError({ code: "ERASE_RETENTION_KEPT", series: seriesName(series) });

  const items = await sealedOf(own, range);
  const leaves = await leavesToKeep(own, range, { items, keys });
  const log = await openReadingLog(own.readings);
  const earlier = new Map<string, Uint8Array | undefined>();
  let fromLog = 0;
  try {
    // An earlier erasure that did not come to its end: its tombstones have the leaves, and stay.
    for await (const { series, timestampMs, leafHash } of tombstonesOf(own.store, {
      meterId,
      afterMs: fromMs,
      untilMs,
    }))
      earlier.set(`${seriesName(series)} ${timestampMs}`, leafHash);
    const tombstones: Tombstone[] = [];
    const isInRange = (reading: Reading) =>
      reading.meterId === meterId && reading.timestampMs > fromMs && reading.timestampMs <= untilMs;
    const gone = new Set<string>();
    for await (const reading of log.scan({ meterId, afterMs: fromMs, untilMs })) {
      const series = seriesOf(reading);
      const name = `${seriesName(series)} ${reading.timestampMs}`;
      if (gone.has(name) || earlier.has(name)) continue;
      gone.add(name);
      tombstones.push({ series, timestampMs: reading.timestampMs, leafHash: leaves.get(nameOf(reading)) });
    }
    await own.store.batch(tombstones.map(tombstoneRow), { sync: true });
    await log.endSegment();
    for (const segment of log.closedSegments())
      await log.thin(
        segment,
        (reading) => !isInRange(reading),
        async () => undefined,
      );
    fromLog = earlier.size + gone.size;
  } finally {
    await log.close();
  }
  await removeTorn(own.readings);
  const counts = [{ name: "reading log", readings: fromLog, conflicts: 0 }];
  for (const replica of replicas) {
    if ("away" in replica || away.has(replica.name)) continue;
    const { name, store } = replica;
    let [readings, conflicts] = [0, 0];
    await unlessAway(name, away, async () => {
      for await (const series of store.series(meterId)) {
        const leafOf = (reading: Reading) =>
          leaves.get(nameOf(reading)) ?? earlier.get(`${seriesName(series)} ${reading.timestampMs}`);
        const erased = await store.erase(series, { afterMs: fromMs, untilMs }, leafOf);
        readings += erased.erased + erased.earlier;
        conflicts += erased.conflicts;
      }
      counts.push({ name, readings, conflicts });
    });
  }
  const after = await auditOf(own, { items, keys });
  const intervals = after.filter(({ erased }) => erased > 0);
  const readings = Math.max(...counts.map((each) => each.readings));
  if (readings === 0 && intervals.length === 0 && away.size === 0)
    throw new EraseError({ code: "ERASE_NOTHING", meterId });
  return { readings, replicas: counts, away: [...away].map(([name, reason]) => ({ name, reason })), intervals };
}

async function seriesInRange(
  own: OpenOwnAudit,
  { meterId, fromMs, untilMs }: ErasureRange,
  replicas: readonly Replica[],
  away: Map<string, string>,
): Promise<readonly ReadingSeries[]> {
  const found = new Map<string, ReadingSeries>();
  for await (const item of own.audit.rows({ meterId, afterMs: fromMs, untilMs }))
    if (item.type === "reading") found.set(seriesName(seriesOf(item.reading)), seriesOf(item.reading));
  for (const replica of replicas)
    if ("store" in replica)
      await unlessAway(replica.name, away, async () => {
        for await (const series of replica.store.series(meterId))
          for await (const _reading of replica.store.read(series, { afterMs: fromMs, untilMs })) {
            found.set(seriesName(series), series);
            break;
          }
      });
  return [...found.values()];
}

/** Notes why where the store, or one of its replicas, does not answer. */
async function unlessAway(name: string, away: Map<string, string>, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ReadingStoreError) || error.details.code !== "READING_STORE_UNREACHABLE") throw error;
    away.set(name, error.details.reason);
  }
}

/** Intervals and amendments that overlap the range, all of them proved. */
async function sealedOf(
  own: OpenOwnAudit,
  { meterId, fromMs, untilMs }: ErasureRange,
): Promise<readonly AuditedItem[]> {
  const { items, pending, unproved } = await collectSeals(own.audit, { meterId, fromMs, toMs: EVERYTHING_MS });
  const open = [...pending, ...unproved].find(({ startMs }) => startMs < untilMs);
  if (open !== undefined) throw new EraseError({ code: "ERASE_NOT_SEALED", endMs: open.endMs, reason: open.reason });
  return items.filter(({ startMs }) => startMs < untilMs);
}

/** Leaf of every reading of the range that is in a sealed item. */
async function leavesToKeep(
  own: OpenOwnAudit,
  { meterId, fromMs, untilMs }: ErasureRange,
  { items, keys }: { readonly items: readonly AuditedItem[]; readonly keys: MeterKeys },
): Promise<ReadonlyMap<string, Uint8Array>> {
  const leaves = new Map<string, Uint8Array>();
  const [first, last] = [items[0], items.at(-1)];
  const rows = await gatherRows(
    own.audit.rows({
      meterId,
      afterMs: Math.min(fromMs, first?.startMs ?? fromMs),
      untilMs: Math.max(untilMs, last?.endMs ?? untilMs),
    }),
    undefined,
  );
  const audit = auditMeter({ meterId, fromMs, toMs: untilMs, items, rows, keys, erasures: undefined });
  const bad = audit.items.find(({ verdict }) => verdict !== "intact" && verdict !== "erased");
  if (bad !== undefined) throw new EraseError({ code: "ERASE_TAMPERED", endMs: bad.endMs });
  for (const item of items) {
    const saltOf = keys.of(item)?.saltOf;
    for (const [index, row] of rowsOfItem({ items, rows, keys }, item).entries())
      if ("value" in row && saltOf !== undefined)
        leaves.set(nameOf(row), readingLeafHash(saltOf(index), row.value, row.timestampMs));
  }
  // What belongs to an interval that is open still is wanted by the node when it starts again.
  const sealedUntil = last?.endMs ?? 0;
  if (items.length > 0)
    for await (const item of own.audit.rows({ meterId, afterMs: Math.max(fromMs, sealedUntil), untilMs }))
      if (item.type === "reading" && !isAhead(item.reading) && (item.reading.quality & QUALITY.REPLACED) === 0)
        throw new EraseError({
          code: "ERASE_NOT_SEALED",
          endMs: item.reading.timestampMs,
          reason: "its interval is open",
        });
  return leaves;
}

async function auditOf(
  own: OpenOwnAudit,
  { items, keys }: { readonly items: readonly AuditedItem[]; readonly keys: MeterKeys },
): Promise<readonly ItemAudit[]> {
  const [first, last] = [items[0], items.at(-1)];
  if (first === undefined || last === undefined) return [];
  const { meterId } = first;
  const rows = await gatherRows(own.audit.rows({ meterId, afterMs: first.startMs, untilMs: last.endMs }), undefined);
  const range = { fromMs: first.startMs, toMs: last.endMs };
  return auditMeter({ meterId, ...range, items, rows, keys, erasures: undefined }).items;
}

/** Value and time say which leaf it is: a second value of the same time has none. */
function nameOf({ timestampMs, value }: { readonly timestampMs: number; readonly value: number }): string {
  return `${timestampMs} ${value}`;
}

/** Bytes that a crash cut off may be readings too. */
async function removeTorn(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (/\.torn-\d+$/.test(name)) await rm(join(folder, name));
}
