import type { Vote } from "#storage/types/vote.ts";
import { isQuorum } from "./threshold.ts";
import type { Value } from "./value.ts";

/** Votes of one height, round and type for one value, by validator index. */
export interface VoteTally {
  readonly weight: bigint;
  readonly votes: readonly (Vote | undefined)[];
}

/**
 * All votes of one height, round and type. Immutable: adding returns a new set that shares what did not change.
 *
 * An equivocator's votes count for every value it voted for, as in the paper, where the log holds all messages: otherwise a node that
 * saw the wrong one first could never see the quorum that the others saw. Memory stays bounded: a validator opens at most two values,
 * and joins further ones only if another validator opened them.
 */
export interface VoteSet {
  readonly tallies: ReadonlyMap<Value, VoteTally>;
  /** First vote seen of each validator. */
  readonly first: readonly (Vote | undefined)[];
  /** Voting power of all validators that voted, each counted once. */
  readonly weight: bigint;
  /** First value with more than 2/3 of the power; undefined while there is none. */
  readonly majority: Value | undefined;
}

/**
 * new: first vote of this validator; conflict: it voted for another value before; duplicate: this vote is known;
 * refused: it opens a third value.
 */
export type VoteOutcome = "new" | "conflict" | "duplicate" | "refused";

const VALUES_PER_VALIDATOR_MAX = 2;

export const EMPTY_VOTE_SET: VoteSet = { tallies: new Map(), first: [], weight: 0n, majority: undefined };

/** What adding a vote of validator `index` for `value` would do. O(1) unless the validator equivocates. */
export function inspectVote(set: VoteSet, index: number, value: Value): VoteOutcome {
  if (set.first[index] === undefined) return "new";
  const tally = set.tallies.get(value);
  if (tally !== undefined) return tally.votes[index] === undefined ? "conflict" : "duplicate";
  let opened = 0;
  for (const other of set.tallies.values()) if (other.votes[index] !== undefined) opened++;
  return opened < VALUES_PER_VALIDATOR_MAX ? "conflict" : "refused";
}

/** Adds a vote whose outcome is "new" or "conflict". O(validators) copies of references. */
export function addToVoteSet(set: VoteSet, vote: Vote, value: Value, power: bigint, totalPower: bigint): VoteSet {
  const index = vote.validatorIndex;
  const before = set.tallies.get(value);
  const votes = before === undefined ? [] : before.votes.slice();
  votes[index] = vote;
  const tally: VoteTally = { weight: (before?.weight ?? 0n) + power, votes };
  const tallies = new Map(set.tallies).set(value, tally);
  const majority = set.majority === undefined && isQuorum(tally.weight, totalPower) ? value : set.majority;
  if (set.first[index] !== undefined) return { ...set, tallies, majority };
  const first = set.first.slice();
  first[index] = vote;
  return { tallies, first, weight: set.weight + power, majority };
}

/** True once more than 2/3 of the power voted for `value`. */
export function hasQuorumFor(set: VoteSet, value: Value, totalPower: bigint): boolean {
  return isQuorum(set.tallies.get(value)?.weight ?? 0n, totalPower);
}
