import { sha256 } from "#storage/crypto/hash.ts";
import { verifyMerkle } from "#storage/crypto/merkle.ts";
import { LedgerError, rejected, type Verdict } from "#storage/error.ts";
import { decodeHeader, hashHeader } from "#storage/types/header.ts";
import { verifyResult } from "../light/proofs.ts";
import { decodeTxProofs, resultCodeOf, type TxProof } from "../serve/messages.ts";
import type { OwnTransactionJson } from "./ownSeals.ts";
import { type SealedItem, sealedItemsOf } from "./sealedItem.ts";

export type VerifiedSeals =
  | { readonly verdict: { readonly accepted: true }; readonly items: readonly SealedItem[]; readonly proof: TxProof }
  | { readonly verdict: Verdict & { readonly accepted: false } };

/**
 * What a transaction of the light node seals, after checking the proof that the node keeps. Checks in order:
 *   a) transaction, proof and both headers were kept (SEAL_NOT_KEPT) and decode (SEAL_MALFORMED)
 *   b) the transaction's hash is its id, and the proof is for it (SEAL_OTHER_TRANSACTION)
 *   c) the next header names the header as the one before it (SEAL_HEADERS_APART)
 *   d) the path leads to the header's data hash, and the result's to the next header's results, at the same place (codes of verifyMerkle, RESULT_…)
 *   e) it took effect (SEAL_REFUSED)
 */
export function verifyOwnSeals(txIdHex: string, kept: OwnTransactionJson | undefined): VerifiedSeals {
  const refuse = (verdict: Verdict) => ({ verdict: verdict as Verdict & { readonly accepted: false } });
  if (!kept?.tx || !kept.proof || !kept.header || !kept.nextHeader) {
    const missing = ["tx", "proof", "header", "nextHeader"].filter((part) => !kept?.[part as keyof OwnTransactionJson]);
    return refuse(rejected("SEAL_NOT_KEPT", `the light node has no ${missing.join(", ")} of it any more`));
  }
  try {
    const tx = bytesOf(kept.tx);
    const [proof] = decodeTxProofs(bytesOf(kept.proof));
    const header = decodeHeader(bytesOf(kept.header));
    const next = decodeHeader(bytesOf(kept.nextHeader));
    const id = sha256(tx);
    const isOther = proof === undefined || Buffer.compare(proof.txId, id) !== 0;
    if (isOther || Buffer.from(id).toString("hex") !== txIdHex)
      return refuse(rejected("SEAL_OTHER_TRANSACTION", "the proof is for another transaction"));
    const isNext = header.height === proof.height && next.height === proof.height + 1;
    if (!isNext || Buffer.compare(next.lastBlockId.hash, hashHeader(header)) !== 0)
      return refuse(rejected("SEAL_HEADERS_APART", "the headers are not one behind the other"));
    for (const verdict of [verifyMerkle(header.dataHash, proof.inclusion, id), verifyResult(next, proof)])
      if (!verdict.accepted) return refuse(verdict);
    const code = resultCodeOf(proof.result?.bytes ?? new Uint8Array(0));
    if (code !== 0) return refuse(rejected("SEAL_REFUSED", `the ledger refused it with code ${code}`));
    return { verdict: { accepted: true }, items: sealedItemsOf(tx, proof.height), proof };
  } catch (error) {
    if (error instanceof LedgerError) return refuse(rejected("SEAL_MALFORMED", error.message));
    throw error;
  }
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}
