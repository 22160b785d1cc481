import fc from "fast-check";
import { expect, test } from "vitest";
import { LedgerError } from "../error.ts";
import { decodeStateProof, encodeStateProof, treeProve, verifyStateProof } from "./stateProof.ts";
import { EMPTY_TREE, treeEntries, treeGet, treeRoot, treeUpdate } from "./stateTree.ts";

const key = (n: number) => Buffer.from(`key ${n}`);
const value = (n: number) => Buffer.from(`value ${n}`);
const writesArbitrary = fc.array(fc.record({ key: fc.nat(40), value: fc.option(fc.nat(9), { nil: undefined }) }), {
  maxLength: 30,
});

test("the tree answers as a Map does, and its root depends on the entries only", () => {
  fc.assert(
    fc.property(fc.array(writesArbitrary, { maxLength: 6 }), (batches) => {
      const model = new Map<number, number>();
      let tree = EMPTY_TREE;
      for (const batch of batches) {
        for (const write of batch) {
          if (write.value === undefined) model.delete(write.key);
          else model.set(write.key, write.value);
        }
        tree = treeUpdate(
          tree,
          batch.map((w) => ({ key: key(w.key), value: w.value === undefined ? undefined : value(w.value) })),
        );
      }
      const entries = [...model].map(([k, v]) => ({ key: key(k), value: value(v) }));
      expect(treeRoot(tree)).toEqual(treeRoot(treeUpdate(EMPTY_TREE, entries)));
      expect(tree.size).toBe(model.size);
      expect([...treeEntries(tree)]).toHaveLength(model.size);
      for (let k = 0; k <= 40; k++) {
        const expected = model.get(k);
        const found = treeGet(tree, key(k));
        expect(found).toEqual(expected === undefined ? undefined : value(expected));
        const proof = decodeStateProof(encodeStateProof(treeProve(tree, key(k))));
        expect(verifyStateProof(treeRoot(tree), key(k), found, proof)).toEqual({ accepted: true });
        const wrong = found === undefined ? value(1) : undefined;
        expect(verifyStateProof(treeRoot(tree), key(k), wrong, proof).accepted).toBe(false);
      }
    }),
    { numRuns: 60 },
  );
});

test("an earlier version stays readable after an update", () => {
  const before = treeUpdate(EMPTY_TREE, [{ key: key(1), value: value(1) }]);
  const root = treeRoot(before);
  treeUpdate(before, [{ key: key(1), value: value(2) }]);
  expect(treeGet(before, key(1))).toEqual(value(1));
  expect(treeRoot(before)).toEqual(root);
});

test("no flipped bit of a state proof is accepted", () => {
  const tree = treeUpdate(
    EMPTY_TREE,
    Array.from({ length: 20 }, (_, n) => ({ key: key(n), value: value(n) })),
  );
  for (const n of [3, 99]) {
    const encoded = encodeStateProof(treeProve(tree, key(n)));
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const flipped = Uint8Array.from(encoded);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let accepted = false;
      try {
        const verdict = verifyStateProof(
          treeRoot(tree),
          key(n),
          n === 3 ? value(3) : undefined,
          decodeStateProof(flipped),
        );
        accepted = verdict.accepted;
      } catch (error) {
        expect(error).toBeInstanceOf(LedgerError);
      }
      expect(accepted, `bit ${bit} of the proof for key ${n}`).toBe(false);
    }
  }
});
