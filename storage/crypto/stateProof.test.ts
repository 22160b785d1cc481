import fc from "fast-check";
import { expect, test } from "vitest";
import type { Verdict } from "../error.ts";
import { sha256Latin1 } from "./hash.ts";
import {
  decodeStateProof,
  encodeStateProof,
  type StateProof,
  StateProofError,
  treeProve,
  verifyStateProof,
} from "./stateProof.ts";
import { bitAt, EMPTY_HASH, EMPTY_TREE, type StateTree, treeGet, treeRoot, treeUpdate } from "./stateTree.ts";

const key = (n: number) => Buffer.from(`key ${n}`);
const value = (n: number) => Buffer.from(`value ${n}`);
const treeOf = (numbers: readonly number[]) =>
  treeUpdate(
    EMPTY_TREE,
    numbers.map((n) => ({ key: key(n), value: value(n) })),
  );
const twenty = treeOf(Array.from({ length: 20 }, (_, n) => n));
const codeOf = (verdict: Verdict) => (verdict.accepted ? "accepted" : verdict.code);

/** The first absent key whose place is empty, or is taken by another key. */
function absentKey(tree: StateTree, isTaken: boolean): number {
  for (let n = 100; ; n++) if ((treeProve(tree, key(n)).leaf !== undefined) === isTaken) return n;
}

test("every key is proved present with its value or absent, and nothing else is", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60), { maxLength: 40, size: "max" }), fc.nat(60), (numbers, n) => {
      const tree = treeOf(numbers);
      const root = treeRoot(tree);
      const proof = decodeStateProof(encodeStateProof(treeProve(tree, key(n))));
      expect(proof).toEqual(treeProve(tree, key(n)));
      const found = treeGet(tree, key(n));
      expect(verifyStateProof(root, key(n), found, proof)).toEqual({ accepted: true });
      const lies = found === undefined ? [value(n), new Uint8Array(0)] : [value(n + 1), new Uint8Array(0), undefined];
      for (const lie of lies) expect(verifyStateProof(root, key(n), lie, proof).accepted).toBe(false);
    }),
    { numRuns: 150 },
  );
});

test("the proof of one key says nothing about another, unless both places are one", () => {
  const root = treeRoot(twenty);
  for (let n = 0; n < 20; n++)
    for (let other = 0; other < 20; other++) {
      if (other === n) continue;
      const proof = treeProve(twenty, key(n));
      expect(verifyStateProof(root, key(other), value(other), proof).accepted).toBe(false);
      expect(verifyStateProof(root, key(other), undefined, proof).accepted).toBe(false);
    }
});

test("in an empty tree every key is absent, and none present", () => {
  const proof = treeProve(EMPTY_TREE, key(1));
  expect(encodeStateProof(proof)).toEqual(Buffer.alloc(2));
  expect(verifyStateProof(new Uint8Array(32), key(1), undefined, proof)).toEqual({ accepted: true });
  expect(codeOf(verifyStateProof(new Uint8Array(32), key(1), value(1), proof))).toBe("STATE_VALUE_MISMATCH");
});

test("each check of a state proof has its own code", () => {
  const root = treeRoot(twenty);
  const proof = treeProve(twenty, key(3));
  const taken = absentKey(twenty, true);
  const other = treeProve(twenty, key(taken));
  expect(codeOf(verifyStateProof(root.subarray(1), key(3), value(3), proof))).toBe("STATE_PROOF_MALFORMED");
  expect(codeOf(verifyStateProof(new Uint8Array(0), key(3), value(3), proof))).toBe("STATE_PROOF_MALFORMED");
  const long: StateProof = { leaf: proof.leaf, siblings: new Array(257).fill(EMPTY_HASH) };
  expect(codeOf(verifyStateProof(root, key(3), value(3), long))).toBe("STATE_PROOF_MALFORMED");
  for (const hash of ["", "x".repeat(31), "x".repeat(33)]) {
    const siblings = [hash, ...proof.siblings.slice(1)];
    expect(codeOf(verifyStateProof(root, key(3), value(3), { ...proof, siblings }))).toBe("STATE_PROOF_MALFORMED");
    const leaf = { keyHash: hash, valueHash: EMPTY_HASH };
    expect(codeOf(verifyStateProof(root, key(3), undefined, { ...proof, leaf }))).toBe("STATE_PROOF_MALFORMED");
  }
  expect(codeOf(verifyStateProof(root, key(3), value(4), proof))).toBe("STATE_VALUE_MISMATCH");
  expect(codeOf(verifyStateProof(root, key(4), value(3), proof))).toBe("STATE_VALUE_MISMATCH");
  expect(codeOf(verifyStateProof(root, key(3), undefined, proof))).toBe("STATE_KEY_PRESENT");
  expect(codeOf(verifyStateProof(new Uint8Array(32), key(3), value(3), proof))).toBe("STATE_ROOT_MISMATCH");
  expect(codeOf(verifyStateProof(root, key(taken), undefined, other))).toBe("accepted");
  expect(codeOf(verifyStateProof(root, key(taken), undefined, { ...other, leaf: undefined }))).toBe(
    "STATE_ROOT_MISMATCH",
  );
});

