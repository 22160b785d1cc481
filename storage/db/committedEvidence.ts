import { FormatError } from "../types/formatError.ts";
import { encodeTimestamp, readTimestamp, type Timestamp, ZERO_TIME } from "../types/time.ts";
import { FieldReader, FieldWriter } from "../types/wire.ts";
import { bucketKey, bucketRange } from "./buckets.ts";
import { decodeRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";

/** Evidence that a block carries: it is not proposed again. */
export interface CommittedEvidence {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  /** Of the misbehaviour, as `time`. */
  readonly height: number;
  readonly time: Timestamp;
}

export function committedEvidenceOperations(evidence: readonly CommittedEvidence[]): readonly StoreOperation[] {
  return evidence.map(({ hash, height, time }) => ({
    type: "put",
    key: bucketKey("committedEvidence", hash),
    value: new FieldWriter().int(1, height).message(2, encodeTimestamp(time)).finish(),
  }));
}

export async function loadCommittedEvidence(store: Store): Promise<readonly CommittedEvidence[]> {
  const evidence: CommittedEvidence[] = [];
  for await (const [key, bytes] of store.iterate(bucketRange("committedEvidence")))
    evidence.push({ hash: key.slice(1), ...decodeRecord(key, bytes, decodePlace) });
  return evidence;
}

/** Removes evidence of heights below `retainHeight`, which expired and so is refused anyway. */
export async function pruneCommittedEvidenceOperations(
  store: Store,
  retainHeight: number,
): Promise<readonly StoreOperation[]> {
  const expired = (await loadCommittedEvidence(store)).filter(({ height }) => height < retainHeight);
  return expired.map(({ hash }) => ({ type: "del", key: bucketKey("committedEvidence", hash) }));
}

function decodePlace(bytes: Uint8Array): { readonly height: number; readonly time: Timestamp } {
  let height = 0;
  let time = ZERO_TIME;
  const fields = new FieldReader("committedEvidence", bytes);
  while (fields.next()) {
    if (fields.number === 1) height = fields.count("committedEvidence.height");
    else if (fields.number === 2) time = readTimestamp(fields.message());
    else fields.refuse();
  }
  if (height === 0) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "committedEvidence.height" });
  return { height, time };
}
