import fc from "fast-check";
import { expect, test } from "vitest";
import { LedgerError, type Verdict } from "../error.ts";
import { MAX_PROOF_AUNTS } from "../limits.ts";
import { FieldWriter } from "../types/wire.ts";
import { sha256, sha256Concat } from "./hash.ts";
import {
  decodeMerkleProof,
  encodeMerkleProof,
  innerHash,
  type MerkleProof,
  merkleLeafHash,
  merkleRoot,
  merkleRootOfHashes,
  proveAll,
  proveMerkle,
  verifyMerkle,
} from "./merkle.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");
const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");
const itemsOf = (count: number) => Array.from({ length: count }, (_, i) => Buffer.from(`item ${i}`));
const codeOf = (verdict: Verdict) => (verdict.accepted ? "accepted" : verdict.code);

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

test("CometBFT's vectors of one leaf and one inner node, whatever was hashed before", () => {
  for (let round = 0; round < 2; round++) {
    expect(hexOf(merkleLeafHash(Buffer.from("L123456")))).toBe(
      "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56",
    );
    expect(hexOf(innerHash(Buffer.from("N123"), Buffer.from("N456")))).toBe(
      "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb",
    );
    expect(hexOf(innerHash(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)))).toBe(
      hexOf(sha256Concat(bytes("01"), new Uint8Array(32).fill(1), new Uint8Array(32).fill(2))),
    );
  }
});

/** RFC 6962 §2.1 word for word: split at the largest power of two below the count. */
function definedRoot(items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return sha256(bytes(""));
  if (items.length === 1) return sha256Concat(bytes("00"), items[0] ?? bytes(""));
  let split = 1;
  while (split * 2 < items.length) split *= 2;
  return sha256Concat(bytes("01"), definedRoot(items.slice(0, split)), definedRoot(items.slice(split)));
}

test("the root is that of the RFC's definition at every size up to 130", () => {
  for (let count = 0; count <= 130; count++)
    expect(hexOf(merkleRoot(itemsOf(count)))).toBe(hexOf(definedRoot(itemsOf(count))));
});

test("every item of trees up to 70 items proves its place, and no other", () => {
  for (let count = 1; count <= 70; count++) {
    const items = itemsOf(count);
    const root = merkleRoot(items);
    expect(merkleRootOfHashes(items.map(merkleLeafHash))).toEqual(root);
    for (const [index, proof] of proveAll(items).entries()) {
      const item = items[index] ?? bytes("");
      expect(verifyMerkle(root, proof, item)).toEqual({ accepted: true });
      expect(proveMerkle(items, index)).toEqual(proof);
      if (count > 1) expect(verifyMerkle(root, { ...proof, index: (index + 1) % count }, item).accepted).toBe(false);
    }
  }
});

test("there is no proof of an item that is not there", () => {
  expect(() => proveMerkle(itemsOf(3), 3)).toThrow(RangeError);
  expect(() => proveMerkle([], 0)).toThrow(RangeError);
  expect(proveAll([])).toEqual([]);
});

test("an inner node is not accepted as a leaf", () => {
  const items = itemsOf(4);
  const [left, right] = [items.slice(0, 2), items.slice(2)].map(merkleRoot) as [Uint8Array, Uint8Array];
  const proof = { total: 2, index: 0, leafHash: left, aunts: [right] };
  const children = Buffer.concat(items.slice(0, 2).map(merkleLeafHash));
  expect(codeOf(verifyMerkle(merkleRoot(items), proof, children))).toBe("MERKLE_LEAF_MISMATCH");
});

