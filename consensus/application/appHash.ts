import { create, toBinary } from "@bufbuild/protobuf";
import { sha256Concat } from "#storage/crypto/hash.ts";
import type { MerkleProof } from "#storage/crypto/merkle.ts";
import { merkleLeafHash } from "#storage/crypto/merkle.ts";
import { verifyMountainProof } from "#storage/crypto/mountainRange.ts";
import type { StateProof } from "#storage/crypto/stateProof.ts";
import { decodeStateProof, encodeStateProof, verifyStateProof } from "#storage/crypto/stateProof.ts";
import type { Verdict } from "#storage/error.ts";
import { rejected } from "#storage/error.ts";
import type { AppHashProof } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { AncestorPathSchema, AppHashProofSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";

export interface AppRoots {
  /** Root of the state tree, 32 bytes. */
  readonly stateRoot: Uint8Array;
  /** Root of the mountain range over earlier block hashes, 32 bytes. */
  readonly mountainRoot: Uint8Array;
  /** Leaves of the mountain range. */
  readonly ancestorCount: number;
}

const PREFIX = Uint8Array.of(0x02);

/**
 * SHA256(0x02 ‖ state root ‖ mountain root ‖ ancestor count as uint64 BE). 0x00 and 0x01 begin the leaves and inner nodes of both trees. The
 * count is in it because an RFC 6962 root does not fix the number of its leaves, and without it a leaf could be shown in another's place.
 */
export function appHashOf({ stateRoot, mountainRoot, ancestorCount }: AppRoots): Uint8Array {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(ancestorCount));
  return sha256Concat(PREFIX, stateRoot, mountainRoot, count);
}

/** Proof bytes for one state key, or for its absence. */
export function encodeStateAnswer(roots: AppRoots, proof: StateProof): Uint8Array {
  return encode(roots, { case: "state", value: encodeStateProof(proof) });
}

/** Proof bytes for one block hash. */
export function encodeAncestorAnswer(roots: AppRoots, { aunts }: MerkleProof): Uint8Array {
  return encode(roots, { case: "ancestor", value: create(AncestorPathSchema, { aunts: [...aunts] }) });
}

function encode({ ancestorCount, ...roots }: AppRoots, path: AppHashProof["path"]): Uint8Array {
  return toBinary(
    AppHashProofSchema,
    create(AppHashProofSchema, { ...roots, ancestorCount: BigInt(ancestorCount), path }),
  );
}

/**
 * Verifies that under `appHash` the state key has exactly this value, or none if `value` is undefined. The app hash that a query at
 * height h answers for stands in the header of h + 1. Checks in order:
 *   a) the bytes are a proof of this kind (APP_PROOF_MALFORMED)   b) the roots and the count lead to the app hash (APP_HASH_MISMATCH)
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
  if (!leadsTo(appHash, proof)) return rejected("APP_HASH_MISMATCH", "for another app hash");
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
 *   a) and b) as verifyStateAnswer   c) the height is among the ancestors (APP_HEIGHT_NOT_COVERED)   d) verifyMountainProof, with its codes
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
  if (!leadsTo(appHash, proof)) return rejected("APP_HASH_MISMATCH", "for another app hash");
  const total = Number(proof.ancestorCount);
  const index = height - initialHeight;
  if (!Number.isSafeInteger(index) || index < 0 || index >= total)
    return rejected("APP_HEIGHT_NOT_COVERED", `height ${height} is not among the ${total} from ${initialHeight} on`);
  const path = { total, index, leafHash: merkleLeafHash(blockHash), aunts: proof.path.value.aunts };
  return verifyMountainProof(proof.mountainRoot, total, index, blockHash, path);
}

function leadsTo(appHash: Uint8Array, { stateRoot, mountainRoot, ancestorCount }: AppHashProof): boolean {
  if (ancestorCount > BigInt(Number.MAX_SAFE_INTEGER)) return false;
  return Buffer.compare(appHashOf({ stateRoot, mountainRoot, ancestorCount: Number(ancestorCount) }), appHash) === 0;
}

function decode(bytes: Uint8Array): AppHashProof | undefined {
  const decoded = decodeStrict(AppHashProofSchema, bytes);
  return "message" in decoded ? decoded.message : undefined;
}
