import fc from "fast-check";
import { expect, test } from "vitest";
import { LedgerError } from "../error.ts";
import { MAX_PROOF_AUNTS, MAX_VALIDATORS } from "../limits.ts";
import { decodeBlock, encodeBlock } from "./block.ts";
import { type BlockId, encodeBlockId, NIL_BLOCK_ID } from "./blockId.ts";
import { cometBft, fromHex } from "./cometbftVectors.ts";
import { type CommitSig, decodeCommit, encodeCommit, MAX_COMMIT_BYTES } from "./commit.ts";
import { decodeEvidence, encodeEvidence, MAX_EVIDENCE_BYTES, readEvidenceList } from "./evidence.ts";
import { decodeHeader, encodeHeader, MAX_HEADER_BYTES } from "./header.ts";
import { decodeLightBlock, encodeLightBlock } from "./lightBlock.ts";
import { decodeConsensusParams, encodeConsensusParams } from "./params.ts";
import { decodePart, encodePart, makePartSet } from "./partSet.ts";
import { decodeProposal, encodeProposal, MAX_PROPOSAL_BYTES } from "./proposal.ts";
import { decodeValidatorSet, encodeValidatorSet } from "./validatorSet.ts";
import { decodeVote, encodeVote, MAX_VOTE_BYTES } from "./vote.ts";
import { FieldReader, FieldWriter } from "./wire.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const optional = (length: number) => fc.oneof(fc.constant(new Uint8Array(0)), bytes(length));
const height = fc.oneof(fc.nat(), fc.maxSafeNat());
const round = fc.nat(0x7fff_ffff);
const time = fc.record({
  seconds: fc.bigInt({ min: -62135596800n, max: 253402300799n }),
  nanos: fc.nat(999_999_999),
});
const blockId: fc.Arbitrary<BlockId> = fc.oneof(
  fc.constant(NIL_BLOCK_ID),
  fc.record({ hash: bytes(32), partSetHeader: fc.record({ total: fc.nat(0xffff_ffff), hash: optional(32) }) }),
);
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const header = fc.record({
  version: fc.record({ block: uint64, app: uint64 }),
  chainId: fc.string({ maxLength: 12, unit: "binary" }),
  height,
  time,
  lastBlockId: blockId,
  lastCommitHash: optional(32),
  dataHash: optional(32),
  validatorsHash: optional(32),
  nextValidatorsHash: optional(32),
  consensusHash: optional(32),
  appHash: fc.uint8Array({ maxLength: 64 }),
  lastResultsHash: optional(32),
  evidenceHash: optional(32),
  proposerAddress: optional(20),
});
const vote = fc.record({
  type: fc.constantFrom("prevote" as const, "precommit" as const),
  height,
  round,
  blockId,
  timestamp: time,
  validatorAddress: optional(20),
  validatorIndex: round,
  signature: fc.uint8Array({ maxLength: 64 }),
});
const proposal = fc.record({
  height,
  round,
  polRound: fc.integer({ min: -1, max: 0x7fff_ffff }),
  blockId,
  timestamp: time,
  signature: fc.uint8Array({ maxLength: 64 }),
});
const absent: CommitSig = {
  blockIdFlag: "absent",
  validatorAddress: new Uint8Array(0),
  timestamp: { seconds: -62135596800n, nanos: 0 },
  signature: new Uint8Array(0),
};
const commitSig: fc.Arbitrary<CommitSig> = fc.oneof(
  fc.constant(absent),
  fc.record({
    blockIdFlag: fc.constantFrom("commit" as const, "nil" as const),
    validatorAddress: bytes(20),
    timestamp: time,
    signature: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  }),
);
const commit = fc.record({ height, round, blockId, signatures: fc.array(commitSig, { maxLength: 5 }) });
const evidence = fc.record({
  type: fc.constant("duplicateVote" as const),
  voteA: vote,
  voteB: vote,
  totalVotingPower: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  validatorPower: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  timestamp: time,
});
const block = fc.record({
  header,
  txs: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
  evidence: fc.array(evidence, { maxLength: 2 }),
  lastCommit: commit,
});

