import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "./hash.ts";
import { merkleRoot, proveMerkle } from "./merkle.ts";
import {
  appendToMountainRange,
  decodeMountainRange,
  EMPTY_MOUNTAIN_RANGE,
  encodeMountainRange,
  type MountainRange,
  MountainRangeError,
  mountainRoot,
  verifyMountainProof,
} from "./mountainRange.ts";

const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");
const itemsOf = (count: number) => Array.from({ length: count }, (_, i) => sha256(Buffer.from(`block ${i}`)));
const rangeOf = (items: readonly Uint8Array[]): MountainRange =>
  items.reduce(appendToMountainRange, EMPTY_MOUNTAIN_RANGE);

test("a mountain range has the Merkle root of all its items at every length, and survives encoding", () => {
  let range = EMPTY_MOUNTAIN_RANGE;
  const items = itemsOf(130);
  for (const [count, item] of items.entries()) {
    expect(hexOf(mountainRoot(range))).toBe(hexOf(merkleRoot(items.slice(0, count))));
    range = decodeMountainRange(encodeMountainRange(appendToMountainRange(range, item)));
    expect(range.count).toBe(count + 1);
  }
});

test("appending leaves the earlier range as it was", () => {
  const range = rangeOf(itemsOf(7));
  const root = hexOf(mountainRoot(range));
  appendToMountainRange(range, sha256(Buffer.from("another")));
  expect([range.count, range.peaks.length, hexOf(mountainRoot(range))]).toEqual([7, 3, root]);
});

test("a million items need 7 peaks, 232 bytes", () => {
  const peaks = Array.from({ length: 7 }, (_, i) => sha256(Buffer.from(`peak ${i}`)));
  expect(encodeMountainRange(decodeMountainRange(encodeMountainRange({ count: 1_000_000, peaks })))).toHaveLength(232);
});

test("every item proves its place under the root of every count, and no other place", () => {
  const items = itemsOf(20);
  for (let count = 1; count <= items.length; count++) {
    const root = mountainRoot(rangeOf(items.slice(0, count)));
    for (let index = 0; index < count; index++) {
      const proof = proveMerkle(items.slice(0, count), index);
      const item = items[index] as Uint8Array;
      expect(verifyMountainProof(root, count, index, item, proof)).toEqual({ accepted: true });
      for (let other = 0; other < count; other++)
        if (other !== index)
          expect(verifyMountainProof(root, count, other, item, { ...proof, index: other }).accepted).toBe(false);
    }
  }
});

test("a proof with a count of its own cannot move an item, though its path leads to the root", () => {
  const items = itemsOf(5);
  const root = mountainRoot(rangeOf(items));
  const last = items[4] as Uint8Array;
  const moved = { ...proveMerkle(items, 4), total: 2, index: 1 };
  expect(verifyMountainProof(root, 2, 1, last, moved)).toEqual({ accepted: true });
  expect(verifyMountainProof(root, 5, 1, last, moved)).toMatchObject({ code: "MOUNTAIN_POSITION_MISMATCH" });
  expect(verifyMountainProof(root, 5, 1, last, { ...moved, total: 5 })).toMatchObject({
    code: "MERKLE_PATH_MALFORMED",
  });
});

test("any bytes decode to a range that encodes to them again, or are refused by code", () => {
  const encoded = encodeMountainRange(rangeOf(itemsOf(11)));
  for (let length = 0; length < encoded.length; length++)
    expect(() => decodeMountainRange(encoded.subarray(0, length))).toThrow("MOUNTAIN_RANGE_MALFORMED");
  const small = fc.tuple(fc.constant(new Uint8Array(7)), fc.uint8Array({ maxLength: 70 }));
  const chosen = small.map((parts) => new Uint8Array(Buffer.concat(parts)));
  fc.assert(
    fc.property(fc.oneof(chosen, fc.uint8Array({ maxLength: 100 })), (bytes) => {
      try {
        expect(hexOf(encodeMountainRange(decodeMountainRange(bytes)))).toBe(hexOf(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(MountainRangeError);
      }
    }),
  );
});

test("a count that a number does not hold exactly is refused", () => {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(2n ** 53n);
  expect(() => decodeMountainRange(Buffer.concat([count, new Uint8Array(32)]))).toThrow("MOUNTAIN_RANGE_MALFORMED");
  count.writeBigUInt64BE(2n ** 52n);
  expect(decodeMountainRange(Buffer.concat([count, new Uint8Array(32)])).count).toBe(2 ** 52);
});
