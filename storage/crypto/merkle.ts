import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { MAX_PROOF_AUNTS } from "../limits.ts";
import { FormatError } from "../types/formatError.ts";
import { EMPTY_BYTES, FieldReader, FieldWriter, HASH_BYTES, type Mutable } from "../types/wire.ts";
import { latin1Bytes, sha256, sha256Concat, sha256Latin1 } from "./hash.ts";

/**
 * Merkle trees of RFC 6962 §2.1 as CometBFT builds them (crypto/merkle): leaf SHA256(0x00 ‖ item), inner SHA256(0x01 ‖ left ‖ right),
 * split at the largest power of two below the number of items, empty tree SHA256("").
 */
export interface MerkleProof {
  /** Items of the tree. */
  readonly total: number;
  /** Position of the item, from 0. */
  readonly index: number;
  /** 32 bytes. */
  readonly leafHash: Uint8Array;
  /** Sibling hashes from the leaf to the root, 32 bytes each, at most MAX_PROOF_AUNTS. */
  readonly aunts: readonly Uint8Array[];
}

const EMPTY_ROOT = sha256(new Uint8Array(0));

/** Scratch for one inner node: 0x01, left, right. The program has one thread per module instance, and hashing does not yield. */
const innerScratch = Buffer.alloc(65);
innerScratch[0] = 1;
const INNER_PREFIX = Uint8Array.of(1);

function leafHashOf(item: Uint8Array): string {
  const bytes = Buffer.allocUnsafe(item.length + 1);
  bytes[0] = 0;
  bytes.set(item, 1);
  return sha256Latin1(bytes);
}

function innerHashOf(left: string, right: string): string {
  innerScratch.write(left, 1, "latin1");
  innerScratch.write(right, 33, "latin1");
  return sha256Latin1(innerScratch);
}

/** Hash of one leaf, 32 bytes. */
export function merkleLeafHash(item: Uint8Array): Uint8Array {
  return latin1Bytes(leafHashOf(item));
}

/** Root over the items, 32 bytes. */
export function merkleRoot(items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return EMPTY_ROOT;
  return latin1Bytes(rootOf(items.map(leafHashOf)));
}

/** Root over leaf hashes already computed, 32 bytes each. */
export function merkleRootOfHashes(leafHashes: readonly Uint8Array[]): Uint8Array {
  if (leafHashes.length === 0) return EMPTY_ROOT;
  return latin1Bytes(rootOf(leafHashes.map(latin1Of)));
}

/**
 * Level by level; an odd last node is carried up unhashed, which is the RFC's split. All levels are kept, so that every
 * proof is read off without hashing again.
 */
