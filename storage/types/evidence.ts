import type { Commit } from "./commit.ts";
import type { Header } from "./header.ts";
import type { Timestamp } from "./time.ts";
import type { Validator, ValidatorSet } from "./validatorSet.ts";
import type { Vote } from "./vote.ts";

/** Proof that a validator misbehaved (CometBFT types/evidence.go). */
export type Evidence = DuplicateVoteEvidence | LightClientAttackEvidence;

/** Two votes of one validator for one height, round and type; voteA's block id key is the smaller one. */
export interface DuplicateVoteEvidence {
  readonly type: "duplicateVote";
  readonly voteA: Vote;
  readonly voteB: Vote;
  readonly totalVotingPower: bigint;
  readonly validatorPower: bigint;
  /** Block time at the height of the votes. */
  readonly timestamp: Timestamp;
}

/** A conflicting header signed by enough validators to fool a light client. */
export interface LightClientAttackEvidence {
  readonly type: "lightClientAttack";
  readonly conflictingBlock: {
    readonly signedHeader: { readonly header: Header; readonly commit: Commit };
    readonly validatorSet: ValidatorSet;
  };
  readonly commonHeight: number;
  readonly byzantineValidators: readonly Validator[];
  readonly totalVotingPower: bigint;
  readonly timestamp: Timestamp;
}
