import type { MerkleProof } from "#storage/crypto/merkle.ts";
import type { TxResult } from "#storage/db/blockResults.ts";
import { base64, hex, int64 } from "./primitives.ts";
import { txResultJson } from "./results.ts";

export interface FoundTx {
  readonly hash: Uint8Array;
  readonly height: number;
  readonly index: number;
  readonly result: TxResult;
  readonly tx: Uint8Array;
  /** That the transaction's hash is in the data hash of its block; undefined when it was not asked for. */
  readonly proof: { readonly rootHash: Uint8Array; readonly proof: MerkleProof } | undefined;
}

export function txJson({ hash, height, index, result, tx, proof }: FoundTx): object {
  return {
    hash: hex(hash),
    height: int64(height),
    index,
    tx_result: txResultJson(result),
    tx: base64(tx),
    ...(proof === undefined
      ? {}
      : { proof: { root_hash: hex(proof.rootHash), data: base64(tx), proof: merkleProofJson(proof.proof) } }),
  };
}

function merkleProofJson({ total, index, leafHash, aunts }: MerkleProof): object {
  return { total: int64(total), index: int64(index), leaf_hash: base64(leafHash), aunts: aunts.map(base64) };
}
