import { readFileSync } from "node:fs";
import { getBytes, hexlify } from "ethers";
import { expect, test } from "vitest";
import { merkleLeafHash, verifyMerkle } from "#storage/crypto/merkle.ts";
import { blockLeafHash } from "./blockLeaf.ts";
import { signerOf } from "./signatures.ts";
import { bridgeVectors, VECTORS_FILE } from "./testVectors.ts";
import { decodeValset, encodeValset } from "./valset.ts";

type Vectors = ReturnType<typeof bridgeVectors>;
const vectors = JSON.parse(readFileSync(VECTORS_FILE, "utf8")) as Vectors;

test("the committed vectors are what their program makes", () => {
  expect(JSON.parse(JSON.stringify(bridgeVectors()))).toEqual(vectors);
});

test("every path of the vectors verifies, with the ledger's own tree code", () => {
  for (const { size, root, paths } of vectors.trees)
    for (const { item, index, path } of paths) {
      const proof = {
        total: size,
        index,
        leafHash: merkleLeafHash(getBytes(item)),
        aunts: path.map((one) => getBytes(one)),
      };
      expect(verifyMerkle(getBytes(root), proof, getBytes(item)).accepted, `${index} of ${size}`).toBe(true);
    }
});

test("a true path under another size or place is accepted exactly where the tree cannot tell", () => {
  const tree = vectors.trees.find(({ size }) => size === vectors.claims.size) as Vectors["trees"][0];
  let accepted = 0;
  for (const { leaf, index, size, isAccepted } of vectors.claims.claims) {
    const { item, path } = tree.paths[leaf] as (typeof tree.paths)[0];
    const proof = {
      total: size,
      index,
      leafHash: merkleLeafHash(getBytes(item)),
      aunts: path.map((one) => getBytes(one)),
    };
    expect(verifyMerkle(getBytes(tree.root), proof, getBytes(item)).accepted, `${leaf} as ${index} of ${size}`).toBe(
      isAccepted,
    );
    accepted += Number(isAccepted);
  }
  expect(accepted).toBeGreaterThan(0);
});

test("leaf, validator set and signature of the vectors are read back", () => {
  const { leaf, valset, anchor } = vectors.signing;
  expect(
    hexlify(
      blockLeafHash({
        ...leaf,
        txRoot: getBytes(leaf.txRoot),
        messageRoot: getBytes(leaf.messageRoot),
        appHash: getBytes(leaf.appHash),
      }),
    ),
  ).toBe(leaf.hash);
  const members = decodeValset(getBytes(valset.bytes));
  expect(hexlify(encodeValset([...members].reverse()))).toBe(valset.bytes);
  expect(members.map(({ address }) => address)).toContain(signerOf(anchor.digest, getBytes(anchor.signature)));
});
