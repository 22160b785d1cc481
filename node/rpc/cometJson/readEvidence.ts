import { MAX_VALIDATORS } from "#storage/limits.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import type { Vote } from "#storage/types/vote.ts";
import { ArgumentFault } from "../argument.ts";
import { EVIDENCE_TYPES } from "./evidence.ts";
import type { JsonFields } from "./readFields.ts";
import { readBlockId, readCommit, readHeader, readValidator } from "./readHeaders.ts";

/** Evidence as it was written, or why it cannot be any (the words of ValidateBasic in types/evidence.go). */
export type WrittenEvidence = { readonly evidence: Evidence } | { readonly problem: string };

/**
 * Reads evidence in Go's JSON. Only the kinds of the fields are checked: what else evidence must be, its decoder knows
 * (storage/types/evidence.ts).
 * @throws ArgumentFault
 */
export function readEvidence(type: string, value: JsonFields): WrittenEvidence {
  if (type === EVIDENCE_TYPES.duplicateVote) return readDuplicateVote(value);
  if (type === EVIDENCE_TYPES.lightClientAttack) return readAttack(value);
  throw new ArgumentFault(`unknown type ${JSON.stringify(type)}`);
}

function readDuplicateVote(value: JsonFields): WrittenEvidence {
  const a = value.object("vote_a");
  const b = value.object("vote_b");
  const voteA = a && readVote(a);
  const voteB = b && readVote(b);
  const totalVotingPower = value.int64("TotalVotingPower");
  const validatorPower = value.int64("ValidatorPower");
  const timestamp = value.time("Timestamp");
  if (voteA === undefined || voteB === undefined) {
    const [first, second] = [voteA, voteB].map((vote) => (vote === undefined ? "nil-Vote" : "Vote"));
    return { problem: `one or both of the votes are empty ${first}, ${second}` };
  }
  return { evidence: { type: "duplicateVote", voteA, voteB, totalVotingPower, validatorPower, timestamp } };
}

function readAttack(value: JsonFields): WrittenEvidence {
  const block = value.object("ConflictingBlock");
  const commonHeight = value.height("CommonHeight");
  const byzantineValidators = value.list("ByzantineValidators", MAX_VALIDATORS).map(readValidator);
  const totalVotingPower = value.int64("TotalVotingPower");
  const timestamp = value.time("Timestamp");
  if (block === undefined) return { problem: "conflicting block is nil" };
  const conflictingBlock = readLightBlock(block);
  if (typeof conflictingBlock === "string") return { problem: conflictingBlock };
  const facts = { commonHeight, byzantineValidators, totalVotingPower, timestamp };
  return { evidence: { type: "lightClientAttack", conflictingBlock, ...facts } };
}

/** A text says what is missing. */
function readLightBlock(block: JsonFields): LightBlock | string {
  const signed = block.object("signed_header");
  if (signed === undefined) return "conflicting block missing signed header";
  const header = signed.object("header");
  if (header === undefined) return "conflicting block missing header";
  const commit = signed.object("commit");
  if (commit === undefined) return "invalid conflicting light block: invalid signed header: missing commit";
  const set = block.object("validator_set");
  const proposer = set?.object("proposer");
  if (set === undefined || proposer === undefined) return "invalid conflicting light block: missing validator set";
  const validators = set.list("validators", MAX_VALIDATORS).map(readValidator);
  return {
    signedHeader: { header: readHeader(header), commit: readCommit(commit) },
    // The total is summed again by whoever decodes the evidence.
    validatorSet: { validators, proposer: readValidator(proposer), totalVotingPower: 0n },
  };
}

function readVote(vote: JsonFields): Vote {
  const type = vote.integer("type");
  if (type !== 1 && type !== 2) throw new ArgumentFault(`a vote of type ${type}`);
  return {
    type: type === 1 ? "prevote" : "precommit",
    height: vote.height("height"),
    round: vote.integer("round"),
    blockId: readBlockId(vote.objectOrEmpty("block_id")),
    timestamp: vote.time("timestamp"),
    validatorAddress: vote.hex("validator_address"),
    validatorIndex: vote.integer("validator_index"),
    signature: vote.base64("signature"),
  };
}

/** @throws ArgumentFault */
