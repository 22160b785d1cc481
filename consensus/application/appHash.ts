import { create, toBinary } from "@bufbuild/protobuf";
import { sha256Concat } from "#storage/crypto/hash.ts";
import type { MerkleProof } from "#storage/crypto/merkle.ts";
import { merkleLeafHash, verifyMerkle } from "#storage/crypto/merkle.ts";
import type { StateProof } from "#storage/crypto/stateProof.ts";
import { decodeStateProof, encodeStateProof, verifyStateProof } from "#storage/crypto/stateProof.ts";
import type { Verdict } from "#storage/error.ts";
import { rejected } from "#storage/error.ts";
import type { AppHashProof } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { AppHashProofSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";

export interface AppRoots {
  /** Root of the state tree, 32 bytes. */
  readonly stateRoot: Uint8Array;
  /** Root of the mountain range over earlier block hashes, 32 bytes. */
  readonly mountainRoot: Uint8Array;
}

const PREFIX = Uint8Array.of(0x02);

/** SHA256(0x02 ‖ state root ‖ mountain root): 0x00 and 0x01 begin the leaves and inner nodes of both trees. */
export function appHashOf({ stateRoot, mountainRoot }: AppRoots): Uint8Array {
  return sha256Concat(PREFIX, stateRoot, mountainRoot);
}

/** Proof bytes for one state key, or for its absence. */
export function encodeStateAnswer(roots: AppRoots, proof: StateProof): Uint8Array {
  return encode(roots, { case: "state", value: encodeStateProof(proof) });
}

/** Proof bytes for one block hash. */
export function encodeAncestorAnswer(roots: AppRoots, { total, index, aunts }: MerkleProof): Uint8Array {
  const value = { total: BigInt(total), index: BigInt(index), aunts: [...aunts] };
  return encode(roots, { case: "ancestor", value } as never);
}

function encode(roots: AppRoots, path: AppHashProof["path"]): Uint8Array {
  return toBinary(AppHashProofSchema, create(AppHashProofSchema, { ...roots, path }));
}

/**
 * Verifies that under `appHash` the state key has exactly this value, or none if `value` is undefined. The app hash that a query at
 * height h answers for stands in the header of h + 1. Checks in order:
 *   a) the bytes are a proof of this kind (APP_PROOF_MALFORMED)   b) both roots lead to the app hash (APP_HASH_MISMATCH)
 *   c) verifyStateProof, with its codes
 */
export function verifyStateAnswer(
  appHash: Uint8Array,
  key: Uint8Array,
  value: Uint8Array | undefined,
  proofBytes: Uint8Array,
): Verdict {
  const proof = decode(proofBytes);
  if (proof?.path.case !== "state") return rejected("APP_PROOF_MALFORMED", "not a state proof");
  if (Buffer.compare(appHashOf(proof), appHash) !== 0) return rejected("APP_HASH_MISMATCH", "for another app hash");
  let stateProof: StateProof;
  try {
    stateProof = decodeStateProof(proof.path.value);
  } catch {
    return rejected("APP_PROOF_MALFORMED", "the state proof does not decode");
  }
  return verifyStateProof(proof.stateRoot, key, value, stateProof);
}

/**
 * Verifies that `blockHash` is the hash of the block at `height` of the chain whose app hash this is. Checks in order:
 *   a) and b) as verifyStateAnswer   c) the leaf is the one of this height (APP_PROOF_MALFORMED)   d) verifyMerkle, with its codes
 */
export function verifyAncestorAnswer(
  appHash: Uint8Array,
  initialHeight: number,
  height: number,
  blockHash: Uint8Array,
  proofBytes: Uint8Array,
): Verdict {
  const proof = decode(proofBytes);
  if (proof?.path.case !== "ancestor") return rejected("APP_PROOF_MALFORMED", "not an ancestor proof");
  if (Buffer.compare(appHashOf(proof), appHash) !== 0) return rejected("APP_HASH_MISMATCH", "for another app hash");
  const { total, index, aunts } = proof.path.value;
  if (index !== BigInt(height - initialHeight))
    return rejected("APP_PROOF_MALFORMED", `leaf ${index} is not height ${height}`);
  const path = { total: Number(total), index: Number(index), leafHash: merkleLeafHash(blockHash), aunts };
  return verifyMerkle(proof.mountainRoot, path, blockHash);
}

function decode(bytes: Uint8Array): AppHashProof | undefined {
  const decoded = decodeStrict(AppHashProofSchema, bytes);
  return "message" in decoded ? decoded.message : undefined;
}
