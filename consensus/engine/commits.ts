import assert from "node:assert";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit, CommitSig } from "#storage/types/commit.ts";
import { ABSENT_COMMIT_SIG, voteOfCommit } from "#storage/types/commit.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Vote } from "#storage/types/vote.ts";
import { blockKey, votedValue } from "../tendermint/value.ts";
import type { VoteSet } from "../tendermint/voteSet.ts";
import { addToVoteSet, EMPTY_VOTE_SET, inspectVote } from "../tendermint/voteSet.ts";

/**
 * The commit that precommits of one round make for `blockId`. A validator that precommitted another block counts as absent: its vote
 * inside this commit would make the commit invalid (Tendermint 0.33.6 halted on it).
 */
export function makeCommit(
  precommits: VoteSet,
  blockId: BlockId,
  height: number,
  round: number,
  validators: ValidatorSet,
): Commit {
  const forBlock = precommits.tallies.get(blockKey(blockId))?.votes ?? [];
  const forNil = precommits.tallies.get(null)?.votes ?? [];
  const signatures = validators.validators.map((_, index): CommitSig => {
    const vote = forBlock[index] ?? forNil[index];
    if (vote === undefined) return ABSENT_COMMIT_SIG;
    const { validatorAddress, timestamp, signature } = vote;
    return { blockIdFlag: forBlock[index] === undefined ? "nil" : "commit", validatorAddress, timestamp, signature };
  });
  return { height, round, blockId, signatures };
}

/** The precommits in a verified commit. */
export function votesOfCommit(commit: Commit, validators: ValidatorSet): VoteSet {
  let set = EMPTY_VOTE_SET;
  for (const [index, signature] of commit.signatures.entries())
    if (signature.blockIdFlag !== "absent") set = addPrecommit(set, voteOfCommit(commit, index), validators) ?? set;
  return set;
}

/** The set with one more verified precommit, or undefined when it changes nothing. */
export function addPrecommit(set: VoteSet, vote: Vote, validators: ValidatorSet): VoteSet | undefined {
  const value = votedValue(vote.blockId);
  const outcome = inspectVote(set, vote.validatorIndex, value);
  if (outcome === "duplicate" || outcome === "refused") return undefined;
  const validator = validators.validators[vote.validatorIndex];
  assert(validator !== undefined, "the index was checked");
  return addToVoteSet(set, vote, value, validator.votingPower, validators.totalVotingPower);
}
