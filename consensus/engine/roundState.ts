import type { Block } from "#storage/types/block.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Proposal } from "#storage/types/vote.ts";
import type { Step } from "../tendermint/state.ts";
import type { Value } from "../tendermint/value.ts";
import { type RoundVotes, votesOf } from "../tendermint/voteKeeper.ts";
import type { VoteSet } from "../tendermint/voteSet.ts";
import type { BlockEntry } from "./blockTable.ts";
import { decodeMessage } from "./messages.ts";
import type { Tip } from "./tip.ts";

/** A block being decided: which of its parts are here, and the whole once all are. */
export interface CollectedBlock {
  readonly parts: readonly boolean[];
  readonly block: Block | undefined;
}

/** Where the height being decided stands, for operators (CometBFT consensus/types RoundState). A view that later steps do not change. */
export interface RoundState {
  readonly height: number;
  readonly round: number;
  readonly step: Step;
  /** When this height became the one to decide, in Unix ms. */
  readonly enteredMs: number;
  readonly validators: ValidatorSet;
  readonly proposal: Proposal | undefined;
  readonly proposalBlock: CollectedBlock | undefined;
  readonly lockedRound: number;
  readonly lockedBlock: CollectedBlock | undefined;
  readonly validRound: number;
  readonly validBlock: CollectedBlock | undefined;
  /** Of rounds 0 to the present one. */
  readonly votes: readonly RoundVotes[];
  readonly lastCommit: VoteSet;
  readonly lastValidators: ValidatorSet | undefined;
  readonly isWaitingForPrevotes: boolean;
  readonly isWaitingForPrecommits: boolean;
}

export function roundStateOf(tip: Tip): RoundState {
  const { machine, height } = tip;
  const proposed = machine.proposals.get(machine.round)?.value ?? null;
  return {
    height,
    round: machine.round,
    step: machine.step,
    enteredMs: tip.enteredMs,
    validators: tip.validators,
    proposal: proposalOf(tip),
    proposalBlock: collected(tip, proposed),
    lockedRound: machine.lockedRound,
    lockedBlock: collected(tip, machine.lockedValue),
    validRound: machine.validRound,
    validBlock: collected(tip, machine.validValue),
    votes: Array.from({ length: machine.round + 1 }, (_, round) => votesOf(machine.votes, round)),
    lastCommit: tip.lastCommit,
    lastValidators: tip.lastValidators,
    isWaitingForPrevotes: machine.prevoteTimeoutScheduled,
    isWaitingForPrecommits: machine.precommitTimeoutScheduled,
  };
}

function proposalOf({ proposals, machine }: Tip): Proposal | undefined {
  const kept = proposals.get(machine.round);
  if (kept === undefined) return undefined;
  const message = decodeMessage(kept.message);
  return "type" in message && message.type === "proposal" ? message.proposal : undefined;
}

function collected(tip: Tip, value: Value): CollectedBlock | undefined {
  const entry = value === null ? undefined : tip.blocks.get(value);
  return entry && { parts: partsOf(entry), block: entry.complete?.block };
}

function partsOf(entry: BlockEntry): readonly boolean[] {
  const { total } = entry.blockId.partSetHeader;
  return Array.from({ length: total }, (_, index) => entry.parts.part(index) !== undefined);
}
