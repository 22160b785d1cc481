import { test } from "vitest";
import { decodeMerkleProof, encodeMerkleProof } from "../crypto/merkle.ts";
import { fuzzCase, fuzzDecoder } from "../fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS } from "../fuzz/runs.ts";
import { decodeBlock, encodeBlock } from "./block.ts";
import { cometBft, fromHex } from "./cometbftVectors.ts";
import { decodeCommit, encodeCommit } from "./commit.ts";
import { decodeEvidence, encodeEvidence, readEvidenceList } from "./evidence.ts";
import { FormatError } from "./formatError.ts";
import { decodeHeader, encodeHeader } from "./header.ts";
import { decodeLightBlock, encodeLightBlock } from "./lightBlock.ts";
import { decodeConsensusParams, encodeConsensusParams } from "./params.ts";
import { decodePart, encodePart, makePartSet } from "./partSet.ts";
import { decodeProposal, encodeProposal } from "./proposal.ts";
import { decodeValidatorSet, encodeValidatorSet, ValidatorSetError } from "./validatorSet.ts";
import { decodeVote, encodeVote } from "./vote.ts";

const hexes = (list: readonly { readonly bytes?: string | undefined }[]) =>
  list.flatMap(({ bytes }) => (bytes === undefined ? [] : [fromHex(bytes)]));
const errors = [FormatError, ValidatorSetError];

const evidence = readEvidenceList(fromHex(cometBft.evidence.listBytes)).map(encodeEvidence);
const parts = [1, 70_000].flatMap((bytes) => makePartSet(new Uint8Array(bytes).fill(3)).parts);

/** Blocks, votes and what they consist of: hashed or signed, so that each value has one encoding. */
const DECODERS = [
  fuzzCase({ name: "header", samples: hexes(cometBft.headers), decode: decodeHeader, encode: encodeHeader, errors }),
  fuzzCase({ name: "vote", samples: hexes(cometBft.votes), decode: decodeVote, encode: encodeVote, errors }),
  fuzzCase({
    name: "proposal",
    samples: hexes(cometBft.proposals),
    decode: decodeProposal,
    encode: encodeProposal,
    errors,
  }),
  fuzzCase({ name: "commit", samples: hexes(cometBft.commits), decode: decodeCommit, encode: encodeCommit, errors }),
  fuzzCase({ name: "block", samples: hexes(cometBft.blocks), decode: decodeBlock, encode: encodeBlock, errors }),
  fuzzCase({
    name: "validator set",
    samples: cometBft.validatorSets.map(({ start }) => fromHex(start.bytes)),
    decode: decodeValidatorSet,
    encode: encodeValidatorSet,
    errors,
  }),
  fuzzCase({ name: "evidence", samples: evidence, decode: decodeEvidence, encode: encodeEvidence, errors }),
  fuzzCase({
    name: "light block",
    samples: hexes(cometBft.lightBlocks),
    decode: decodeLightBlock,
    encode: encodeLightBlock,
    errors,
  }),
  fuzzCase({
    name: "parameters",
    samples: hexes(cometBft.params),
    decode: decodeConsensusParams,
    encode: encodeConsensusParams,
    errors,
  }),
  fuzzCase({ name: "part", samples: parts.map(encodePart), decode: decodePart, encode: encodePart, errors }),
];

test.each(DECODERS)(
  "$name: changed bytes are refused with a code, or are the encoding of another",
  ({ fuzz }) => {
    fuzz(250);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a Merkle proof is read whatever its bytes",
  () => {
    const samples = parts.map(({ proof }) => encodeMerkleProof(proof));
    fuzzDecoder({ name: "merkle proof", samples, decode: decodeMerkleProof, errors }, 250);
  },
  FUZZ_TIMEOUT_MS,
);
