import { createHash } from "node:crypto";
import { computeAddress, hexlify } from "ethers";
import { blockLeafHash } from "./blockLeaf.ts";
import { signDigest } from "./signatures.ts";
import {
  type Anchor,
  anchorDigest,
  anchorHash,
  type BridgeDomain,
  freezeDigest,
  valsetUpdateDigest,
} from "./typedData.ts";
import { encodeValset, valsetHash } from "./valset.ts";

/**
 * What bridge/testdata/vectors.json is made of; both the TypeScript and the Solidity read it in their tests. Trees are built here by the
 * recursion of RFC 6962 §2.1, not by the code that is tested. `npm run node -- bridge/testVectors.ts` writes the file.
 */
export function bridgeVectors() {
  return {
    trees: [1, 2, 3, 4, 5, 7, 8, 13, 64, 70].map(treeVector),
    claims: claimVectors(5),
    signing: signingVector(),
  };
}

export const VECTORS_FILE = `${import.meta.dirname}/testdata/vectors.json`;

const hash = (...parts: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const LEAF = Uint8Array.of(0);
const INNER = Uint8Array.of(1);

const itemsOf = (size: number) => Array.from({ length: size }, (_, i) => hash(Buffer.from(`transaction ${i}`)));

function rootOf(items: readonly Uint8Array[]): Buffer {
  const [only] = items;
  if (items.length === 1 && only !== undefined) return hash(LEAF, only);
  const split = splitOf(items.length);
  return hash(INNER, rootOf(items.slice(0, split)), rootOf(items.slice(split)));
}

function pathOf(items: readonly Uint8Array[], index: number): Buffer[] {
  if (items.length === 1) return [];
  const split = splitOf(items.length);
  return index < split
    ? [...pathOf(items.slice(0, split), index), rootOf(items.slice(split))]
    : [...pathOf(items.slice(split), index - split), rootOf(items.slice(0, split))];
}

/** The largest power of two below the size. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

function treeVector(size: number) {
  const items = itemsOf(size);
  const shown = size <= 13 ? items.map((_, index) => index) : [0, 1, size >> 1, size - 2, size - 1];
  return {
    size,
    root: hexlify(rootOf(items)),
    paths: shown.map((index) => ({
      item: hexlify(items[index] as Uint8Array),
      index,
      path: pathOf(items, index).map(hexlifyBytes),
    })),
  };
}

/**
 * True paths of a tree, claimed to be of other places and sizes: which of these claims a walk accepts. Some are, because the root does not fix
 * the size: the last of five passes as the last of two. That is why sizes are under signatures and never the prover's.
 */
function claimVectors(size: number) {
  const items = itemsOf(size);
  const root = rootOf(items);
  const claims = [];
  for (let true_ = 0; true_ < size; true_++)
    for (let claimedSize = 1; claimedSize <= 2 * size; claimedSize++)
      for (let index = 0; index < claimedSize; index++) {
        if (index === true_ && claimedSize === size) continue;
        const path = pathOf(items, true_);
        const reached = walk(hash(LEAF, items[true_] as Uint8Array), path, index, claimedSize);
        if (reached !== undefined)
          claims.push({ leaf: true_, index, size: claimedSize, isAccepted: reached.equals(root) });
      }
  return { size, claims };
}

/** RFC 9162 §2.1.3.2. Undefined: the path has not the length of this place. */
function walk(leaf: Buffer, path: readonly Buffer[], index: number, size: number): Buffer | undefined {
  let [place, last, reached] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (place % 2 === 1 || place === last) {
      reached = hash(INNER, sibling, reached);
      while (place % 2 === 0 && place > 0) [place, last] = [place >> 1, last >> 1];
    } else reached = hash(INNER, reached, sibling);
    [place, last] = [place >> 1, last >> 1];
  }
  return last === 0 ? reached : undefined;
}

const LEDGER_ID = hash(Buffer.from("genesis"));
const KEYS = ["one", "two", "three"].map((name) => hash(Buffer.from(name)));

function signingVector() {
  const domain: BridgeDomain = {
    chainId: 31_337n,
    contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    ledgerId: LEDGER_ID,
  };
  const leaf = {
    height: 7,
    time: 1_700_049_600_123,
    txCount: 3,
    messageCount: 5,
    txRoot: rootOf(itemsOf(3)),
    messageRoot: rootOf(itemsOf(5)),
    appHash: hash(Buffer.from("app")),
  };
  const anchor: Anchor = {
    seq: 1n,
    valsetNonce: 0n,
    fromHeight: 1,
    toHeight: 7,
    time: leaf.time,
    lastHeaderHash: hash(Buffer.from("header")),
    root: blockLeafHash(leaf),
  };
  const members = KEYS.map((key, i) => ({ address: computeAddress(hexlify(key)), power: BigInt(10 + i) }));
  const digest = anchorDigest(domain, anchor);
  return {
    domain: { ...domain, chainId: Number(domain.chainId), ledgerId: hexlify(LEDGER_ID) },
    leaf: {
      ...leaf,
      txRoot: hexlify(leaf.txRoot),
      messageRoot: hexlify(leaf.messageRoot),
      appHash: hexlify(leaf.appHash),
      hash: hexlify(blockLeafHash(leaf)),
    },
    anchor: {
      ...anchor,
      seq: 1,
      valsetNonce: 0,
      lastHeaderHash: hexlify(anchor.lastHeaderHash),
      root: hexlify(anchor.root),
      structHash: anchorHash(anchor),
      digest,
      signature: hexlify(signDigest(KEYS[0] as Uint8Array, digest)),
    },
    valset: { bytes: hexlify(encodeValset(members)), hash: valsetHash(members) },
    valsetUpdateDigest: valsetUpdateDigest(domain, { nonce: 1n, effectiveHeight: 8, members }),
    freezeDigest: freezeDigest(domain, { nonce: 1n, on: true }),
  };
}

function hexlifyBytes(bytes: Uint8Array): string {
  return hexlify(bytes);
}

if (import.meta.main) {
  const { writeFileSync } = await import("node:fs");
  writeFileSync(VECTORS_FILE, `${JSON.stringify(bridgeVectors(), undefined, 1)}\n`);
}
