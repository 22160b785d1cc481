import type { Vote, VoteType } from "#storage/types/vote.ts";
import type { Value } from "./value.ts";
import type { VoteKeeper } from "./voteKeeper.ts";
import { createVoteKeeper } from "./voteKeeper.ts";

/** idle: the height has not started its first round; decided: L51 has fired. */
export type Step = "idle" | "propose" | "prevote" | "precommit" | "decided";

/** What does not change during one height. */
export interface HeightContext {
  readonly height: number;
  /** Voting power by validator index. */
  readonly powers: readonly bigint[];
  /** Our position in the validator set; undefined for a node that only follows. */
  readonly ownIndex: number | undefined;
  /** proposer(h_p, round) of the paper, as a validator index. A pure function. */
  readonly proposerIndex: (round: number) => number;
}

/** One height of Algorithm 1 (arXiv 1807.04938 L1-L9 without h_p and decision_p, which belong to the caller). */
export interface TendermintState {
  readonly context: HeightContext;
  readonly round: number;
  readonly step: Step;
  readonly lockedValue: Value;
  readonly lockedRound: number;
  readonly validValue: Value;
  readonly validRound: number;
  readonly votes: VoteKeeper;
  /** First proposal of each round that came from its proposer. */
  readonly proposals: ReadonlyMap<number, RoundProposal>;
  /** Blocks that are here in full, and whether they are valid(v). */
  readonly blocks: ReadonlyMap<string, boolean>;
  /** "for the first time" of L34, L36 and L47, for the current round. */
  readonly prevoteTimeoutScheduled: boolean;
  readonly polkaSeen: boolean;
  readonly precommitTimeoutScheduled: boolean;
}

export interface RoundProposal {
  readonly value: string;
  /** Round of the polka the proposal rests on; -1 for none (vr in the paper). */
  readonly polRound: number;
}

export type TimeoutStep = "propose" | "prevote" | "precommit";

/** Every input is checked (signature, proposer, index, height) before it comes here. */
export type Input =
  /** The height begins: StartRound(0). Ignored once started. */
  | { readonly type: "start" }
  /** ⟨PROPOSAL, h, round, id(v), polRound⟩ signed by the proposer of `round`; the block itself comes as "block". */
  | { readonly type: "proposal"; readonly round: number; readonly value: string; readonly polRound: number }
  /** A block is here in full; `valid` is valid(v). */
  | { readonly type: "block"; readonly value: string; readonly valid: boolean }
  /** A block is given up to save memory; it is neither locked nor valid value, and would have to come again to count. */
  | { readonly type: "blockGone"; readonly value: string }
  /** ⟨PREVOTE⟩ or ⟨PRECOMMIT⟩; `peer` brought it, undefined when it is our own. */
  | { readonly type: "vote"; readonly vote: Vote; readonly peer: string | undefined }
  | { readonly type: "timeout"; readonly step: TimeoutStep; readonly round: number };

/** What the caller must do, in this order. */
export type Effect =
  | { readonly type: "enterRound"; readonly round: number }
  /** We are the proposer: propose `value`, or a new block (getValue of L18) when it is null, resting on `polRound`. */
  | { readonly type: "propose"; readonly round: number; readonly value: Value; readonly polRound: number }
  /** Sign and broadcast a vote, and bring it back as an input. */
  | { readonly type: "vote"; readonly voteType: VoteType; readonly round: number; readonly value: Value }
  | { readonly type: "scheduleTimeout"; readonly step: TimeoutStep; readonly round: number }
  /** A value got more than 2/3 of the prevotes or precommits of a round: the caller may have to fetch that block. */
  | { readonly type: "majority"; readonly voteType: VoteType; readonly round: number; readonly value: Value }
  /** Two votes of one validator that exclude each other. */
  | { readonly type: "equivocation"; readonly voteA: Vote; readonly voteB: Vote }
  /** decision_p[h_p] = value, by the precommits of `round`. */
  | { readonly type: "decide"; readonly round: number; readonly value: string };

/** L1-L9: a height about to begin. */
export function initialState(context: HeightContext): TendermintState {
  return {
    context,
    round: 0,
    step: "idle",
    lockedValue: null, // L6
    lockedRound: -1, // L7
    validValue: null, // L8
    validRound: -1, // L9
    votes: createVoteKeeper(context.powers),
    proposals: new Map(),
    blocks: new Map(),
    prevoteTimeoutScheduled: false,
    polkaSeen: false,
    precommitTimeoutScheduled: false,
  };
}
