import { bucketKey } from "#storage/db/buckets.ts";
import type { ClosedAmendment } from "../meter/amendments.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";

/** What became of a closed interval. */
export type IntervalState =
  | { readonly state: "queued" }
  | { readonly state: "final"; readonly txId: string; readonly height: number; readonly index: number }
  | { readonly state: "rejected"; readonly code: string };

/** What is put onto the ledger. */
export type Sealable = ClosedInterval | ClosedAmendment;

export function isAmendment(item: Sealable): item is ClosedAmendment {
  return "amendment" in item;
}

export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Of ends from `fromMs` to `toMs`, both included. */
export function intervalRange(meterId: string, fromMs: number, toMs = Number.MAX_SAFE_INTEGER - 1): KeyRange {
  return { gte: endKey("ownInterval", meterId, fromMs), lt: endKey("ownInterval", meterId, toMs + 1) };
}

export function amendmentRange(meterId: string, fromMs: number, toMs = Number.MAX_SAFE_INTEGER - 1): KeyRange {
  return { gte: endKey("ownAmendment", meterId, fromMs), lt: endKey("ownAmendment", meterId, toMs + 1) };
}

/** Meter id, zero, end of the interval: a meter's intervals lie together in order of time; behind it the number of an amendment. */
export function rowKey(item: Sealable): Uint8Array {
  return keyOf(item, isAmendment(item) ? "ownAmendment" : "ownInterval");
}

/** As its row's, in a bucket of its own. */
export function leavesKey(item: Sealable): Uint8Array {
  return keyOf(item, "ownLeaves");
}

function keyOf(item: Sealable, bucket: "ownInterval" | "ownAmendment" | "ownLeaves"): Uint8Array {
  const key = endKey(bucket, item.meterId, item.endMs);
  if (!isAmendment(item)) return key;
  const number = Buffer.alloc(4);
  number.writeUInt32BE(item.amendment);
  return Buffer.concat([key, number]);
}

export function endKey(
  bucket: "ownInterval" | "ownAmendment" | "ownLeaves",
  meterId: string,
  endMs: number,
): Uint8Array {
  const end = Buffer.alloc(8);
  end.writeBigUInt64BE(BigInt(endMs));
  return bucketKey(bucket, Buffer.from(`${meterId}\0`), end);
}

export function encodeRow(item: Sealable, outcome: IntervalState): Uint8Array {
  // Its leaves have a row of their own: an interval of readings every second has 29 KB of them in 15 minutes.
  const { leaves: _, ...kept } = item;
  const fields = Object.entries(kept).map(([name, value]) => [name, plain(value as unknown)]);
  return Buffer.from(JSON.stringify({ interval: Object.fromEntries(fields), outcome }));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return typeof value === "bigint" ? value.toString() : value;
}

export function decodeRow(value: Uint8Array): { readonly item: Sealable; readonly outcome: IntervalState } {
  const { interval, outcome } = JSON.parse(Buffer.from(value).toString()) as {
    interval: Record<string, string | number>;
    outcome: IntervalState;
  };
  const bytes = (name: string) => Uint8Array.from(Buffer.from(String(interval[name]), "hex"));
  const { registerEnd, amendment, timestampsMs } = interval;
  const common = {
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
  };
  if (amendment === undefined)
    return { outcome, item: { ...common, ...(registerEnd === undefined ? {} : { registerEnd: BigInt(registerEnd) }) } };
  const previousFingerprint = bytes("previousFingerprint");
  const times = timestampsMs as unknown as readonly number[];
  return { outcome, item: { ...common, amendment: Number(amendment), previousFingerprint, timestampsMs: times } };
}
