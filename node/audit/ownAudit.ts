import {
  decodeErasureRecord,
  decodeMeterCounts,
  type ErasureRecord,
  erasureKey,
  meterCountsKey,
} from "#consensus/application/erasureRecord.ts";
import type { Store } from "#storage/db/store.ts";
import type { Header } from "#storage/types/header.ts";
import type { Proofs } from "../light/proofs.ts";
import { type AuditItem, ownRows, type RowsRequest } from "./auditRows.ts";
import { type OwnSealsJson, ownSeals, type SealsRequest } from "./ownSeals.ts";

/** What a light node has for an audit of its own meters. */
export interface OwnAudit {
  seals(request: SealsRequest): Promise<OwnSealsJson>;
  rows(request: RowsRequest): AsyncIterable<AuditItem>;
  /** Each proved to be in the state; undefined when no full node gives them now. */
  erasures(meterId: string): Promise<readonly ErasureRecord[] | undefined>;
}

export function createOwnAudit(
  ledgerId: string,
  parts: {
    readonly store: Store;
    /** Folder of the reading log. */
    readonly readings: string;
    readonly header: (height: number) => Promise<Header | undefined>;
    /** Undefined for a node that is stopped. */
    readonly proofs: Pick<Proofs, "state"> | undefined;
  },
): OwnAudit {
  const { store, readings, proofs } = parts;
  return {
    seals: (request) => ownSeals(ledgerId, parts, request),
    rows: (request) => ownRows({ readings, store, isRunning: proofs !== undefined }, request),
    erasures: async (meterId) => proofs && provedErasures(proofs, meterId),
  };
}

/** All of them: their number is proved too. */
export async function provedErasures(
  proofs: Pick<Proofs, "state">,
  meterId: string,
): Promise<readonly ErasureRecord[] | undefined> {
  const counts = await proofs.state("/edream/meter-counts", Buffer.from(meterId), meterCountsKey(meterId));
  if (counts === undefined) return undefined;
  const total = counts.value === undefined ? 0 : decodeMeterCounts(counts.value).erasures;
  const records: ErasureRecord[] = [];
  for (let number = 1; number <= total; number++) {
    const id = Buffer.from(`${number} ${meterId}`);
    const record = await proofs.state("/edream/erasure", id, erasureKey(meterId, number));
    if (record?.value === undefined) return undefined;
    records.push(decodeErasureRecord(record.value));
  }
  return records;
}
