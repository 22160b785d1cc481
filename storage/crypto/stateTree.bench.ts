import { test } from "vitest";
import { treeProve, verifyStateProof } from "./stateProof.ts";
import { EMPTY_TREE, treeGet, treeRoot, treeUpdate } from "./stateTree.ts";

/** A block of 4 000 writes of 100 B on a state of 100 000 entries: 30 000 meters with their owners, outputs and totals. */
const ENTRIES = 100_000;
const WRITES = 4_000;

const key = (n: number) => Buffer.from(`meter/${n}`);
const value = (n: number) => Buffer.alloc(100, n & 255);
const tree = treeUpdate(
  EMPTY_TREE,
  Array.from({ length: ENTRIES }, (_, n) => ({ key: key(n), value: value(n) })),
);
const root = treeRoot(tree);
const writes = Array.from({ length: WRITES }, (_, i) => ({
  key: key((i * 37) % (ENTRIES * 1.2)),
  value: value(i + 1),
}));
const proofs = Array.from({ length: 1000 }, (_, n) => treeProve(tree, key(n)));

test("4 000 writes on 100 000 entries", async ({ bench }) => {
  await bench.compare(
    bench("one batch", () => void treeUpdate(tree, writes)),
    bench("write by write", () => {
      let grown = tree;
      for (const write of writes) grown = treeUpdate(grown, [write]);
    }),
    { iterations: 10 },
  );
});

test("a thousand keys of 100 000 entries", async ({ bench }) => {
  await bench.compare(
    bench("get", () => {
      for (let n = 0; n < 1000; n++) treeGet(tree, key(n));
    }),
    bench("prove", () => {
      for (let n = 0; n < 1000; n++) treeProve(tree, key(n));
    }),
    bench("verify", () => {
      for (const [n, proof] of proofs.entries())
        if (!verifyStateProof(root, key(n), value(n), proof).accepted) throw new Error(`key ${n}`);
    }),
  );
});
