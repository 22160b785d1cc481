import { concatBytes, sha256 } from "#storage/crypto/hash.ts";
import type { MerkleProof } from "#storage/crypto/merkle.ts";
import { merkleLeafHash, merkleRoot } from "#storage/crypto/merkle.ts";
import type { MountainRange } from "#storage/crypto/mountainRange.ts";
import { appendToMountainRange, EMPTY_MOUNTAIN_RANGE } from "#storage/crypto/mountainRange.ts";

/**
 * The hashes of all blocks so far, and the mountain range over those that the app hash commits to. A block's hash is known only once
 * it is decided, and an empty block must not change the app hash. So hashes wait: executing a block with transactions first appends those of all
 * blocks before it. After the latest block with transactions, at height h, the range holds the blocks up to h - 1.
 * Leaf i is the 32-byte hash of the block at initialHeight + i. In memory 36 bytes per block.
 */
export class Ancestors {
  readonly initialHeight: number;
  readonly #hashes = new HashColumn();
  readonly #subtrees: HashColumn[] = [];
  #range: MountainRange = EMPTY_MOUNTAIN_RANGE;

  /** `count`: how many of the hashes are in the range. */
  constructor(initialHeight: number, hashes: Iterable<Uint8Array> = [], count = 0) {
    this.initialHeight = initialHeight;
    for (const hash of hashes) this.#hashes.append(hash);
    while (this.#range.count < Math.min(count, this.#hashes.length))
      this.#range = appendToMountainRange(this.#range, this.#hashes.get(this.#range.count));
  }

  /** What the app hash commits to now. */
  get range(): MountainRange {
    return this.#range;
  }

  /** The range with the hashes of all decided blocks. */
  extendedRange(): MountainRange {
    let range = this.#range;
    while (range.count < this.#hashes.length) range = appendToMountainRange(range, this.#hashes.get(range.count));
    return range;
  }

  /** After a block: the range it was executed with, and its hash. */
  commit(range: MountainRange, blockHash: Uint8Array): void {
    this.#range = range;
    this.#hashes.append(blockHash);
  }

  /** The way from a block to the root of the first `count` leaves; undefined if the block is not among them. O(log n) hashes. */
  prove(height: number, count: number): { hash: Uint8Array; proof: MerkleProof } | undefined {
    const index = height - this.initialHeight;
    if (!Number.isInteger(index) || index < 0 || index >= count || count > this.#range.count) return undefined;
    this.#growSubtrees();
    const aunts: Uint8Array[] = [];
    let from = 0;
    let to = count;
    const path: [number, number][] = [];
    while (to - from > 1) {
      const middle = from + largestPowerBelow(to - from);
      path.push(index < middle ? [middle, to] : [from, middle]);
      if (index < middle) to = middle;
      else from = middle;
    }
    for (const [start, end] of path.reverse()) aunts.push(this.#rootOf(start, end));
    const hash = this.#hashes.get(index);
    return { hash, proof: { total: count, index, leafHash: merkleLeafHash(hash), aunts } };
  }

  /** Root over the leaves [from, to), where `from` is a multiple of the largest power of two in the range, as RFC 6962 splits. */
  #rootOf(from: number, to: number): Uint8Array {
    const size = to - from;
    if (size <= BASE_LEAVES) return merkleRoot(Array.from({ length: size }, (_, i) => this.#hashes.get(from + i)));
    const level = Math.log2(size);
    if (Number.isInteger(level)) {
      const column = this.#subtrees[level - BASE_LEVEL];
      if (column !== undefined && from / size < column.length) return column.get(from / size);
    }
    const middle = from + largestPowerBelow(size);
    return innerHash(this.#rootOf(from, middle), this.#rootOf(middle, to));
  }

  /** Keeps the roots of full subtrees from 16 leaves on: a quarter of a hash per block, and no proof hashes more than a few dozen nodes. */
  #growSubtrees(): void {
    for (let level = BASE_LEVEL; 2 ** level <= this.#range.count; level++) {
      const size = 2 ** level;
      const column = this.#subtrees[level - BASE_LEVEL] ?? new HashColumn();
      this.#subtrees[level - BASE_LEVEL] = column;
      const below = this.#subtrees[level - BASE_LEVEL - 1];
      while ((column.length + 1) * size <= this.#range.count) {
        const at = column.length;
        column.append(
          below === undefined
            ? this.#rootOf(at * size, (at + 1) * size)
            : innerHash(below.get(2 * at), below.get(2 * at + 1)),
        );
      }
    }
  }
}

const BASE_LEVEL = 4;
const BASE_LEAVES = 2 ** BASE_LEVEL;

/** 32-byte hashes one after another: an array of objects would take three times the memory. */
class HashColumn {
  length = 0;
  #bytes = new Uint8Array(32 * 64);

  append(hash: Uint8Array): void {
    if ((this.length + 1) * 32 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(hash, this.length * 32);
    this.length += 1;
  }

  get(index: number): Uint8Array {
    return this.#bytes.slice(index * 32, index * 32 + 32);
  }
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}
