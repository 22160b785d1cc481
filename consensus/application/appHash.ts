import { sha256Concat } from "#storage/crypto/hash.ts";
import type { MerkleProof } from "#storage/crypto/merkle.ts";
import { merkleLeafHash } from "#storage/crypto/merkle.ts";
import { verifyMountainProof } from "#storage/crypto/mountainRange.ts";
import type { StateProof } from "#storage/crypto/stateProof.ts";
import { decodeStateProof, encodeStateProof, verifyStateProof } from "#storage/crypto/stateProof.ts";
import type { Verdict } from "#storage/error.ts";
import { rejected } from "#storage/error.ts";
import { MAX_PROOF_AUNTS } from "#storage/limits.ts";
import { FormatError } from "#storage/types/formatError.ts";
import { decodeCanonical, EMPTY_BYTES, FieldReader, FieldWriter, HASH_BYTES } from "#storage/types/wire.ts";

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

/**
 * edream.ledger.v1.AppHashProof. Written and read by hand: light nodes verify these proofs, and the protobuf library would be 3 MB of
 * their memory.
 */
interface AppHashProof extends AppRoots {
  readonly path:
    | { readonly case: "state"; readonly proof: Uint8Array }
    | { readonly case: "ancestor"; readonly aunts: readonly Uint8Array[] };
}

/** Bytes of the largest proof: a state path of 256 hashes, or MAX_PROOF_AUNTS of them, with the roots and their framing. */
const MAX_PROOF_BYTES = 10 * 1024;

/** Proof bytes for one state key, or for its absence. */
export function encodeStateAnswer(roots: AppRoots, proof: StateProof): Uint8Array {
  return encode({ ...roots, path: { case: "state", proof: encodeStateProof(proof) } });
}

/** Proof bytes for one block hash. */
export function encodeAncestorAnswer(roots: AppRoots, { aunts }: MerkleProof): Uint8Array {
  return encode({ ...roots, path: { case: "ancestor", aunts } });
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
    stateProof = decodeStateProof(proof.path.proof);
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
  const total = proof.ancestorCount;
  const index = height - initialHeight;
  if (!Number.isSafeInteger(index) || index < 0 || index >= total)
    return rejected("APP_HEIGHT_NOT_COVERED", `height ${height} is not among the ${total} from ${initialHeight} on`);
  const path = { total, index, leafHash: merkleLeafHash(blockHash), aunts: proof.path.aunts };
  return verifyMountainProof(proof.mountainRoot, total, index, blockHash, path);
}

function leadsTo(appHash: Uint8Array, roots: AppRoots): boolean {
  return Buffer.compare(appHashOf(roots), appHash) === 0;
}

function encode({ stateRoot, mountainRoot, ancestorCount, path }: AppHashProof): Uint8Array {
  const writer = new FieldWriter().bytes(1, stateRoot).bytes(2, mountainRoot).int(3, ancestorCount);
  if (path.case === "state") return writer.message(4, path.proof).finish();
  const aunts = new FieldWriter();
  for (const aunt of path.aunts) aunts.message(1, aunt);
  return writer.message(5, aunts.finish()).finish();
}

/** The one canonical form only: another spelling of the same proof is refused. */
function decode(bytes: Uint8Array): AppHashProof | undefined {
  try {
    return decodeCanonical("AppHashProof", MAX_PROOF_BYTES, bytes, read, encode);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function read(bytes: Uint8Array): AppHashProof {
  const reader = new FieldReader("AppHashProof", bytes);
  let stateRoot: Uint8Array = EMPTY_BYTES;
  let mountainRoot: Uint8Array = EMPTY_BYTES;
  let ancestorCount = 0;
  let path: AppHashProof["path"] | undefined;
  while (reader.next()) {
    if (reader.number === 1) stateRoot = reader.bytesOf("stateRoot", HASH_BYTES);
    else if (reader.number === 2) mountainRoot = reader.bytesOf("mountainRoot", HASH_BYTES);
    else if (reader.number === 3) ancestorCount = reader.count("ancestorCount");
    else if (reader.number === 4) path = { case: "state", proof: reader.message() };
    else if (reader.number === 5) path = { case: "ancestor", aunts: readAunts(reader.message()) };
    else reader.refuse();
  }
  if (path === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "appHashProof.path" });
  return { stateRoot, mountainRoot, ancestorCount, path };
}

function readAunts(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new FieldReader("AncestorPath", bytes);
  const aunts: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.number !== 1) reader.refuse();
    if (aunts.length === MAX_PROOF_AUNTS)
      throw new FormatError({ code: "FORMAT_TOO_MANY", field: "ancestorPath.aunts", max: MAX_PROOF_AUNTS });
    aunts.push(reader.bytesOf("aunt", HASH_BYTES));
  }
  return aunts;
}