function levelsOf(leafHashes: string[]): string[][] {
  const levels = [leafHashes];
  for (let level = leafHashes; level.length > 1; ) {
    const above: string[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(innerHashOf(level[i] ?? "", level[i + 1] ?? ""));
    if (level.length % 2 === 1) above.push(level[level.length - 1] ?? "");
    levels.push(above);
    level = above;
  }
  return levels;
}

function rootOf(leafHashes: string[]): string {
  let level = leafHashes;
  while (level.length > 1) {
    const above: string[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(innerHashOf(level[i] ?? "", level[i + 1] ?? ""));
    if (level.length % 2 === 1) above.push(level[level.length - 1] ?? "");
    level = above;
  }
  return level[0] ?? "";
}

/** Proof that item `index` is in the tree; O(n) hashes. */
export function proveMerkle(items: readonly Uint8Array[], index: number): MerkleProof {
  const proof = proofsFrom(levelsOf(items.map(leafHashOf)), [index])[0];
  if (proof === undefined) throw new RangeError(`item ${index} of ${items.length}`);
  return proof;
}

/** A proof for every item; O(n) hashes in all. */
export function proveAll(items: readonly Uint8Array[]): readonly MerkleProof[] {
  return proofsFrom(levelsOf(items.map(leafHashOf)), items.keys());
}

function proofsFrom(levels: readonly (readonly string[])[], indexes: Iterable<number>): MerkleProof[] {
  const leaves = levels[0] ?? [];
  const proofs: MerkleProof[] = [];
  for (const index of indexes) {
    const leaf = leaves[index];
    if (leaf === undefined) continue;
    const aunts: Uint8Array[] = [];
    let position = index;
    for (const level of levels.slice(0, -1)) {
      const sibling = level[position ^ 1];
      if (sibling !== undefined) aunts.push(latin1Bytes(sibling));
      position >>= 1;
    }
    proofs.push({ total: leaves.length, index, leafHash: latin1Bytes(leaf), aunts });
  }
  return proofs;
}

/**
 * Verifies that `item` is item `proof.index` of the `proof.total` items under `root` (RFC 6962 §2.1.1, with item counts).
 * Total: any input is answered. Checks in order, with the code of each:
 * a) the root has 32 bytes: MERKLE_ROOT_MALFORMED
 * b) 0 ≤ index < total: MERKLE_INDEX_OUT_OF_RANGE
 * c) as many aunts as a tree of this size has on this path, 32 bytes each: MERKLE_PATH_MALFORMED
 * d) the item has the proof's leaf hash: MERKLE_LEAF_MISMATCH
 * e) the path leads to the root: MERKLE_ROOT_MISMATCH
 * The root fixes the sides of the path, not `total`: the last of five items is also "item 1 of 2". So acceptance means that the item is
 * under the root; whoever needs its position must know the total from elsewhere and compare it.
 */
export function verifyMerkle(root: Uint8Array, proof: MerkleProof, item: Uint8Array): Verdict {
  const { total, index, aunts } = proof;
  if (root.length !== 32) return rejected("MERKLE_ROOT_MALFORMED", `root has ${root.length} bytes, not 32`);
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(index) || index < 0 || index >= total)
    return rejected("MERKLE_INDEX_OUT_OF_RANGE", `item ${index} of ${total}`);
  if (proof.leafHash.length !== 32 || aunts.length > MAX_PROOF_AUNTS || aunts.some((aunt) => aunt.length !== 32))
    return rejected("MERKLE_PATH_MALFORMED", `${aunts.length} aunts, all hashes must have 32 bytes`);
  const leaf = leafHashOf(item);
  if (leaf !== latin1Of(proof.leafHash)) return rejected("MERKLE_LEAF_MISMATCH", "the item has another leaf hash");

  const computed = pathRoot(proof);
  if (computed === undefined)
    return rejected("MERKLE_PATH_MALFORMED", `${aunts.length} aunts do not fit item ${index} of ${total}`);
  if (computed !== latin1Of(root)) return rejected("MERKLE_ROOT_MISMATCH", "the path leads to another root");
  return ACCEPTED;
}

function pathRoot({ leafHash: leaf, aunts, total, index }: MerkleProof): string | undefined {
  let hash = latin1Of(leaf);
  let used = 0;
  let position = index;
  for (let width = total; width > 1; width = Math.ceil(width / 2)) {
    const isLonelyLast = position === width - 1 && width % 2 === 1;
    if (!isLonelyLast) {
      const aunt = aunts[used];
      if (aunt === undefined) return undefined;
      hash = position % 2 === 0 ? innerHashOf(hash, latin1Of(aunt)) : innerHashOf(latin1Of(aunt), hash);
      used += 1;
    }
    position = Math.floor(position / 2);
  }
  return used === aunts.length ? hash : undefined;
}

/** Hash of an inner node over its two children. */
export function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  // The scratch has room for hashes only; anything shorter would be hashed together with the bytes of an earlier call.
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) return sha256Concat(INNER_PREFIX, left, right);
  return latin1Bytes(innerHashOf(latin1Of(left), latin1Of(right)));
}

/** tendermint.crypto.Proof {total = 1, index = 2, leaf_hash = 3, aunts = 4}. */
export function encodeMerkleProof(proof: MerkleProof): Uint8Array {
  const writer = new FieldWriter().int(1, proof.total).int(2, proof.index).bytes(3, proof.leafHash);
  for (const aunt of proof.aunts) writer.message(4, aunt);
  return writer.finish();
}

/** @throws FormatError for what is no proof; whether it proves anything is `verifyMerkle`'s to say */
export function decodeMerkleProof(bytes: Uint8Array): MerkleProof {
  const aunts: Uint8Array[] = [];
  const proof: Mutable<MerkleProof> = { total: 0, index: 0, leafHash: EMPTY_BYTES, aunts };
  const fields = new FieldReader("merkleProof", bytes);
  while (fields.next()) {
    if (fields.number === 1) proof.total = fields.count("merkleProof.total");
    else if (fields.number === 2) proof.index = fields.count("merkleProof.index");
    else if (fields.number === 3) proof.leafHash = fields.bytesOf("merkleProof.leafHash", HASH_BYTES);
    else if (fields.number === 4) {
      if (aunts.length === MAX_PROOF_AUNTS)
        throw new FormatError({ code: "FORMAT_TOO_MANY", field: "merkleProof.aunts", max: MAX_PROOF_AUNTS });
      aunts.push(fields.bytesOf("merkleProof.aunts", HASH_BYTES));
    } else fields.refuse();
  }
  return proof;
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