function roundTrips<T>(arbitrary: fc.Arbitrary<T>, encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => T) {
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(decode(encode(value))).toEqual(value);
    }),
    { numRuns: 60 },
  );
}

test("every header, vote, proposal, commit, evidence and block decodes to what was encoded", () => {
  roundTrips(header, encodeHeader, decodeHeader);
  roundTrips(vote, encodeVote, decodeVote);
  roundTrips(proposal, encodeProposal, decodeProposal);
  roundTrips(commit, encodeCommit, decodeCommit);
  roundTrips(evidence, encodeEvidence, (input) => decodeEvidence(input) as never);
  roundTrips(block, encodeBlock, (input) => decodeBlock(input) as never);
});

const vectorBlock = cometBft.blocks.find((vector) => vector.evidence !== null && vector.bytes !== undefined);
const evidenceList = readEvidenceList(fromHex(cometBft.evidence.listBytes));
const samples: readonly { name: string; input: Uint8Array; decodeAgain: (bytes: Uint8Array) => Uint8Array }[] = [
  {
    name: "header",
    input: fromHex(cometBft.headers[3]?.bytes ?? ""),
    decodeAgain: (b) => encodeHeader(decodeHeader(b)),
  },
  { name: "vote", input: fromHex(cometBft.votes[1]?.bytes ?? ""), decodeAgain: (b) => encodeVote(decodeVote(b)) },
  {
    name: "proposal",
    input: fromHex(cometBft.proposals[0]?.bytes ?? ""),
    decodeAgain: (b) => encodeProposal(decodeProposal(b)),
  },
  {
    name: "commit",
    input: fromHex(cometBft.commits[2]?.bytes ?? ""),
    decodeAgain: (b) => encodeCommit(decodeCommit(b)),
  },
  { name: "block", input: fromHex(vectorBlock?.bytes ?? ""), decodeAgain: (b) => encodeBlock(decodeBlock(b)) },
  {
    name: "validator set",
    input: fromHex(cometBft.validatorSets[8]?.start.bytes ?? ""),
    decodeAgain: (b) => encodeValidatorSet(decodeValidatorSet(b)),
  },
  {
    name: "duplicate vote",
    input: encodeEvidence(evidenceList[0] as (typeof evidenceList)[0]),
    decodeAgain: (b) => encodeEvidence(decodeEvidence(b)),
  },
  {
    name: "light client attack",
    input: encodeEvidence(evidenceList[4] as (typeof evidenceList)[0]),
    decodeAgain: (b) => encodeEvidence(decodeEvidence(b)),
  },
  {
    name: "light block",
    input: fromHex(cometBft.lightBlocks[1]?.bytes ?? ""),
    decodeAgain: (b) => encodeLightBlock(decodeLightBlock(b)),
  },
  {
    name: "parameters",
    input: fromHex(cometBft.params[0]?.bytes ?? ""),
    decodeAgain: (b) => encodeConsensusParams(decodeConsensusParams(b)),
  },
  {
    name: "part",
    input: encodePart(makePartSet(new Uint8Array(70_000)).parts[1] as ReturnType<typeof decodePart>),
    decodeAgain: (b) => encodePart(decodePart(b)),
  },
];

/** Either refused with a code, or accepted as the only encoding of what was read. */
function isAnswered(name: string, input: Uint8Array, decodeAgain: (bytes: Uint8Array) => Uint8Array): boolean {
  let output: Uint8Array;
  try {
    output = decodeAgain(input);
  } catch (error) {
    if (error instanceof LedgerError) return true;
    throw new Error(`${name}: ${String(error)}`, { cause: error });
  }
  return Buffer.compare(output, input) === 0;
}