test("each check of a Merkle proof has its own code", () => {
  const items = itemsOf(6);
  const root = merkleRoot(items);
  const proof = proveMerkle(items, 2);
  const item = items[2] ?? bytes("");
  const verdictOf = (change: Partial<MerkleProof>) => codeOf(verifyMerkle(root, { ...proof, ...change }, item));
  // Like CometBFT, no root at all proves nothing.
  expect(codeOf(verifyMerkle(new Uint8Array(0), proof, item))).toBe("MERKLE_ROOT_MALFORMED");
  expect(codeOf(verifyMerkle(new Uint8Array(33), proof, item))).toBe("MERKLE_ROOT_MALFORMED");
  for (const index of [6, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(verdictOf({ index })).toBe("MERKLE_INDEX_OUT_OF_RANGE");
  for (const total of [0, -6, 2, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
    expect(verdictOf({ total })).toBe("MERKLE_INDEX_OUT_OF_RANGE");
  expect(verdictOf({ total: Number.MAX_SAFE_INTEGER })).toBe("MERKLE_PATH_MALFORMED");
  expect(verdictOf({ aunts: proof.aunts.slice(1) })).toBe("MERKLE_PATH_MALFORMED");
  expect(verdictOf({ aunts: [...proof.aunts, root] })).toBe("MERKLE_PATH_MALFORMED");
  expect(verdictOf({ aunts: new Array(MAX_PROOF_AUNTS + 1).fill(root) })).toBe("MERKLE_PATH_MALFORMED");
  expect(verdictOf({ aunts: proof.aunts.map((aunt) => aunt.subarray(1)) })).toBe("MERKLE_PATH_MALFORMED");
  expect(verdictOf({ leafHash: bytes("00") })).toBe("MERKLE_PATH_MALFORMED");
  expect(codeOf(verifyMerkle(root, proof, bytes("00")))).toBe("MERKLE_LEAF_MISMATCH");
  expect(codeOf(verifyMerkle(sha256(root), proof, item))).toBe("MERKLE_ROOT_MISMATCH");
  expect(verdictOf({ aunts: [...proof.aunts].reverse() })).toBe("MERKLE_ROOT_MISMATCH");
});

test("a proof in CometBFT's encoding comes back as it was", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (count, seed) => {
      const proof = proveMerkle(itemsOf(count), seed % count);
      const decoded = decodeMerkleProof(encodeMerkleProof(proof));
      expect({ ...decoded, aunts: decoded.aunts.map(hexOf), leafHash: hexOf(decoded.leafHash) }).toEqual({
        ...proof,
        aunts: proof.aunts.map(hexOf),
        leafHash: hexOf(proof.leafHash),
      });
    }),
    { numRuns: 40 },
  );
  const leafHash = "22".repeat(32);
  const aunt = "33".repeat(32);
  const written = encodeMerkleProof({ total: 2, index: 1, leafHash: bytes(leafHash), aunts: [bytes(aunt)] });
  expect(hexOf(written)).toBe(`080210011a20${leafHash}2220${aunt}`);
});

test("no flipped bit of an encoded proof gets another item, path or leaf accepted", () => {
  const items = itemsOf(11);
  const root = merkleRoot(items);
  for (const index of [0, 6, 10]) {
    const proof = proveMerkle(items, index);
    const encoded = encodeMerkleProof(proof);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const flipped = Uint8Array.from(encoded);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        const decoded = decodeMerkleProof(flipped);
        if (!verifyMerkle(root, decoded, items[index] ?? bytes("")).accepted) continue;
        // What the root does not fix is the total, nor the index of an item on the right edge; everything hashed must be the same.
        expect(hexOf(decoded.leafHash), `bit ${bit}`).toBe(hexOf(proof.leafHash));
        expect(decoded.aunts.map(hexOf), `bit ${bit}`).toEqual(proof.aunts.map(hexOf));
      } catch (error) {
        expect(error).toBeInstanceOf(LedgerError);
      }
    }
  }
});

test("a proof has at most 100 aunts, hashes of 32 bytes, and no other fields", () => {
  const hash = new Uint8Array(32).fill(7);
  const withAunts = (count: number) => {
    const writer = new FieldWriter().int(1, 2).int(2, 1).bytes(3, hash);
    for (let i = 0; i < count; i++) writer.message(4, hash);
    return writer.finish();
  };
  expect(decodeMerkleProof(withAunts(MAX_PROOF_AUNTS)).aunts).toHaveLength(MAX_PROOF_AUNTS);
  expect(() => decodeMerkleProof(withAunts(MAX_PROOF_AUNTS + 1))).toThrow("FORMAT_TOO_MANY");
  expect(() => decodeMerkleProof(new FieldWriter().message(4, hash.subarray(1)).finish())).toThrow(
    "FORMAT_FIELD_LENGTH",
  );
  expect(() => decodeMerkleProof(new FieldWriter().int(5, 1).finish())).toThrow("FORMAT_FIELD_UNKNOWN");
  expect(() => decodeMerkleProof(new FieldWriter().int(1, -1).finish())).toThrow("FORMAT_FIELD_RANGE");
});

test("any bytes are a proof or refused by code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (input) => {
      try {
        expect(verifyMerkle(new Uint8Array(32), decodeMerkleProof(input), bytes("00")).accepted).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(LedgerError);
      }
    }),
  );
});
