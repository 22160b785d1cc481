import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import type { MerkleProof } from "#storage/crypto/merkle.ts";
import { merkleRoot, proveMerkle, verifyMerkle } from "#storage/crypto/merkle.ts";
import { mountainRoot } from "#storage/crypto/mountainRange.ts";
import { Ancestors } from "./ancestors.ts";

const hashes = Array.from({ length: 300 }, (_, i) => Uint8Array.from(sha256(Buffer.from(`block ${i}`))));

/** Buffers and Uint8Arrays of the same bytes alike. */
const plain = (proof: MerkleProof | undefined) =>
  proof && { ...proof, leafHash: [...proof.leafHash], aunts: proof.aunts.map((aunt) => [...aunt]) };

test("every proof is the RFC 6962 proof over the hashes, for any number of them and any earlier version", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(299), fc.nat(299), (total, versionSeed, indexSeed) => {
      const ancestors = new Ancestors(5, hashes.slice(0, total), total);
      const version = 1 + (versionSeed % total);
      const index = indexSeed % version;
      const proved = ancestors.prove(5 + index, version);
      expect(proved?.hash).toEqual(hashes[index]);
      expect(plain(proved?.proof)).toEqual(plain(proveMerkle(hashes.slice(0, version), index)));
    }),
    { numRuns: 300 },
  );
});

test("hashes join the range only when it is extended, and the root is that of all hashes before", () => {
  const ancestors = new Ancestors(1);
  for (const [index, hash] of hashes.slice(0, 40).entries()) {
    const before = ancestors.range;
    const isEmpty = index % 3 !== 0;
    const range = isEmpty ? ancestors.range : ancestors.extendedRange();
    ancestors.commit(range, hash);
    if (isEmpty) expect(ancestors.range).toBe(before);
    else expect(mountainRoot(ancestors.range)).toEqual(merkleRoot(hashes.slice(0, index)));
  }
  expect(ancestors.range.count).toBe(39);
  expect(ancestors.prove(39, 39)?.hash).toEqual(hashes[38]);
  expect(ancestors.prove(40, 39)).toBeUndefined();
  expect(ancestors.prove(0, 39)).toBeUndefined();
  expect(ancestors.prove(1.5, 39)).toBeUndefined();
  expect(ancestors.prove(1, 40)).toBeUndefined();
});

test("a restored range goes on like the one it was made from", () => {
  const ancestors = new Ancestors(1, hashes.slice(0, 100), 97);
  const restored = new Ancestors(1, hashes.slice(0, 100), 97);
  restored.prove(50, 97);
  for (const each of [ancestors, restored]) each.commit(each.extendedRange(), hashes[100] as Uint8Array);
  expect(restored.range).toEqual(ancestors.range);
  const proved = restored.prove(99, 100);
  const root = mountainRoot(restored.range);
  expect(proved && verifyMerkle(root, proved.proof, proved.hash)).toEqual({ accepted: true });
});
