import type { Evidence } from "#storage/types/evidence.ts";
import type { Vote } from "#storage/types/vote.ts";
import { blockIdJson, commitJson, headerJson } from "./headers.ts";
import { base64, hex, int64, listOrNull, time } from "./primitives.ts";
import { validatorJson, validatorSetJson } from "./validators.ts";

export const EVIDENCE_TYPES = {
  duplicateVote: "tendermint/DuplicateVoteEvidence",
  lightClientAttack: "tendermint/LightClientAttackEvidence",
} as const;

export const VOTE_TYPES = { prevote: 1, precommit: 2 } as const;

export function evidenceJson(evidence: Evidence): object {
  return { type: EVIDENCE_TYPES[evidence.type], value: valueJson(evidence) };
}

function valueJson(evidence: Evidence): object {
  if (evidence.type === "duplicateVote")
    return {
      vote_a: voteJson(evidence.voteA),
      vote_b: voteJson(evidence.voteB),
      TotalVotingPower: int64(evidence.totalVotingPower),
      ValidatorPower: int64(evidence.validatorPower),
      Timestamp: time(evidence.timestamp),
    };
  const { signedHeader, validatorSet } = evidence.conflictingBlock;
  return {
    ConflictingBlock: {
      signed_header: { header: headerJson(signedHeader.header), commit: commitJson(signedHeader.commit) },
      validator_set: validatorSetJson(validatorSet),
    },
    CommonHeight: int64(evidence.commonHeight),
    ByzantineValidators: listOrNull(evidence.byzantineValidators.map(validatorJson)),
    TotalVotingPower: int64(evidence.totalVotingPower),
    Timestamp: time(evidence.timestamp),
  };
}

export function voteJson(vote: Vote): object {
  return {
    type: VOTE_TYPES[vote.type],
    height: int64(vote.height),
    round: vote.round,
    block_id: blockIdJson(vote.blockId),
    timestamp: time(vote.timestamp),
    validator_address: hex(vote.validatorAddress),
    validator_index: vote.validatorIndex,
    signature: base64(vote.signature),
    extension: null,
    extension_signature: null,
  };
}
