import { hash } from "node:crypto";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { MAX_PROOF_AUNTS } from "../limits.ts";
import { expectBytes, IntervalError } from "./interval.ts";
import { writeSafeInt64 } from "./reading.ts";

/** Layouts: the table in interval.ts. Hashes in flight are binary strings (one character a byte), 3 times as fast as Buffers (research/limits.md §2). */

/** Bytes of a leaf's hash. */
export const LEAF_HASH_BYTES = 32;

/** 32 leaves. */
const FIRST_LEAVES_BYTES = 1024;

const LEAF = Buffer.alloc(49);
const INNER = Buffer.alloc(65);
INNER[0] = 1;

/** One reading with all that proves it under a readings root, and nothing about its neighbours but hashes. */
export interface ReadingProof {
  /** Position in the interval, from 0. */
  readonly index: number;
  /** Readings of the interval. */
  readonly total: number;
  readonly value: number;
  readonly timestampMs: number;
  /** 32 bytes. */
  readonly salt: Uint8Array;
  /** Leaf to root, 32 bytes each, at most MAX_PROOF_AUNTS. */
  readonly aunts: readonly Uint8Array[];
}

/**
 * SHA256(0x00 ‖ salt ‖ int64 value ‖ uint64 timestampMs): all that has to be kept of a reading whose value and salt are erased.
 * @throws IntervalError INTERVAL_BYTES_LENGTH, INTERVAL_NUMBER_OUT_OF_RANGE
 */
export function readingLeafHash(salt: Uint8Array, value: number, timestampMs: number): Uint8Array {
  return toBytes(leafHash(salt, value, timestampMs));
}

/**
 * The readings root as a stream: keeps one hash per set bit of the count, so at most 32 hashes for any interval, and yields the RFC 6962
 * root of all leaves so far. 2 hashes per reading on average.
 */
export class ReadingsRootStream {
  /** Undefined: not kept. */
  #leaves: Buffer | undefined;
  /** Roots of full subtrees, largest first; their sizes are the set bits of the count, highest first. */
  readonly #peaks: string[] = [];
  #count = 0;

  /** keepLeaves: holds all leaf hashes too, 32 bytes each and up to as much again for growing. */
  constructor({ keepLeaves = false } = {}) {
    if (keepLeaves) this.#leaves = Buffer.allocUnsafe(FIRST_LEAVES_BYTES);
  }

  get count(): number {
    return this.#count;
  }

  /** Leaf hashes in their order, 32 bytes each; a copy. Undefined unless they are kept. */
  leaves(): Uint8Array | undefined {
    return this.#leaves && new Uint8Array(this.#leaves.subarray(0, LEAF_HASH_BYTES * this.#count));
  }

  /** Hashes held, at most log2 of the count plus one. */
  get heldHashes(): number {
    return this.#peaks.length;
  }

  /** @throws IntervalError as readingLeafHash */
  append(salt: Uint8Array, value: number, timestampMs: number): void {
    this.#appendHash(leafHash(salt, value, timestampMs));
  }

  /** For a leaf of which only the hash is left. @throws IntervalError INTERVAL_BYTES_LENGTH */
  appendLeafHash(leaf: Uint8Array): void {
    expectBytes("leafHash", leaf, 32);
    this.#appendHash(fromBytes(leaf));
  }

