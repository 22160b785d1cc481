import { computeAddress, hexlify, id } from "ethers";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { bundleSignatures, COMPACT_SIGNATURE_BYTES, signDigest, signerOf } from "./signatures.ts";
import { isQuorum, sortValset } from "./valset.ts";

const digest = id("what is signed");
const keys = ["a", "b", "c", "d", "e"].map((name) => sha256(Buffer.from(name)));
const members = keys.map((key, i) => ({ address: computeAddress(hexlify(key)), power: BigInt(i + 1) }));
const signatures = keys.map((key) => signDigest(key, digest));

test("who signed is found from the signature, and from nothing that is none", () => {
  for (const [i, signature] of signatures.entries()) {
    expect(signature.length).toBe(COMPACT_SIGNATURE_BYTES);
    expect(signerOf(digest, signature)).toBe(members[i]?.address.toLowerCase());
  }
  const [first] = signatures as [Uint8Array];
  expect(signerOf(id("something else"), first)).not.toBe(members[0]?.address.toLowerCase());
  for (const none of [new Uint8Array(64), new Uint8Array(64).fill(0xff), first.subarray(1), new Uint8Array(0)])
    expect(signerOf(digest, none)).toBeUndefined();
});

test("a bundle takes the strongest members first and no more than it takes", () => {
  // Of 15 in all, more than 10: 5 + 4 + 3.
  const bundle = bundleSignatures(members, digest, signatures, isQuorum);
  expect(bundle.power).toBe(12n);
  expect(bundle.signatures.length).toBe(3 * COMPACT_SIGNATURE_BYTES);
  const strongest = new Set(members.slice(2).map(({ address }) => address.toLowerCase()));
  for (const [index, { address }] of sortValset(members).entries())
    expect((bundle.signers >> BigInt(index)) & 1n).toBe(strongest.has(address) ? 1n : 0n);
});

test("a bundle of too few has all of them, and says how much that is", () => {
  const bundle = bundleSignatures(members, digest, signatures.slice(0, 3), isQuorum);
  expect(bundle.power).toBe(6n);
  expect(isQuorum(bundle.power, 15n)).toBe(false);
  expect(bundleSignatures(members, digest, [])).toEqual({ signers: 0n, signatures: new Uint8Array(0), power: 0n });
});
