import { ACCEPTED, LedgerError, rejected, type Verdict } from "../error.ts";
import { latin1Bytes, sha256Latin1 } from "./hash.ts";
import { bitAt, EMPTY_HASH, innerHashOf, isLeaf, leafHashOf, type StateTree } from "./stateTree.ts";

export class StateProofError extends LedgerError<{ code: "STATE_PROOF_MALFORMED"; reason: string }> {}

/**
 * What stands on the path of a key, and the sibling hashes along it. Proves that a key has a value (the leaf is the key's own), or that it
 * has none (the place is empty, or holds another key's leaf).
 */
export interface StateProof {
  /** Hashes of the key and value of the leaf at the end of the path, 32 bytes each as latin1; undefined for an empty place. */
  readonly leaf: { readonly keyHash: string; readonly valueHash: string } | undefined;
  /** From the root down, latin1. */
  readonly siblings: readonly string[];
}

/** Bits of a key hash: no path is longer. */
const MAX_DEPTH = 256;

export function treeProve(tree: StateTree, key: Uint8Array): StateProof {
  const keyHash = sha256Latin1(key);
  const siblings: string[] = [];
  let node = tree.root;
  while (node !== undefined && !isLeaf(node)) {
    const goesLeft = bitAt(keyHash, siblings.length) === 0;
    siblings.push((goesLeft ? node.right : node.left)?.hash ?? EMPTY_HASH);
    node = goesLeft ? node.left : node.right;
  }
  return { leaf: node && { keyHash: node.keyHash, valueHash: node.valueHash }, siblings };
}

/**
 * Verifies that under `root` the key has exactly this value, or none if `value` is undefined. Checks in order, with the code of each:
 * a) the root and every hash have 32 bytes, the path at most 256 steps: STATE_PROOF_MALFORMED
 * b) for a value: the leaf is of this key and this value: STATE_VALUE_MISMATCH
 * c) for no value: the place is empty or holds another key that belongs there: STATE_KEY_PRESENT, STATE_LEAF_MISPLACED
 * d) the path leads to the root: STATE_ROOT_MISMATCH
 */
export function verifyStateProof(
  root: Uint8Array,
  key: Uint8Array,
  value: Uint8Array | undefined,
  proof: StateProof,
): Verdict {
  const { leaf, siblings } = proof;
  if (root.length !== 32 || siblings.length > MAX_DEPTH)
    return rejected("STATE_PROOF_MALFORMED", `root of ${root.length} bytes, path of ${siblings.length}`);
  // `decodeStateProof` gives whole hashes only; a proof that came another way must not be hashed into a scratch of 32-byte places.
  const hashes = leaf === undefined ? siblings : [leaf.keyHash, leaf.valueHash, ...siblings];
  if (!hashes.every((hash) => hash.length === 32)) return rejected("STATE_PROOF_MALFORMED", "a hash has not 32 bytes");
  const keyHash = sha256Latin1(key);
  if (value !== undefined) {
    if (leaf === undefined || leaf.keyHash !== keyHash || leaf.valueHash !== sha256Latin1(value))
      return rejected("STATE_VALUE_MISMATCH", "the proof is for another key or value");
  } else if (leaf !== undefined) {
    if (leaf.keyHash === keyHash) return rejected("STATE_KEY_PRESENT", "the key has a value");
    for (let depth = 0; depth < siblings.length; depth++)
      if (bitAt(leaf.keyHash, depth) !== bitAt(keyHash, depth))
        return rejected("STATE_LEAF_MISPLACED", "the other key does not belong on this path");
  }
  let hash = leaf === undefined ? EMPTY_HASH : leafHashOf(leaf.keyHash, leaf.valueHash);
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth] ?? EMPTY_HASH;
    hash = bitAt(keyHash, depth) === 0 ? innerHashOf(hash, sibling) : innerHashOf(sibling, hash);
  }
  if (hash !== Buffer.from(root).toString("latin1"))
    return rejected("STATE_ROOT_MISMATCH", "the path leads to another root");
  return ACCEPTED;
}

/** uint16 steps, one bit per step that is 1 where a sibling follows (0: empty), the siblings, then the leaf's 64 bytes if there is one. */
export function encodeStateProof(proof: StateProof): Uint8Array {
  const { leaf, siblings } = proof;
  const bitmap = Buffer.alloc(Math.ceil(siblings.length / 8));
  const present = siblings.filter((sibling, step) => {
    if (sibling === EMPTY_HASH) return false;
    bitmap[step >> 3] = (bitmap[step >> 3] ?? 0) | (0x80 >> (step & 7));
    return true;
  });
  const steps = Buffer.from([siblings.length >> 8, siblings.length & 255]);
  const tail = leaf === undefined ? "" : leaf.keyHash + leaf.valueHash;
  return Buffer.concat([steps, bitmap, latin1Bytes(present.join("") + tail)]);
}

/** @throws StateProofError STATE_PROOF_MALFORMED: every proof has exactly one encoding */
export function decodeStateProof(bytes: Uint8Array): StateProof {
  const malformed = (reason: string) => new StateProofError({ code: "STATE_PROOF_MALFORMED", reason });
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 2) throw malformed("cut short");
  const steps = buffer.readUInt16BE(0);
  if (steps > MAX_DEPTH) throw malformed(`${steps} steps`);
  let at = 2 + Math.ceil(steps / 8);
  if (buffer.length < at) throw malformed("cut short");
  const take = () => {
    if (at + 32 > buffer.length) throw malformed("cut short");
    at += 32;
    return buffer.toString("latin1", at - 32, at);
  };
  const bit = (step: number) => ((buffer[2 + (step >> 3)] ?? 0) >> (7 - (step & 7))) & 1;
  const siblings: string[] = [];
  for (let step = 0; step < steps; step++) {
    const sibling = bit(step) === 1 ? take() : EMPTY_HASH;
    if (bit(step) === 1 && sibling === EMPTY_HASH) throw malformed("an empty sibling is written out");
    siblings.push(sibling);
  }
  for (let step = steps; step % 8 !== 0; step++) if (bit(step) === 1) throw malformed("unused bits are set");
  const leaf = at === buffer.length ? undefined : { keyHash: take(), valueHash: take() };
  if (at !== buffer.length) throw malformed("bytes are left over");
  return { leaf, siblings };
}
