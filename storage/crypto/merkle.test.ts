import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ripemd160, sha256, sha256Concat } from "./hash.ts";
import { merkleLeafHash, merkleRoot, merkleRootOfHashes, proveAll, proveMerkle, verifyMerkle } from "./merkle.ts";
import {
  appendToMountainRange,
  decodeMountainRange,
  EMPTY_MOUNTAIN_RANGE,
  encodeMountainRange,
  mountainRoot,
} from "./mountainRange.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");
const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");
const itemsOf = (count: number) => Array.from({ length: count }, (_, i) => Buffer.from(`item ${i}`));

test("SHA-256 agrees with an independent implementation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
      expect(sha256(input)).toEqual(Buffer.from(nobleSha256(input)));
    }),
  );
  expect(sha256Concat(bytes("01"), bytes("0203"))).toEqual(sha256(bytes("010203")));
  expect(hexOf(ripemd160(Buffer.from("abc")))).toBe("8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
});

test.each([
  { items: [], root: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  { items: ["010203"], root: "054edec1d0211f624fed0cbca9d4f9400b0e491c43742af2c5b0abebf0c990d8" },
  { items: [""], root: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
  { items: ["010203", "040506"], root: "82e6cfce00453804379b53962939eaa7906b39904be0813fcadd31b100773c4b" },
  {
    items: ["0102", "0304", "0506", "0708", "090a"],
    root: "f326493eceab4f2d9ffbc78c59432a0a005d6ea98392045c74df5d14a113be18",
  },
])("CometBFT's Merkle vector $items has its root", ({ items, root }) => {
  expect(hexOf(merkleRoot(items.map(bytes)))).toBe(root);
});

test("every item of trees up to 70 items proves its place, and no other", () => {
  for (let count = 1; count <= 70; count++) {
    const items = itemsOf(count);
    const root = merkleRoot(items);
    expect(merkleRootOfHashes(items.map(merkleLeafHash))).toEqual(root);
    for (const [index, proof] of proveAll(items).entries()) {
      const item = items[index] ?? bytes("");
      expect(verifyMerkle(root, proof, item)).toEqual({ accepted: true });
      if (count > 1) expect(verifyMerkle(root, { ...proof, index: (index + 1) % count }, item).accepted).toBe(false);
    }
  }
});

test("each check of a Merkle proof has its own code", () => {
  const items = itemsOf(6);
  const root = merkleRoot(items);
  const proof = proveMerkle(items, 2);
  const item = items[2] ?? bytes("");
  const codeOf = (verdict: ReturnType<typeof verifyMerkle>) => (verdict.accepted ? "accepted" : verdict.code);
  expect(codeOf(verifyMerkle(new Uint8Array(0), proof, item))).toBe("MERKLE_ROOT_MALFORMED");
  expect(codeOf(verifyMerkle(root, { ...proof, index: 6 }, item))).toBe("MERKLE_INDEX_OUT_OF_RANGE");
  expect(codeOf(verifyMerkle(root, { ...proof, aunts: proof.aunts.slice(1) }, item))).toBe("MERKLE_PATH_MALFORMED");
  expect(codeOf(verifyMerkle(root, { ...proof, aunts: [...proof.aunts, root] }, item))).toBe("MERKLE_PATH_MALFORMED");
  expect(codeOf(verifyMerkle(root, { ...proof, aunts: new Array(101).fill(root) }, item))).toBe(
    "MERKLE_PATH_MALFORMED",
  );
  expect(codeOf(verifyMerkle(root, proof, bytes("00")))).toBe("MERKLE_LEAF_MISMATCH");
  expect(codeOf(verifyMerkle(sha256(root), proof, item))).toBe("MERKLE_ROOT_MISMATCH");
});

test("a mountain range has the Merkle root of all its items at every length, and survives encoding", () => {
  let range = EMPTY_MOUNTAIN_RANGE;
  const items = itemsOf(130);
  for (const [count, item] of items.entries()) {
    expect(hexOf(mountainRoot(range))).toBe(hexOf(merkleRoot(items.slice(0, count))));
    range = decodeMountainRange(encodeMountainRange(appendToMountainRange(range, item)));
  }
  expect(() => decodeMountainRange(encodeMountainRange(range).subarray(1))).toThrow("MOUNTAIN_RANGE_MALFORMED");
});
