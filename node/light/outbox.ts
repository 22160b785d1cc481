import { bucketKey, bucketRange } from "#storage/db/buckets.ts";
import type { Store } from "#storage/db/store.ts";
import { allTombstones, type Tombstone } from "../audit/tombstones.ts";
import type { AmendedInterval, ClosedAmendment } from "../meter/amendments.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";
import { encodeTxProofs, type TxProof } from "../serve/messages.ts";
import {
  amendmentRange,
  decodeRow,
  encodeRow,
  endKey,
  type IntervalState,
  intervalRange,
  isAmendment,
  type KeyRange,
  leavesKey,
  rowKey,
  type Sealable,
} from "./outboxRows.ts";

export { type IntervalState, isAmendment, type Sealable } from "./outboxRows.ts";

/** Sums over everything this node ever closed. An amendment counts like an interval. */
export interface OutboxTotals {
  readonly intervals: number;
  readonly queued: number;
  readonly finalised: number;
  readonly rejected: number;
  readonly finalisedReadings: number;
  readonly finalisedMwh: bigint;
}

/** What opens the committed sum of one interval or amendment (MsgRegisterEnergy.openings). Who holds it can read the sum. */
export interface SumOpening {
  /** Unix ms. */
  readonly intervalEndMs: number;
  /** Absent: the interval itself; else the number of its amendment. */
  readonly amendment?: number;
  readonly sumMwh: bigint;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

/**
 * A transaction of one meter that may be on its way. It is kept before it is sent: after a crash this one is asked for and sent again, never
 * another one with the same intervals, of which the ledger would take only one.
 */
export interface KeptFlight {
  readonly meterId: string;
  readonly tx: Uint8Array;
  readonly accountNumber: bigint;
  readonly sequence: bigint;
  readonly intervals: readonly Sealable[];
}

export interface OpeningsRequest {
  readonly meterId: string;
  /** Ends from here on, Unix ms. */
  readonly fromMs: number;
  /** Ends up to here. */
  readonly toMs: number;
  readonly limit: number;
}

/** The closed intervals of this node's meters and their proofs: on disk before they are sent, kept after they are final. */
export interface Outbox {
  totals(): OutboxTotals;
  /** End of the last closed interval of a meter, 0 without one. */
  closedUntilMs(meterId: string): number;
  /** End of the first closed interval of a meter, 0 without one. */
  firstEndMs(meterId: string): number;
  /** Meters of which an interval is closed. */
  closedMeters(): readonly string[];
  /** Meters of which something was queued when the outbox was opened. */
  queuedMeters(): readonly string[];
  /** What is queued of a meter, at most `limit`: intervals whose end is at least `fromEndMs`, by end; when there are none, amendments. */
  queuedOf(meterId: string, fromEndMs: number, limit: number): Promise<readonly Sealable[]>;
  add(intervals: readonly ClosedInterval[]): Promise<void>;
  addAmendments(amendments: readonly ClosedAmendment[]): Promise<void>;
  /** A closed interval and its amendments. */
  amendedInterval(meterId: string, endMs: number): Promise<AmendedInterval | undefined>;
  /** On disk when it resolves; each replaces the one before of its meter, which ends when its items are settled. */
  keepFlights(flights: readonly KeptFlight[]): Promise<void>;
  /** Undefined: nothing that is still queued was sent. */
  flightOf(meterId: string): Promise<KeptFlight | undefined>;
  /** tx: TxRaw that sealed them; with its proof it shows what the ledger has of them (node/audit). */
  settle(
    items: readonly Sealable[],
    outcome: IntervalState,
    proof: TxProof | undefined,
    tx?: Uint8Array,
  ): Promise<void>;
  /**
   * Of the meter's intervals that are final, by end, and of their amendments that are. Whole intervals: at most `limit`, unless the first one
   * has more amendments than that.
   */
  openings(request: OpeningsRequest): Promise<readonly SumOpening[]>;
  /** What the ledger refused for good, of one meter or of all, at most `limit`. Reads the whole outbox of the meters. */
  refused(meterId: string | undefined, limit: number): Promise<readonly RefusedItem[]>;
  /** What was erased from the log, of all meters. */
  erased(): AsyncIterable<Pick<Tombstone, "series" | "timestampMs">>;
}

/** An interval or amendment that the ledger refused; its readings are in the log. */
export interface RefusedItem {
  readonly meterId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Absent: the interval itself. */
  readonly amendment?: number;
  readonly readings: number;
  /** The ledger's: "INTERVAL_NOT_SEALED". */
  readonly code: string;
}

export async function openOutbox(store: Store): Promise<Outbox> {
  const closed = new Map<string, number>();
  const first = new Map<string, number>();
  const queuedMeters = new Set<string>();
  const totals = { intervals: 0, queued: 0, finalised: 0, rejected: 0, finalisedReadings: 0, finalisedMwh: 0n };
  for (const bucket of ["ownInterval", "ownAmendment"] as const)
    for await (const [, value] of store.iterate(bucketRange(bucket))) {
      const { item, outcome } = decodeRow(value);
      count(item, outcome);
      if (!isAmendment(item)) noteEnd(item);
      if (outcome.state === "queued") queuedMeters.add(item.meterId);
    }

  function noteEnd({ meterId, endMs }: ClosedInterval): void {
    closed.set(meterId, Math.max(closed.get(meterId) ?? 0, endMs));
    if (!first.has(meterId)) first.set(meterId, endMs);
  }

  function count(item: Sealable, outcome: IntervalState): void {
    totals.intervals += 1;
    if (outcome.state === "queued") totals.queued += 1;
    else settleCount(item, outcome);
  }

  function settleCount(item: Sealable, outcome: IntervalState): void {
    if (outcome.state === "rejected") totals.rejected += 1;
    else {
      totals.finalised += 1;
      totals.finalisedReadings += item.count;
      totals.finalisedMwh += item.sum;
    }
  }

  async function addQueued(items: readonly Sealable[]): Promise<void> {
    const outcome: IntervalState = { state: "queued" };
    const rows = items.flatMap((item) => [
      { type: "put", key: rowKey(item), value: encodeRow(item, outcome) } as const,
      ...(item.leaves === undefined ? [] : [{ type: "put", key: leavesKey(item), value: item.leaves } as const]),
    ]);
    await store.batch(rows, { sync: true });
    for (const item of items) count(item, outcome);
  }

  return {
    totals: () => totals,
    closedUntilMs: (meterId) => closed.get(meterId) ?? 0,
    firstEndMs: (meterId) => first.get(meterId) ?? 0,
    closedMeters: () => [...closed.keys()],
    queuedMeters: () => [...queuedMeters],

    async queuedOf(meterId, fromEndMs, limit) {
      const intervals = await findQueued(store, intervalRange(meterId, fromEndMs), limit);
      return intervals.length > 0 ? intervals : findQueued(store, amendmentRange(meterId, 0), limit);
    },

    async add(intervals) {
      await addQueued(intervals);
      for (const interval of intervals) noteEnd(interval);
    },
    addAmendments: addQueued,

    async amendedInterval(meterId, endMs) {
      const row = await store.get(endKey("ownInterval", meterId, endMs));
      if (row === undefined) return undefined;
      const amendments: ClosedAmendment[] = [];
      for await (const [, value] of store.iterate(amendmentRange(meterId, endMs, endMs)))
        amendments.push(decodeRow(value).item as ClosedAmendment);
      return { interval: decodeRow(row).item, amendments };
    },

    async keepFlights(flights) {
      const rows = flights.map((flight) => {
        const { meterId, tx, accountNumber, sequence, intervals } = flight;
        const kept: FlightRow = {
          tx: Buffer.from(tx).toString("base64"),
          ...{ accountNumber: `${accountNumber}`, sequence: `${sequence}` },
          rows: intervals.map((item) => Buffer.from(rowKey(item)).toString("base64")),
        };
        return { type: "put", key: flightKey(meterId), value: Buffer.from(JSON.stringify(kept)) } as const;
      });
      if (rows.length > 0) await store.batch(rows, { sync: true });
    },

    async flightOf(meterId) {
      const value = await store.get(flightKey(meterId));
      if (value === undefined) return undefined;
      const { tx, accountNumber, sequence, rows } = JSON.parse(Buffer.from(value).toString()) as FlightRow;
      const intervals: Sealable[] = [];
      for (const row of rows) {
        const found = await store.get(Buffer.from(row, "base64"));
        if (found === undefined) continue;
        const { item, outcome } = decodeRow(found);
        if (outcome.state === "queued") intervals.push(item);
      }
      if (intervals.length === 0) return undefined;
      const numbers = { accountNumber: BigInt(accountNumber), sequence: BigInt(sequence) };
      return { meterId, tx: new Uint8Array(Buffer.from(tx, "base64")), ...numbers, intervals };
    },

    async settle(items, outcome, proof, tx) {
      const rows = items.map((item) => ({ type: "put", key: rowKey(item), value: encodeRow(item, outcome) }) as const);
      const kept =
        proof === undefined
          ? []
          : [{ type: "put", key: bucketKey("ownProof", proof.txId), value: encodeTxProofs([proof]) } as const];
      const sent =
        proof === undefined || tx === undefined
          ? []
          : [{ type: "put", key: bucketKey("ownTransaction", proof.txId), value: tx } as const];
      // A crash before the next sync leaves these queued; asking for their proofs again settles them again.
      const ended = items.slice(0, 1).map(({ meterId }) => ({ type: "del", key: flightKey(meterId) }) as const);
      await store.batch([...rows, ...kept, ...sent, ...ended], { sync: false });
      for (const item of items) {
        totals.queued -= 1;
        settleCount(item, outcome);
      }
    },

    openings: (request) => findOpenings(store, request),
    refused: (meterId, limit) => findRefused(store, meterId, limit),
    erased: () => allTombstones(store),
  };
}

interface FlightRow {
  /** base64, as the keys of the rows. */
  readonly tx: string;
  readonly accountNumber: string;
  readonly sequence: string;
  readonly rows: readonly string[];
}

const flightKey = (meterId: string) => bucketKey("ownFlight", Buffer.from(meterId));

async function findQueued(store: Store, range: KeyRange, limit: number): Promise<readonly Sealable[]> {
  const queued: Sealable[] = [];
  for await (const [, value] of store.iterate(range)) {
    const { item, outcome } = decodeRow(value);
    if (outcome.state === "queued") queued.push(item);
    if (queued.length === limit) break;
  }
  return queued;
}

async function findRefused(store: Store, meterId: string | undefined, limit: number): Promise<readonly RefusedItem[]> {
  const ranges =
    meterId === undefined
      ? [bucketRange("ownInterval"), bucketRange("ownAmendment")]
      : [intervalRange(meterId, 0), amendmentRange(meterId, 0)];
  const refused: RefusedItem[] = [];
  for (const range of ranges)
    for await (const [, value] of store.iterate(range)) {
      const { item, outcome } = decodeRow(value);
      if (outcome.state !== "rejected") continue;
      if (refused.length === limit) return refused;
      const { meterId: of, startMs, endMs, count } = item;
      const common = { meterId: of, startMs, endMs, readings: count, code: outcome.code };
      refused.push(isAmendment(item) ? { ...common, amendment: item.amendment } : common);
    }
  return refused;
}

async function findOpenings(
  store: Store,
  { meterId, fromMs, toMs, limit }: OpeningsRequest,
): Promise<readonly SumOpening[]> {
  const openings = await finalOpenings(store, intervalRange(meterId, fromMs, toMs), limit);
  const lastMs = openings.length < limit ? toMs : (openings.at(-1)?.intervalEndMs ?? toMs);
  openings.push(...(await finalOpenings(store, amendmentRange(meterId, fromMs, lastMs), limit)));
  openings.sort((a, b) => a.intervalEndMs - b.intervalEndMs || (a.amendment ?? 0) - (b.amendment ?? 0));
  const beyond = openings[limit]?.intervalEndMs;
  if (beyond === undefined) return openings;
  const whole = openings.filter(({ intervalEndMs }) => intervalEndMs < beyond);
  return whole.length > 0 ? whole : openings.filter(({ intervalEndMs }) => intervalEndMs === beyond);
}

async function finalOpenings(store: Store, range: KeyRange, limit: number): Promise<SumOpening[]> {
  const openings: SumOpening[] = [];
  for await (const [, value] of store.iterate(range)) {
    const { item, outcome } = decodeRow(value);
    // Those of one interval stay together, so that no page ends between them.
    if (openings.length >= limit && item.endMs !== openings.at(-1)?.intervalEndMs) break;
    if (outcome.state !== "final") continue;
    const opening = { intervalEndMs: item.endMs, sumMwh: item.sum, salt: item.salt };
    openings.push(isAmendment(item) ? { ...opening, amendment: item.amendment } : opening);
  }
  return openings;
}