  root(): Uint8Array {
    let root = this.#peaks.at(-1) ?? hash("sha256", "", "binary");
    for (let i = this.#peaks.length - 2; i >= 0; i--) root = innerHash(this.#peaks[i]!, root);
    return toBytes(root);
  }

  #appendHash(leaf: string): void {
    if (this.#leaves !== undefined) this.#keep(this.#leaves, leaf);
    let node = leaf;
    // Every trailing one bit of the old count is a subtree as large as the one in hand.
    for (let rest = this.#count; rest % 2 === 1; rest = Math.floor(rest / 2))
      node = innerHash(this.#peaks.pop()!, node);
    this.#peaks.push(node);
    this.#count += 1;
  }

  #keep(leaves: Buffer, leaf: string): void {
    let kept = leaves;
    if (LEAF_HASH_BYTES * this.#count === kept.length) {
      kept = Buffer.allocUnsafe(2 * leaves.length);
      leaves.copy(kept);
      this.#leaves = kept;
    }
    kept.write(leaf, LEAF_HASH_BYTES * this.#count, "latin1");
  }
}

/**
 * Proof of one reading from the leaf hashes of its interval; the neighbours' values and salts are not needed, so they may be erased.
 * @throws IntervalError INTERVAL_INDEX_OUT_OF_RANGE, INTERVAL_BYTES_LENGTH
 */
export function proveReading(
  leafHashes: readonly Uint8Array[],
  index: number,
  reading: { readonly salt: Uint8Array; readonly value: number; readonly timestampMs: number },
): ReadingProof {
  const total = leafHashes.length;
  if (!Number.isInteger(index) || index < 0 || index >= total)
    throw new IntervalError({ code: "INTERVAL_INDEX_OUT_OF_RANGE", index, total });
  const { salt, value, timestampMs } = reading;
  return { index, total, value, timestampMs, salt, aunts: auntsOf(leafHashes, index) };
}

/** What is sealed of an interval's readings. */
export interface SealedReadings {
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly count: number;
}

/**
 * Verifies one reading of a sealed interval. The count is the sealed one: a root alone does not fix it, and with a count of its own a proof
 * could show a reading at another's place. Checks, in this order:
 * a) the proof is for that many readings and has the shape of its index (else READING_PROOF_MALFORMED);
 * b) the leaf of salt, value and time leads to the root along the aunts (else READING_PROOF_MISMATCH).
 */
export function verifyReading({ root, count }: SealedReadings, proof: ReadingProof): Verdict {
  const { index, total, value, timestampMs, salt, aunts } = proof;
  const malformed = (reason: string): Verdict => rejected("READING_PROOF_MALFORMED", reason);
  if (root.length !== 32) return malformed(`the root has ${root.length} bytes, not 32`);
  if (total !== count) return malformed(`the proof is for ${total} readings, ${count} are sealed`);
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(index) || index < 0 || index >= total)
    return malformed(`there is no reading ${index} among ${total}`);
  if (salt.length !== 32) return malformed(`the salt has ${salt.length} bytes, not 32`);
  if (!Number.isSafeInteger(value)) return malformed("the value is not an integer within 2^53 - 1");
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) return malformed("the timestamp is not a time in ms");
  if (aunts.length > MAX_PROOF_AUNTS) return malformed(`${aunts.length} aunts are more than ${MAX_PROOF_AUNTS}`);
  if (aunts.some((aunt) => aunt.length !== 32)) return malformed("an aunt has not 32 bytes");
  const sides = sidesOf(index, total);
  if (sides.length !== aunts.length) return malformed(`${aunts.length} aunts, but the path has ${sides.length}`);

  let node = leafHash(salt, value, timestampMs);
  for (const [depth, side] of sides.entries()) {
    const aunt = fromBytes(aunts[depth]!);
    node = side === "left" ? innerHash(aunt, node) : innerHash(node, aunt);
  }
  if (node !== fromBytes(root))
    return rejected("READING_PROOF_MISMATCH", "value, time, salt or path is not under this root");
  return ACCEPTED;
}

/** Which side each aunt stands on, leaf to root. */
function sidesOf(index: number, total: number): readonly ("left" | "right")[] {
  const sides: ("left" | "right")[] = [];
  for (let [at, size] = [index, total]; size > 1; ) {
    const split = splitOf(size);
    sides.push(at < split ? "right" : "left");
    [at, size] = at < split ? [at, split] : [at - split, size - split];
  }
  return sides.reverse();
}

function auntsOf(leafHashes: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  const aunts: Uint8Array[] = [];
  for (let [from, to] = [0, leafHashes.length]; to - from > 1; ) {
    const middle = from + splitOf(to - from);
    aunts.push(index < middle ? rootOf(leafHashes, middle, to) : rootOf(leafHashes, from, middle));
    [from, to] = index < middle ? [from, middle] : [middle, to];
  }
  return aunts.reverse();
}

function rootOf(leafHashes: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const stream = new ReadingsRootStream();
  for (let i = from; i < to; i++) stream.appendLeafHash(leafHashes[i]!);
  return stream.root();
}

/** The largest power of two below `size` (RFC 6962 §2.1). */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

function leafHash(salt: Uint8Array, value: number, timestampMs: number): string {
  expectBytes("salt", salt, 32);
  if (!Number.isSafeInteger(value))
    throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field: "value", value });
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0)
    throw new IntervalError({ code: "INTERVAL_NUMBER_OUT_OF_RANGE", field: "timestampMs", value: timestampMs });
  LEAF.set(salt, 1);
  writeSafeInt64(LEAF, value, 33);
  writeSafeInt64(LEAF, timestampMs, 41);
  return hash("sha256", LEAF, "binary");
}

function innerHash(left: string, right: string): string {
  INNER.write(left, 1, "latin1");
  INNER.write(right, 33, "latin1");
  return hash("sha256", INNER, "binary");
}

function toBytes(latin1: string): Uint8Array {
  return new Uint8Array(Buffer.from(latin1, "binary"));
}

function fromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("binary");
}
