import { LedgerError, rejected, type Verdict } from "../error.ts";
import { concatBytes, sha256 } from "./hash.ts";
import { innerHash, type MerkleProof, merkleLeafHash, verifyMerkle } from "./merkle.ts";

export class MountainRangeError extends LedgerError<{ code: "MOUNTAIN_RANGE_MALFORMED"; reason: string }> {}

/**
 * A Merkle mountain range: the roots of the full subtrees over all items so far, largest first. Bagged from the right they give exactly the
 * RFC 6962 root over all items, so a proof is an ordinary Merkle proof (`proveMerkle`) with the item count.
 * Immutable, at most 53 peaks of 32 bytes.
 */
export interface MountainRange {
  readonly count: number;
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_MOUNTAIN_RANGE: MountainRange = { count: 0, peaks: [] };

const EMPTY_ROOT = sha256(new Uint8Array(0));
const PEAK_BYTES = 32;
const COUNT_BYTES = 8;

/** The range with one more item; O(1) hashes on average. */
export function appendToMountainRange(range: MountainRange, item: Uint8Array): MountainRange {
  const peaks = [...range.peaks];
  let peak = merkleLeafHash(item);
  for (let size = range.count; size % 2 === 1; size = Math.floor(size / 2)) {
    const left = peaks.pop();
    if (left === undefined) break;
    peak = innerHash(left, peak);
  }
  peaks.push(peak);
  return { count: range.count + 1, peaks };
}

/** 32 bytes; of no items SHA256(""). */
export function mountainRoot(range: MountainRange): Uint8Array {
  return (
    range.peaks.reduceRight<Uint8Array | undefined>(
      (right, left) => (right ? innerHash(left, right) : left),
      undefined,
    ) ?? EMPTY_ROOT
  );
}

/**
 * Verifies that `item` is item `index` of a range of `count` items with this root. Both numbers come from the verifier: a Merkle root does
 * not fix the count, so a proof with a count of its own could show an item at another place. Checks in order, with the code of each:
 * a) the proof is for this count and index: MOUNTAIN_POSITION_MISMATCH
 * b) `verifyMerkle`, with its codes
 */
export function verifyMountainProof(
  root: Uint8Array,
  count: number,
  index: number,
  item: Uint8Array,
  proof: MerkleProof,
): Verdict {
  if (proof.total !== count || proof.index !== index)
    return rejected(
      "MOUNTAIN_POSITION_MISMATCH",
      `the proof is for item ${proof.index} of ${proof.total}, not ${index} of ${count}`,
    );
  return verifyMerkle(root, proof, item);
}

/** uint64 count, then the peaks. */
export function encodeMountainRange(range: MountainRange): Uint8Array {
  const count = Buffer.alloc(COUNT_BYTES);
  count.writeBigUInt64BE(BigInt(range.count));
  return concatBytes(count, ...range.peaks);
}

/** @throws MountainRangeError MOUNTAIN_RANGE_MALFORMED */
export function decodeMountainRange(bytes: Uint8Array): MountainRange {
  const malformed = (reason: string) => new MountainRangeError({ code: "MOUNTAIN_RANGE_MALFORMED", reason });
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < COUNT_BYTES) throw malformed(`${buffer.length} bytes`);
  const count = Number(buffer.readBigUInt64BE(0));
  if (!Number.isSafeInteger(count)) throw malformed("count too large");
  // One peak for each power of two in the count.
  const expected = count.toString(2).replaceAll("0", "").length;
  if (buffer.length !== COUNT_BYTES + PEAK_BYTES * expected)
    throw malformed(`${buffer.length} bytes for ${count} items`);
  const peaks = Array.from({ length: expected }, (_, i) => {
    const at = COUNT_BYTES + PEAK_BYTES * i;
    return Uint8Array.from(buffer.subarray(at, at + PEAK_BYTES));
  });
  return { count, peaks };
}
