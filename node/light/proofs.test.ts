import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { merkleRoot, proveMerkle } from "#storage/crypto/merkle.ts";
import type { Header } from "#storage/types/header.ts";
import { encodeDeterministicResult } from "#storage/types/results.ts";
import type { Network } from "../network/network.ts";
import { encodeTxProofs, type TxProof } from "../serve/messages.ts";
import type { FullNodePeers } from "./peers.ts";
import { createProofs } from "./proofs.ts";

const ids = [1, 2, 3, 4, 5].map((n) => sha256(Buffer.from([n])));
const results = ids.map((_, n) =>
  encodeDeterministicResult({ code: n, data: new Uint8Array(0), gasWanted: 1n, gasUsed: 1n }),
);
const header = { dataHash: merkleRoot(ids) } as Header;
const next = { lastResultsHash: merkleRoot(results) } as Header;

const honest = (index: number): TxProof => ({
  txId: ids[index] as Uint8Array,
  height: 7,
  inclusion: proveMerkle(ids, index),
  result: { bytes: results[index] as Uint8Array, proof: proveMerkle(results, index) },
});

function lightNode(answers: readonly TxProof[]) {
  const lies: string[] = [];
  const peers = { ask: async () => ({ peer: "full", answer: encodeTxProofs(answers) }) } as unknown as FullNodePeers;
  const proofs = createProofs({
    network: { protocols: {} } as unknown as Network,
    peers,
    header: async (height) => (height === 7 ? header : height === 8 ? next : undefined),
    update: async () => 8,
    onLie: (_peer, code) => lies.push(code),
  });
  return { proofs, lies };
}

test("a transaction counts once its path and its result lead to verified headers", async () => {
  const { proofs, lies } = lightNode([honest(2)]);
  const found = await proofs.transactions([ids[2] as Uint8Array]);
  expect(found.map(({ code }) => code)).toEqual([2]);
  expect(lies).toEqual([]);
  expect(proofs.counts).toEqual({ verified: 2, failed: 0 });
});

const lyingCases: { name: string; proof: TxProof; code: string }[] = [
  {
    name: "the path of another transaction",
    proof: { ...honest(2), inclusion: proveMerkle(ids, 1) },
    code: "MERKLE_LEAF_MISMATCH",
  },
  {
    name: "the result of another transaction",
    proof: { ...honest(2), result: { bytes: results[0] as Uint8Array, proof: proveMerkle(results, 0) } },
    code: "RESULT_MISPLACED",
  },
  {
    name: "a made-up result",
    proof: { ...honest(2), result: { bytes: results[0] as Uint8Array, proof: proveMerkle(results, 2) } },
    code: "MERKLE_LEAF_MISMATCH",
  },
  {
    name: "a path to another root",
    proof: { ...honest(2), inclusion: proveMerkle([...ids.slice(0, 4), sha256(Buffer.from([9]))], 2) },
    code: "MERKLE_ROOT_MISMATCH",
  },
];

test.each(lyingCases)("a full node that sends $name is caught with $code", async ({ proof, code }) => {
  const { proofs, lies } = lightNode([proof]);
  expect((await proofs.transactions([ids[2] as Uint8Array])).filter((found) => found.code !== undefined)).toEqual([]);
  expect(lies).toEqual([code]);
  expect(proofs.counts.failed).toBe(1);
});

test("an answer about a transaction that was not asked for is passed over", async () => {
  const { proofs } = lightNode([honest(1)]);
  expect(await proofs.transactions([ids[2] as Uint8Array])).toEqual([]);
});
