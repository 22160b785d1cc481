import { bucketKey, bucketRange } from "#storage/db/buckets.ts";
import type { Store } from "#storage/db/store.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";
import { encodeTxProofs, type TxProof } from "../serve/messages.ts";

/** What became of a closed interval. */
export type IntervalState =
  | { readonly state: "queued" }
  | { readonly state: "final"; readonly txId: string; readonly height: number; readonly index: number }
  | { readonly state: "rejected"; readonly code: string };

/** Sums over all intervals this node ever closed. */
export interface OutboxTotals {
  readonly intervals: number;
  readonly queued: number;
  readonly finalised: number;
  readonly rejected: number;
  readonly finalisedReadings: number;
  readonly finalisedMwh: bigint;
}

/** What opens the committed sum of one interval (MsgRegisterEnergy.openings). Who holds it can read the sum. */
export interface SumOpening {
  /** Unix ms. */
  readonly intervalEndMs: number;
  readonly sumMwh: bigint;
  /** 32 bytes. */
  readonly salt: Uint8Array;
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
  /** Queued ones of earlier runs, in order; handed over once. */
  queued(): readonly ClosedInterval[];
  add(intervals: readonly ClosedInterval[]): Promise<void>;
  settle(intervals: readonly ClosedInterval[], outcome: IntervalState, proof: TxProof | undefined): Promise<void>;
  /** Of the meter's intervals that are final, by end. */
  openings(request: OpeningsRequest): Promise<readonly SumOpening[]>;
}

export async function openOutbox(store: Store): Promise<Outbox> {
  const closed = new Map<string, number>();
  const queued: ClosedInterval[] = [];
  const totals = { intervals: 0, queued: 0, finalised: 0, rejected: 0, finalisedReadings: 0, finalisedMwh: 0n };
  for await (const [, value] of store.iterate(bucketRange("ownInterval"))) {
    const { interval, outcome } = decodeRow(value);
    count(interval, outcome);
    closed.set(interval.meterId, Math.max(closed.get(interval.meterId) ?? 0, interval.endMs));
    if (outcome.state === "queued") queued.push(interval);
  }

  function count(interval: ClosedInterval, outcome: IntervalState): void {
    totals.intervals += 1;
    if (outcome.state === "queued") totals.queued += 1;
    else settleCount(interval, outcome);
  }

  function settleCount(interval: ClosedInterval, outcome: IntervalState): void {
    if (outcome.state === "rejected") totals.rejected += 1;
    else {
      totals.finalised += 1;
      totals.finalisedReadings += interval.count;
      totals.finalisedMwh += interval.sum;
    }
  }

  return {
    totals: () => totals,
    closedUntilMs: (meterId) => closed.get(meterId) ?? 0,
    queued: () => queued.splice(0),

    async add(intervals) {
      const outcome: IntervalState = { state: "queued" };
      await store.batch(
        intervals.map((interval) => ({ type: "put", key: keyOf(interval), value: encodeRow(interval, outcome) })),
        { sync: true },
      );
      for (const interval of intervals) {
        count(interval, outcome);
        closed.set(interval.meterId, Math.max(closed.get(interval.meterId) ?? 0, interval.endMs));
      }
    },

    async settle(intervals, outcome, proof) {
      const rows = intervals.map(
        (interval) => ({ type: "put", key: keyOf(interval), value: encodeRow(interval, outcome) }) as const,
      );
      const kept =
        proof === undefined
          ? []
          : [{ type: "put", key: bucketKey("ownProof", proof.txId), value: encodeTxProofs([proof]) } as const];
      // A crash before the next sync leaves these queued; asking for their proofs again settles them again.
      await store.batch([...rows, ...kept], { sync: false });
      for (const interval of intervals) {
        totals.queued -= 1;
        settleCount(interval, outcome);
      }
    },

    openings: (request) => findOpenings(store, request),
  };
}

async function findOpenings(
  store: Store,
  { meterId, fromMs, toMs, limit }: OpeningsRequest,
): Promise<readonly SumOpening[]> {
  const openings: SumOpening[] = [];
  for await (const [, value] of store.iterate({ gte: endKey(meterId, fromMs), lt: endKey(meterId, toMs + 1) })) {
    const { interval, outcome } = decodeRow(value);
    if (outcome.state !== "final") continue;
    openings.push({ intervalEndMs: interval.endMs, sumMwh: interval.sum, salt: interval.salt });
    if (openings.length === limit) break;
  }
  return openings;
}

/** Meter id, zero, end of the interval: a meter's intervals lie together in order of time. */
function keyOf({ meterId, endMs }: ClosedInterval): Uint8Array {
  return endKey(meterId, endMs);
}

function endKey(meterId: string, endMs: number): Uint8Array {
  const end = Buffer.alloc(8);
  end.writeBigUInt64BE(BigInt(endMs));
  return bucketKey("ownInterval", Buffer.from(`${meterId}\0`), end);
}

function encodeRow(interval: ClosedInterval, outcome: IntervalState): Uint8Array {
  const fields = Object.entries(interval).map(([name, value]) => [name, plain(value as unknown)]);
  return Buffer.from(JSON.stringify({ interval: Object.fromEntries(fields), outcome }));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return typeof value === "bigint" ? value.toString() : value;
}

function decodeRow(value: Uint8Array): { readonly interval: ClosedInterval; readonly outcome: IntervalState } {
  const { interval, outcome } = JSON.parse(Buffer.from(value).toString()) as {
    interval: Record<string, string | number>;
    outcome: IntervalState;
  };
  const bytes = (name: string) => Uint8Array.from(Buffer.from(String(interval[name]), "hex"));
  const { registerEnd } = interval;
  return {
    outcome,
    interval: {
      meterId: String(interval.meterId),
      startMs: Number(interval.startMs),
      endMs: Number(interval.endMs),
      periodStartMs: Number(interval.periodStartMs),
      count: Number(interval.count),
      sum: BigInt(String(interval.sum)),
      fingerprint: bytes("fingerprint"),
      readingsRoot: bytes("readingsRoot"),
      salt: bytes("salt"),
      commitment: bytes("commitment"),
      ...(registerEnd === undefined ? {} : { registerEnd: BigInt(String(registerEnd)) }),
    },
  };
}
