import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256, sha256Concat } from "./hash.ts";
import { EMPTY_TREE, type StateTree, type TreeWrite, treeEntries, treeGet, treeRoot, treeUpdate } from "./stateTree.ts";

const key = (n: number) => Buffer.from(`key ${n}`);
const value = (n: number) => Buffer.from(`value ${n}`);
const put = (n: number, v = n): TreeWrite => ({ key: key(n), value: value(v) });
const remove = (n: number): TreeWrite => ({ key: key(n), value: undefined });
const range = (count: number) => Array.from({ length: count }, (_, n) => n);
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const rootOf = (tree: StateTree) => hexOf(treeRoot(tree));
const treeOf = (writes: readonly TreeWrite[]) => treeUpdate(EMPTY_TREE, writes);

/** The root by its definition alone: no sharing, no sorting, no latin1. */
function definedRoot(entries: readonly (readonly [Uint8Array, Uint8Array])[], depth = 0): Uint8Array {
  const [first] = entries;
  if (first === undefined) return new Uint8Array(32);
  if (entries.length === 1) return sha256Concat(Uint8Array.of(0), sha256(first[0]), sha256(first[1]));
  const goesRight = ([k]: readonly [Uint8Array, Uint8Array]) =>
    ((((sha256(k)[depth >> 3] as number) << (depth & 7)) & 0x80) as number) !== 0;
  const left = definedRoot(
    entries.filter((entry) => !goesRight(entry)),
    depth + 1,
  );
  return sha256Concat(Uint8Array.of(1), left, definedRoot(entries.filter(goesRight), depth + 1));
}

const batchArbitrary = fc.array(fc.record({ key: fc.nat(40), value: fc.option(fc.nat(9), { nil: undefined }) }), {
  maxLength: 30,
  size: "max",
});

test("the tree answers as a Map does, and its root is the one its definition gives to the entries", () => {
  fc.assert(
    fc.property(fc.array(batchArbitrary, { maxLength: 6 }), (batches) => {
      const model = new Map<number, number>();
      let tree = EMPTY_TREE;
      for (const batch of batches) {
        for (const write of batch) {
          if (write.value === undefined) model.delete(write.key);
          else model.set(write.key, write.value);
        }
        tree = treeUpdate(
          tree,
          batch.map((w) => (w.value === undefined ? remove(w.key) : put(w.key, w.value))),
        );
        expect(rootOf(tree)).toBe(hexOf(definedRoot([...model].map(([k, v]) => [key(k), value(v)]))));
        expect(tree.size).toBe(model.size);
      }
      const entries = new Map([...treeEntries(tree)].map(([k, v]) => [Buffer.from(k).toString(), v]));
      expect(entries.size).toBe(model.size);
      for (const k of range(41)) {
        const expected = model.get(k);
        const found = treeGet(tree, key(k));
        expect(found).toEqual(expected === undefined ? undefined : value(expected));
        expect(entries.get(`key ${k}`)).toEqual(found);
      }
    }),
    { numRuns: 60 },
  );
});

test("the root does not tell in which order and in which batches the entries came, nor what was there in between", () => {
  const numbers = fc.uniqueArray(fc.nat(500), { maxLength: 60, size: "max" });
  fc.assert(
    fc.property(numbers, numbers, fc.integer({ min: 1, max: 20 }), (kept, passing, batch) => {
      const base = treeOf(kept.map((n) => put(n)));
      const extra = passing.filter((n) => !kept.includes(n));
      let tree = treeUpdate(
        base,
        extra.map((n) => put(n, 7)),
      );
      if (extra.length > 0) expect(rootOf(tree)).not.toBe(rootOf(base));
      for (let at = 0; at < extra.length; at += batch)
        tree = treeUpdate(
          tree,
          extra.slice(at, at + batch).map((n) => remove(n)),
        );
      expect(rootOf(tree)).toBe(rootOf(base));
      expect(tree.size).toBe(kept.length);
      const oneByOne = [...kept].reverse().reduce((grown, n) => treeUpdate(grown, [put(n)]), EMPTY_TREE);
      expect(rootOf(oneByOne)).toBe(rootOf(base));
    }),
    { numRuns: 60 },
  );
});