test("a flipped bit or a cut anywhere is refused with a code or read as another value, never accepted twice", () => {
  for (const { name, input, decodeAgain } of samples) {
    expect(input.length, name).toBeGreaterThan(10);
    expect(Buffer.compare(decodeAgain(input), input), name).toBe(0);
    // Long inputs are sampled with a stride that is coprime to 8 bits, so that every kind of byte is hit.
    const stride = input.length > 600 ? 13 : 1;
    for (let bit = 0; bit < input.length * 8; bit += stride) {
      const flipped = Uint8Array.from(input);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      if (!isAnswered(name, flipped, decodeAgain)) expect.fail(`${name}: bit ${bit}`);
    }
    for (let length = 0; length < input.length; length += stride) {
      if (!isAnswered(name, input.subarray(0, length), decodeAgain)) expect.fail(`${name}: cut at ${length}`);
    }
  }
});

test("random bytes are answered too", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...samples), (input, { name, decodeAgain }) =>
      isAnswered(name, input, decodeAgain),
    ),
    { numRuns: 2000 },
  );
});

test("wire types, overlong varints, lengths beyond the end and field number 0 are refused", () => {
  const read = (hex: string) => () => {
    const fields = new FieldReader("probe", fromHex(hex));
    while (fields.next()) {
      if (fields.number === 1) fields.uint64("number");
      else if (fields.number === 2) fields.message();
      else fields.refuse();
    }
  };
  expect(read("0801")).not.toThrow();
  expect(read("08ffffffffffffffffff01")).not.toThrow();
  for (const hex of [
    "088100",
    "08ffffffffffffffffff02",
    "08ffffffffffffffffffff01",
    "08",
    "0880",
    "0901",
    "0a01",
    "1001",
  ]) {
    expect(read(hex), hex).toThrow("FORMAT_WIRE_MALFORMED");
  }
  for (const hex of ["1201", "12ff", "12ffffffff0f", "12ffffffffffffffffff01", "00", "ffffffffffffffffff01"]) {
    expect(read(hex), hex).toThrow("FORMAT_WIRE_MALFORMED");
  }
  expect(read("1a00")).toThrow("FORMAT_FIELD_UNKNOWN");
});

test("one signature, one aunt or one byte too many is refused, the limit itself is not", () => {
  const { signatures, ...rest } = decodeCommit(fromHex(cometBft.commits[1]?.bytes ?? ""));
  const many = (count: number) => encodeCommit({ ...rest, signatures: Array(count).fill(signatures[0]) });
  expect(decodeCommit(many(MAX_VALIDATORS)).signatures.length).toBe(MAX_VALIDATORS);
  expect(many(MAX_VALIDATORS).length).toBeLessThanOrEqual(MAX_COMMIT_BYTES);
  expect(() => decodeCommit(many(MAX_VALIDATORS + 1))).toThrow(/FORMAT_TOO_(MANY|LARGE)/);

  const proof = { total: 1, index: 0, leafHash: new Uint8Array(32) };
  const part = (count: number) =>
    encodePart({
      index: 0,
      bytes: Uint8Array.of(1),
      proof: { ...proof, aunts: Array(count).fill(new Uint8Array(32)) },
    });
  expect(decodePart(part(MAX_PROOF_AUNTS)).proof.aunts.length).toBe(MAX_PROOF_AUNTS);
  expect(() => decodePart(part(MAX_PROOF_AUNTS + 1))).toThrow("FORMAT_TOO_MANY");

  const padding = (length: number) => new Uint8Array(length + 1);
  expect(() => decodeHeader(padding(MAX_HEADER_BYTES))).toThrow("FORMAT_TOO_LARGE");
  expect(() => decodeVote(padding(MAX_VOTE_BYTES))).toThrow("FORMAT_TOO_LARGE");
  expect(() => decodeProposal(padding(MAX_PROPOSAL_BYTES))).toThrow("FORMAT_TOO_LARGE");
  expect(() => decodeEvidence(padding(MAX_EVIDENCE_BYTES))).toThrow("FORMAT_TOO_LARGE");
});

test("the empty block id still writes its part set header, and int64 -1 takes ten bytes", () => {
  expect(Buffer.from(encodeBlockId(NIL_BLOCK_ID)).toString("hex")).toBe("1200");
  expect(Buffer.from(new FieldWriter().int(4, -1).finish()).toString("hex")).toBe("20ffffffffffffffffff01");
});
