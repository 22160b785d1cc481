import type { Vote } from "#storage/types/vote.ts";
import type { Value } from "./value.ts";
import { votedValue } from "./value.ts";
import type { VoteOutcome, VoteSet } from "./voteSet.ts";
import { addToVoteSet, EMPTY_VOTE_SET, inspectVote } from "./voteSet.ts";

/**
 * Every vote of one height. Immutable. Rounds 0 to current + 1 are always open; a peer may open at most CATCH_UP_ROUNDS_PER_PEER
 * rounds beyond them (CometBFT HeightVoteSet), so a faulty validator cannot make the keeper grow with round numbers. When a peer
 * moves on to a higher round its lowest one is given up: a node far behind still sees the round its peers are in.
 */
export interface VoteKeeper {
  /** Voting power by validator index. */
  readonly powers: readonly bigint[];
  readonly totalPower: bigint;
  readonly rounds: ReadonlyMap<number, RoundVotes>;
  /** Peer → rounds beyond the window that it opened, ascending. */
  readonly catchUpRounds: ReadonlyMap<string, readonly number[]>;
}

export interface RoundVotes {
  readonly prevotes: VoteSet;
  readonly precommits: VoteSet;
  /** Power of the validators that sent any vote in this round, each counted once (L55). */
  readonly weight: bigint;
}

export interface AddedVote {
  readonly keeper: VoteKeeper;
  readonly outcome: VoteOutcome;
  /** The validator's first vote, when `outcome` is "conflict" and this is its first conflict here. */
  readonly conflictsWith: Vote | undefined;
  /** The value that reached more than 2/3 of the power by this vote; undefined when none did. */
  readonly newMajority: Value | undefined;
}

export const CATCH_UP_ROUNDS_PER_PEER = 2;

const EMPTY_ROUND: RoundVotes = { prevotes: EMPTY_VOTE_SET, precommits: EMPTY_VOTE_SET, weight: 0n };

export function createVoteKeeper(powers: readonly bigint[]): VoteKeeper {
  const totalPower = powers.reduce((sum, power) => sum + power, 0n);
  return { powers, totalPower, rounds: new Map(), catchUpRounds: new Map() };
}

/** The votes of `round`; empty sets when none came. */
export function votesOf(keeper: VoteKeeper, round: number): RoundVotes {
  return keeper.rounds.get(round) ?? EMPTY_ROUND;
}

/** What addVote would do; asked before the signature is checked, so that known and unwanted votes cost nothing. */
export function inspectKeeperVote(
  keeper: VoteKeeper,
  round: number,
  vote: Vote,
  peer: string | undefined,
): VoteOutcome {
  if (vote.validatorIndex >= keeper.powers.length || vote.round < 0) return "refused";
  if (admit(keeper, round, vote.round, peer) === undefined) return "refused";
  const votes = votesOf(keeper, vote.round);
  return inspectVote(
    vote.type === "prevote" ? votes.prevotes : votes.precommits,
    vote.validatorIndex,
    votedValue(vote.blockId),
  );
}

/** Adds a vote whose signature was checked. `round` is the current round, `peer` who sent it (undefined: ourselves). */
export function addVote(keeper: VoteKeeper, round: number, vote: Vote, peer: string | undefined): AddedVote {
  const admitted = admit(keeper, round, vote.round, peer);
  const power = keeper.powers[vote.validatorIndex];
  if (admitted === undefined || power === undefined || vote.round < 0) return unchanged(keeper, "refused");
  const votes = votesOf(admitted, vote.round);
  const set = vote.type === "prevote" ? votes.prevotes : votes.precommits;
  const value = votedValue(vote.blockId);
  const outcome = inspectVote(set, vote.validatorIndex, value);
  if (outcome === "duplicate" || outcome === "refused") return unchanged(keeper, outcome);

  const first = set.first[vote.validatorIndex];
  const known = votes.prevotes.first[vote.validatorIndex] ?? votes.precommits.first[vote.validatorIndex];
  const added = addToVoteSet(set, vote, value, power, admitted.totalPower);
  const next: RoundVotes = {
    prevotes: vote.type === "prevote" ? added : votes.prevotes,
    precommits: vote.type === "precommit" ? added : votes.precommits,
    weight: known === undefined ? votes.weight + power : votes.weight,
  };
  return {
    keeper: { ...admitted, rounds: new Map(admitted.rounds).set(vote.round, next) },
    outcome,
    conflictsWith: outcome === "conflict" && valuesBy(set, vote.validatorIndex) === 1 ? first : undefined,
    newMajority: set.majority === undefined ? added.majority : undefined,
  };
}

/** The keeper with `voteRound` open for `peer`, or undefined when that peer may not open it. */
function admit(keeper: VoteKeeper, round: number, voteRound: number, peer: string | undefined): VoteKeeper | undefined {
  if (voteRound <= round + 1 || peer === undefined) return keeper;
  const opened = (keeper.catchUpRounds.get(peer) ?? []).filter((other) => other > round + 1);
  if (opened.includes(voteRound)) return keeper;
  const lowest = opened[0];
  if (opened.length < CATCH_UP_ROUNDS_PER_PEER || lowest === undefined)
    return withCatchUp(keeper, peer, [...opened, voteRound]);
  if (voteRound < lowest) return undefined;
  const next = withCatchUp(keeper, peer, [...opened.slice(1), voteRound]);
  const wantedByOther = [...next.catchUpRounds.values()].some((rounds) => rounds.includes(lowest));
  if (wantedByOther) return next;
  const rounds = new Map(next.rounds);
  rounds.delete(lowest);
  return { ...next, rounds };
}

function withCatchUp(keeper: VoteKeeper, peer: string, rounds: readonly number[]): VoteKeeper {
  const sorted = [...rounds].sort((a, b) => a - b);
  return { ...keeper, catchUpRounds: new Map(keeper.catchUpRounds).set(peer, sorted) };
}

function valuesBy(set: VoteSet, index: number): number {
  let count = 0;
  for (const tally of set.tallies.values()) if (tally.votes[index] !== undefined) count++;
  return count;
}

function unchanged(keeper: VoteKeeper, outcome: VoteOutcome): AddedVote {
  return { keeper, outcome, conflictsWith: undefined, newMajority: undefined };
}
