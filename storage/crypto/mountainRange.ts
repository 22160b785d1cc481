import { LedgerError } from "../error.ts";
import { concatBytes, sha256 } from "./hash.ts";
import { innerHash, merkleLeafHash } from "./merkle.ts";

export class MountainRangeError extends LedgerError<{ code: "MOUNTAIN_RANGE_MALFORMED"; reason: string }> {}

/**
 * A Merkle mountain range: the roots of the full subtrees over all items so far, largest first. Bagged from the right they give exactly the
 * RFC 6962 root over all items, so a proof is an ordinary Merkle proof (`proveMerkle`, `verifyMerkle`) with the item count.
 * Immutable, at most 53 peaks of 32 bytes.
 */
export interface MountainRange {
  readonly count: number;
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_MOUNTAIN_RANGE: MountainRange = { count: 0, peaks: [] };

const EMPTY_ROOT = sha256(new Uint8Array(0));

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

/** uint64 count, then the peaks. */
export function encodeMountainRange(range: MountainRange): Uint8Array {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(range.count));
  return concatBytes(count, ...range.peaks);
}

/** @throws MountainRangeError MOUNTAIN_RANGE_MALFORMED */
export function decodeMountainRange(bytes: Uint8Array): MountainRange {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 8)
    throw new MountainRangeError({ code: "MOUNTAIN_RANGE_MALFORMED", reason: `${buffer.length} bytes` });
  const count = Number(buffer.readBigUInt64BE(0));
  if (!Number.isSafeInteger(count))
    throw new MountainRangeError({ code: "MOUNTAIN_RANGE_MALFORMED", reason: "count too large" });
  const expected = count.toString(2).replaceAll("0", "").length;
  if (buffer.length !== 8 + 32 * expected)
    throw new MountainRangeError({
      code: "MOUNTAIN_RANGE_MALFORMED",
      reason: `${buffer.length} bytes for ${count} items`,
    });
  const peaks = Array.from({ length: expected }, (_, i) => Uint8Array.from(buffer.subarray(8 + 32 * i, 40 + 32 * i)));
  return { count, peaks };
}