test("golden roots: of nothing, of one entry, of a hundred", () => {
  expect(rootOf(EMPTY_TREE)).toBe("00".repeat(32));
  expect(rootOf(treeOf([put(1)]))).toBe(
    hexOf(sha256Concat(Uint8Array.of(0), sha256(Buffer.from("key 1")), sha256(Buffer.from("value 1")))),
  );
  expect(rootOf(treeOf(range(100).map((n) => put(n))))).toBe(
    "4336443501812f34db0ae10d829ce68fc76ae6e8d15492920178685756a68d53",
  );
});

test("of two writes to one key in a batch the later counts", () => {
  expect(rootOf(treeOf([put(1, 5), put(1, 6)]))).toBe(rootOf(treeOf([put(1, 6)])));
  expect(rootOf(treeOf([put(1), remove(1)]))).toBe(rootOf(EMPTY_TREE));
  expect(rootOf(treeOf([remove(1), put(1)]))).toBe(rootOf(treeOf([put(1)])));
});

test("an empty value is a value", () => {
  const tree = treeOf([{ key: key(1), value: new Uint8Array(0) }]);
  expect(tree.size).toBe(1);
  expect(treeGet(tree, key(1))).toHaveLength(0);
  expect(rootOf(tree)).not.toBe(rootOf(EMPTY_TREE));
});

test("every earlier version stays readable", () => {
  const versions = [EMPTY_TREE];
  for (const n of range(50)) versions.push(treeUpdate(versions[n] as StateTree, [put(n), remove(n - 10), put(3, n)]));
  for (const [count, tree] of versions.entries()) {
    for (const n of range(50)) {
      const isThere = n === 3 ? count > 0 : n < count && n >= count - 10;
      expect(treeGet(tree, key(n)), `key ${n} of version ${count}`).toEqual(
        isThere ? value(n === 3 ? count - 1 : n) : undefined,
      );
    }
  }
});

test("an update shares what it does not touch, and one that changes nothing keeps the very nodes", () => {
  const before = treeOf(range(1000).map((n) => put(n)));
  const after = treeUpdate(before, [put(1, 2)]);
  const nodesOf = (tree: StateTree) => {
    const nodes = new Set<unknown>();
    const open: unknown[] = [tree.root];
    while (open.length > 0) {
      const node = open.pop() as { left?: unknown; right?: unknown } | undefined;
      if (node === undefined) continue;
      nodes.add(node);
      open.push(node.left, node.right);
    }
    return nodes;
  };
  const fresh = [...nodesOf(after)].filter((node) => !nodesOf(before).has(node));
  expect(fresh.length).toBeGreaterThan(1);
  expect(fresh.length).toBeLessThan(30);
  expect(treeUpdate(before, []).root).toBe(before.root);
  expect(treeUpdate(before, [remove(5000), remove(6000)]).root).toBe(before.root);
});

test("entries come in the order of their key hashes, each once", () => {
  const tree = treeOf(range(300).map((n) => put(n)));
  const hashes = [...treeEntries(tree)].map(([k]) => hexOf(sha256(k)));
  expect(hashes).toEqual([...new Set(hashes)].sort());
  expect(hashes).toHaveLength(300);
});

test("twenty thousand entries, a quarter of them removed again, are those that a fresh tree would hold", () => {
  const tree = treeUpdate(
    treeOf(range(20_000).map((n) => put(n))),
    range(5_000).map((n) => remove(4 * n)),
  );
  const fresh = treeOf(
    range(20_000)
      .filter((n) => n % 4 !== 0)
      .map((n) => put(n)),
  );
  expect(tree.size).toBe(15_000);
  expect(rootOf(tree)).toBe(rootOf(fresh));
});
