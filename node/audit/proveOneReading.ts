import type { AuditRow } from "#storage/audit/auditInterval.ts";
import type { Measured } from "#storage/audit/recover.ts";
import { rejected, type Verdict } from "#storage/error.ts";
import { decodeHeader } from "#storage/types/header.ts";
import { pathSides } from "#storage/types/proofFile.ts";
import type { ReadingProofFile } from "#storage/types/readingProofFile.ts";
import { proveReading, ReadingsRootStream, readingLeafHash, verifyReading } from "#storage/types/readingsRoot.ts";
import { decodeTxProofs } from "../serve/messages.ts";
import type { MeterKeys } from "./auditKeys.ts";
import type { AuditedItem } from "./meterAudit.ts";
import type { OwnTransactionJson } from "./ownSeals.ts";

export type ProvedReading = { readonly proof: ReadingProofFile } | (Verdict & { readonly accepted: false });

/**
 * One reading under its seal. rows: of its interval or amendment, in order; tombstones count with their leaf. transaction: verified already
 * (verifyOwnSeals). Codes: READING_ABSENT, READING_ERASED, READING_UNPROVABLE (the rows or leaves are not those that were sealed: an audit says which).
 */
export function proveOneReading(
  atMs: number,
  item: AuditedItem,
  rows: readonly AuditRow[],
  { keys, transaction }: { readonly keys: MeterKeys; readonly transaction: OwnTransactionJson },
): ProvedReading {
  const refuse = (code: string, reason: string) => rejected(code, reason) as Verdict & { readonly accepted: false };
  const row = rows.find(({ timestampMs }) => timestampMs === atMs);
  const own = keys.of(item);
  if (row === undefined || own === undefined) return refuse("READING_ABSENT", "there is no reading of this time here");
  if (!("value" in row)) return refuse("READING_ERASED", "it was erased; its neighbours can still be proved");
  // The kept leaves, where they are what was sealed, prove a reading also when one of its neighbours was changed or is gone.
  const kept = keptLeaves(item);
  const leafAt = (each: Measured, at: number) => readingLeafHash(own.saltOf(at), each.value, each.timestampMs);
  const leaves = kept ?? rows.map((each, at) => ("value" in each ? leafAt(each, at) : each.leafHash));
  const index = kept?.findIndex((leaf, at) => Buffer.compare(leaf, leafAt(row, at)) === 0) ?? rows.indexOf(row);
  const different = refuse("READING_UNPROVABLE", "it is not what was sealed; `audit` says what differs");
  if (index < 0) return different;
  const reading = proveReading(leaves, index, { ...row, salt: own.saltOf(index) });
  if (!verifyReading({ root: item.readingsRoot, count: item.count }, reading).accepted) return different;
  const bytes = (text: string | null) => new Uint8Array(Buffer.from(text ?? "", "base64"));
  const seal = decodeTxProofs(bytes(transaction.proof))[0];
  if (seal?.result === undefined) return refuse("READING_UNPROVABLE", "the seal's result was not kept");
  const { inclusion, result } = seal;
  const path = (proof: { readonly index: number; readonly total: number; readonly aunts: readonly Uint8Array[] }) => {
    const sides = pathSides(proof.index, proof.total);
    return proof.aunts.map((hash, level) => ({ side: sides[level] ?? ("left" as const), hash }));
  };
  const { meterId, startMs, endMs, amendment } = item;
  const header = decodeHeader(bytes(transaction.header));
  return {
    proof: {
      ...{ chainId: header.chainId, meterId, startMs, endMs, amendment, reading, header },
      tx: bytes(transaction.tx),
      path: path(inclusion),
      result: result.bytes,
      resultPath: path(result.proof),
      nextHeader: decodeHeader(bytes(transaction.nextHeader)),
    },
  };
}

function keptLeaves({ leaves, count, readingsRoot }: AuditedItem): readonly Uint8Array[] | undefined {
  if (leaves === undefined || leaves.length !== 32 * count) return undefined;
  const list = Array.from({ length: count }, (_, index) => leaves.subarray(32 * index, 32 * index + 32));
  const stream = new ReadingsRootStream();
  for (const leaf of list) stream.appendLeafHash(leaf);
  return Buffer.compare(stream.root(), readingsRoot) === 0 ? list : undefined;
}
