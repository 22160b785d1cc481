import { test } from "vitest";
import { proveMerkle } from "#storage/crypto/merkle.ts";
import { type DecoderUnderTest, fuzzCase } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS } from "#storage/fuzz/runs.ts";
import { cometBft, fromHex } from "#storage/types/cometbftVectors.ts";
import { decodeCommit } from "#storage/types/commit.ts";
import { FormatError } from "#storage/types/formatError.ts";
import { decodeLightBlock } from "#storage/types/lightBlock.ts";
import { ValidatorSetError } from "#storage/types/validatorSet.ts";
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
  encodeLightBlocks,
  encodeProofRequest,
  encodeStateAnswer,
  encodeStoredBlocks,
  encodeSubmission,
  encodeSubmitVerdicts,
  encodeTxProofs,
  resultCodeOf,
} from "./messages.ts";

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const proof = proveMerkle([hash(1), hash(2), hash(3)], 1);
const blocks = cometBft.blocks.flatMap(({ bytes, commit }) =>
  bytes === undefined ? [] : [{ blockBytes: fromHex(bytes), commit: decodeCommit(fromHex(commit)) }],
);
const lightBlocks = cometBft.lightBlocks.map(({ bytes }) => decodeLightBlock(fromHex(bytes)));
const query = { path: "/edream/account", data: Buffer.from("x"), height: 9 };
const txProof = { txId: hash(1), height: 5, inclusion: proof, result: { bytes: Uint8Array.of(8, 5), proof } };

/** Requests and answers are neither hashed nor signed: fields in another order are another way to say the same. */
const errors: DecoderUnderTest<unknown>["errors"] = [FormatError, ValidatorSetError];
const CASES = [
  fuzzCase({
    name: "height range",
    samples: [encodeHeightRange({ from: 7, count: 3 })],
    decode: decodeHeightRange,
    errors,
  }),
  fuzzCase({ name: "blocks", samples: [encodeStoredBlocks(blocks)], decode: decodeStoredBlocks, errors }),
  fuzzCase({ name: "light blocks", samples: [encodeLightBlocks(lightBlocks)], decode: decodeLightBlocks, errors }),
  fuzzCase({
    name: "proof request",
    samples: [encodeProofRequest({ query }), encodeProofRequest({ txIds: [hash(1), hash(2)] })],
    decode: decodeProofRequest,
    errors,
  }),
  fuzzCase({
    name: "transaction proofs",
    samples: [encodeTxProofs([txProof, { ...txProof, result: undefined }])],
    decode: decodeTxProofs,
    errors,
  }),
  fuzzCase({ name: "result", samples: [Uint8Array.of(8, 5, 18, 1, 1, 40, 3)], decode: resultCodeOf, errors }),
  fuzzCase({
    name: "state answer",
    samples: [encodeStateAnswer({ code: 1, height: 4, key: hash(1), value: hash(2), proof: hash(3) })],
    decode: decodeStateAnswer,
    errors,
  }),
  fuzzCase({ name: "submission", samples: [encodeSubmission([hash(1), hash(2)])], decode: decodeSubmission, errors }),
  fuzzCase({
    name: "submission's verdicts",
    samples: [encodeSubmitVerdicts([{ code: 32, log: "SEQUENCE_MISMATCH: grüezi" }])],
    decode: decodeSubmitVerdicts,
    errors,
  }),
];

test.each(CASES)(
  "changed bytes of $name are read or refused with a code",
  ({ fuzz }) => {
    fuzz(150);
  },
  FUZZ_TIMEOUT_MS,
);