test("absence cannot be shown with a leaf from another path", () => {
  const root = treeRoot(twenty);
  // The true leaf and siblings of key 3, for an absent key that parts from it on the way: without check c) only the direction bits differ.
  const proof = treeProve(twenty, key(3));
  let tried = 0;
  for (let n = 100; n < 200; n++) {
    const keyHash = sha256Latin1(key(n));
    const leafHash = sha256Latin1(key(3));
    const isOnPath = proof.siblings.every((_, depth) => bitAt(keyHash, depth) === bitAt(leafHash, depth));
    if (isOnPath) continue;
    tried += 1;
    expect(codeOf(verifyStateProof(root, key(n), undefined, proof))).toBe("STATE_LEAF_MISPLACED");
  }
  expect(tried).toBeGreaterThan(50);
});

test("a present key cannot be shown absent by cutting its path short or calling its place empty", () => {
  const root = treeRoot(twenty);
  for (let n = 0; n < 20; n++) {
    const { siblings } = treeProve(twenty, key(n));
    for (let length = 0; length <= siblings.length; length++)
      expect(
        codeOf(verifyStateProof(root, key(n), undefined, { leaf: undefined, siblings: siblings.slice(0, length) })),
      ).toBe("STATE_ROOT_MISMATCH");
  }
});

test.each([
  { name: "a present key", n: 3, found: true },
  { name: "an absent key in an empty place", n: absentKey(twenty, false), found: false },
  { name: "an absent key in a taken place", n: absentKey(twenty, true), found: false },
])("no flipped bit, missing byte or added byte of a state proof is accepted: $name", ({ n, found }) => {
  const expected = found ? value(n) : undefined;
  const encoded = encodeStateProof(treeProve(twenty, key(n)));
  const verdictOf = (bytes: Uint8Array): string => {
    try {
      return codeOf(verifyStateProof(treeRoot(twenty), key(n), expected, decodeStateProof(bytes)));
    } catch (error) {
      expect(error).toBeInstanceOf(StateProofError);
      return (error as StateProofError).code;
    }
  };
  expect(verdictOf(encoded)).toBe("accepted");
  for (let bit = 0; bit < encoded.length * 8; bit++) {
    const flipped = Uint8Array.from(encoded);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(verdictOf(flipped), `bit ${bit}`).not.toBe("accepted");
  }
  for (let length = 0; length < encoded.length; length++)
    expect(verdictOf(encoded.subarray(0, length)), `${length} bytes`).not.toBe("accepted");
  for (const extra of [1, 32, 64]) {
    const longer = Buffer.concat([encoded, Buffer.alloc(extra, 1)]);
    expect(verdictOf(longer), `${extra} more`).not.toBe("accepted");
  }
});

test("any bytes are refused by code, or are the one encoding of the proof they hold", () => {
  const header = fc.tuple(fc.constant(0), fc.nat(20)).map((bytes) => Uint8Array.from(bytes));
  const chosen = fc
    .tuple(header, fc.uint8Array({ maxLength: 200, size: "max" }))
    .map((parts) => new Uint8Array(Buffer.concat(parts)));
  fc.assert(
    fc.property(fc.oneof(chosen, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      let proof: StateProof;
      try {
        proof = decodeStateProof(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(StateProofError);
        return;
      }
      expect(Buffer.from(encodeStateProof(proof)).equals(bytes)).toBe(true);
      expect(verifyStateProof(treeRoot(twenty), key(3), value(3), proof).accepted).toBe(false);
    }),
    { numRuns: 400 },
  );
});

test("a path has at most 256 steps", () => {
  const steps = (count: number) =>
    Buffer.concat([Buffer.from([count >> 8, count & 255]), Buffer.alloc(Math.ceil(count / 8))]);
  expect(decodeStateProof(steps(256)).siblings).toHaveLength(256);
  expect(() => decodeStateProof(steps(257))).toThrow("STATE_PROOF_MALFORMED");
});

test("an empty sibling has one encoding: its bit, not its zeros", () => {
  const asBit = Buffer.from([0, 1, 0x00]);
  expect(decodeStateProof(asBit).siblings).toEqual([EMPTY_HASH]);
  const asZeros = Buffer.concat([Buffer.from([0, 1, 0x80]), Buffer.alloc(32)]);
  expect(() => decodeStateProof(asZeros)).toThrow("STATE_PROOF_MALFORMED");
});
