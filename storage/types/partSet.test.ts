import { expect, test } from "vitest";
import { BLOCK_PART_BYTES } from "../limits.ts";
import { decodePart, encodePart, makePartSet, maxPartsOf, type Part, PartSetBuilder } from "./partSet.ts";

const blockBytes = Uint8Array.from({ length: 2 * BLOCK_PART_BYTES + 100 }, (_, i) => (i * 31 + (i >> 16)) & 0xff);
const { header, parts } = makePartSet(blockBytes);
const [first, second, last] = parts as [Part, Part, Part];

function codeOf(part: Part, builder = new PartSetBuilder(header)): string {
  const verdict = builder.addPart(part);
  return verdict.accepted ? "accepted" : verdict.code;
}

test("parts in any order, sent and read again, give the block's bytes back", () => {
  const builder = new PartSetBuilder(header, blockBytes.length);
  for (const part of [last, first, second]) {
    expect(builder.isComplete).toBe(false);
    expect(builder.addPart(decodePart(encodePart(part))).accepted).toBe(true);
  }
  expect(builder.isComplete).toBe(true);
  expect(Buffer.compare(builder.blockBytes(), blockBytes)).toBe(0);
});

test("a part whose index is not its proof's is refused (GHSA-r3r4-g7hq-pq4f)", () => {
  expect(codeOf({ ...first, index: 1 })).toBe("PART_INDEX_MISMATCH");
  expect(codeOf({ ...first, proof: { ...first.proof, index: 1 } })).toBe("PART_INDEX_MISMATCH");
});

test("each kind of bad part has its code, and none is stored", () => {
  const builder = new PartSetBuilder(header);
  const flipped = Uint8Array.from(first.bytes, (byte, i) => (i === 7 ? byte ^ 1 : byte));
  expect(codeOf({ ...first, index: 3 }, builder)).toBe("PART_INDEX_OUT_OF_RANGE");
  expect(codeOf({ ...first, index: -1 }, builder)).toBe("PART_INDEX_OUT_OF_RANGE");
  expect(codeOf({ ...first, proof: { ...first.proof, total: 4 } }, builder)).toBe("PART_TOTAL_MISMATCH");
  expect(codeOf({ ...first, bytes: first.bytes.subarray(1) }, builder)).toBe("PART_SIZE_WRONG");
  expect(codeOf({ ...last, bytes: new Uint8Array(0) }, builder)).toBe("PART_SIZE_WRONG");
  expect(codeOf({ ...last, bytes: new Uint8Array(BLOCK_PART_BYTES + 1) }, builder)).toBe("PART_SIZE_WRONG");
  expect(codeOf({ ...first, bytes: flipped }, builder)).toBe("PART_PROOF_INVALID");
  expect(codeOf({ ...first, proof: { ...first.proof, aunts: [] } }, builder)).toBe("PART_PROOF_INVALID");
  expect(codeOf({ ...first, proof: second.proof, index: 1 }, builder)).toBe("PART_PROOF_INVALID");
  expect(builder.count).toBe(0);
  expect(codeOf(first, builder)).toBe("accepted");
  expect(codeOf(first, builder)).toBe("PART_DUPLICATE");
  expect(() => builder.blockBytes()).toThrow("PART_SET_INCOMPLETE have=1 total=3");
});

test("a header that claims more parts than the chain's block size allows is refused before any part", () => {
  expect(maxPartsOf(BLOCK_PART_BYTES)).toBe(1);
  expect(maxPartsOf(BLOCK_PART_BYTES + 1)).toBe(2);
  expect(() => new PartSetBuilder({ ...header, total: 4 }, 3 * BLOCK_PART_BYTES)).toThrow(
    "PART_SET_TOTAL_OUT_OF_RANGE",
  );
  expect(() => new PartSetBuilder({ ...header, total: 3 }, 3 * BLOCK_PART_BYTES)).not.toThrow();
  expect(() => new PartSetBuilder({ ...header, total: 0 })).toThrow("PART_SET_TOTAL_OUT_OF_RANGE");
});
