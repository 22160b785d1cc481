import fc from "fast-check";
import { expect, test } from "vitest";
import { proveMerkle } from "#storage/crypto/merkle.ts";
import { LedgerError } from "#storage/error.ts";
import {
  decodeHeightRange,
  decodeLightBlocks,
  decodeProofRequest,
  decodeStateAnswer,
  decodeStoredBlocks,
  decodeSubmission,
  decodeSubmitVerdicts,
  decodeTxProofs,
  encodeHeightRange,
  encodeProofRequest,
  encodeStateAnswer,
  encodeSubmission,
  encodeSubmitVerdicts,
  encodeTxProofs,
  MAX_PROOF_IDS,
} from "./messages.ts";

const hash = (fill: number) => Buffer.alloc(32, fill);
const items = [hash(1), hash(2), hash(3)];

test("every message survives its encoding", () => {
  expect(decodeHeightRange(encodeHeightRange({ from: 7, count: 3 }))).toEqual({ from: 7, count: 3 });
  const query = { query: { path: "/edream/account", data: Buffer.from("x"), height: 9 } };
  expect(decodeProofRequest(encodeProofRequest(query))).toMatchObject({
    query: { path: "/edream/account", height: 9 },
  });
  const proof = { txId: hash(1), height: 5, inclusion: proveMerkle(items, 1), result: undefined };
  expect(decodeTxProofs(encodeTxProofs([proof]))[0]).toMatchObject({ height: 5, result: undefined });
  const withResult = { ...proof, result: { bytes: new Uint8Array(0), proof: proveMerkle(items, 1) } };
  expect(decodeTxProofs(encodeTxProofs([withResult]))[0]?.result?.proof.index).toBe(1);
  const answer = { code: 0, height: 4, key: hash(1), value: hash(2), proof: hash(3) };
  expect(decodeStateAnswer(encodeStateAnswer(answer)).height).toBe(4);
  expect(decodeSubmission(encodeSubmission([hash(1), hash(2)]))).toHaveLength(2);
  const verdicts = [
    { code: 0, log: "" },
    { code: 32, log: "SEQUENCE_MISMATCH: 3" },
  ];
  expect(decodeSubmitVerdicts(encodeSubmitVerdicts(verdicts))).toEqual(verdicts);
});

test("more transaction ids than allowed are refused before they are kept", () => {
  const txIds = Array.from({ length: MAX_PROOF_IDS + 1 }, () => hash(1));
  expect(() => decodeProofRequest(encodeProofRequest({ txIds }))).toThrow("FORMAT_TOO_MANY");
  expect(decodeProofRequest(encodeProofRequest({ txIds: txIds.slice(1) }))).toEqual({
    txIds: txIds.slice(1).map((id) => Uint8Array.from(id)),
  });
});

test("whatever bytes a peer sends, a decoder answers or refuses with a code", () => {
  const decoders = [
    decodeHeightRange,
    decodeStoredBlocks,
    decodeLightBlocks,
    decodeProofRequest,
    decodeTxProofs,
    decodeStateAnswer,
    decodeSubmission,
    decodeSubmitVerdicts,
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of decoders)
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LedgerError);
        }
    }),
    { numRuns: 500 },
  );
});
