import { verifyVoteSignature } from "#storage/crypto/keys.ts";
import type { Verdict } from "#storage/error.ts";
import { ACCEPTED, rejected } from "#storage/error.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import { isNilBlockId } from "#storage/types/blockId.ts";
import { proposalSignBytes } from "#storage/types/proposal.ts";
import type { Validator, ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import { HASH_BYTES } from "#storage/types/wire.ts";

/**
 * What is cheap to check of a vote for a height whose validators are known:
 * a) index within the set: VOTE_INDEX_OUT_OF_RANGE (ASA-2024-011)   b) address of that index: VOTE_ADDRESS_MISMATCH (CSA-2026-001)
 * c) a block id is complete or nil: VOTE_BLOCK_ID
 */
export function checkVote(vote: Vote, validators: ValidatorSet): Verdict {
  const validator = validators.validators[vote.validatorIndex];
  if (validator === undefined)
    return rejected("VOTE_INDEX_OUT_OF_RANGE", `index ${vote.validatorIndex} of ${validators.validators.length}`);
  if (Buffer.compare(validator.address, vote.validatorAddress) !== 0)
    return rejected("VOTE_ADDRESS_MISMATCH", `index ${vote.validatorIndex} belongs to another validator`);
  if (!isNilBlockId(vote.blockId) && !isCompleteBlockId(vote.blockId))
    return rejected("VOTE_BLOCK_ID", "neither a block id nor nil");
  return ACCEPTED;
}

/** VOTE_SIGNATURE when the validator at the vote's index did not sign it. */
export function checkVoteSignature(vote: Vote, validators: ValidatorSet, chainId: string): Verdict {
  const validator = validators.validators[vote.validatorIndex];
  if (validator !== undefined && verifyVoteSignature(validator.publicKey, voteSignBytes(vote, chainId), vote.signature))
    return ACCEPTED;
  return rejected("VOTE_SIGNATURE", `not the signature of validator ${vote.validatorIndex}`);
}

/** a) the polka it rests on is of an earlier round: PROPOSAL_POL_ROUND   b) the block id is complete: PROPOSAL_BLOCK_ID */
export function checkProposal(proposal: Proposal): Verdict {
  if (proposal.polRound < -1 || proposal.polRound >= proposal.round)
    return rejected("PROPOSAL_POL_ROUND", `polka of round ${proposal.polRound} in round ${proposal.round}`);
  if (!isCompleteBlockId(proposal.blockId)) return rejected("PROPOSAL_BLOCK_ID", "not a block id");
  return ACCEPTED;
}

/** PROPOSAL_SIGNATURE when it is not signed by `proposer`. */
export function checkProposalSignature(proposal: Proposal, proposer: Validator, chainId: string): Verdict {
  if (verifyVoteSignature(proposer.publicKey, proposalSignBytes(proposal, chainId), proposal.signature))
    return ACCEPTED;
  return rejected("PROPOSAL_SIGNATURE", `not the signature of the proposer of round ${proposal.round}`);
}

function isCompleteBlockId({ hash, partSetHeader }: BlockId): boolean {
  return hash.length === HASH_BYTES && partSetHeader.hash.length === HASH_BYTES && partSetHeader.total > 0;
}
