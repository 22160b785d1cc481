import type { VoteType } from "#storage/types/vote.ts";
import type { Effect, Input, Step, TendermintState } from "./state.ts";
import { isHonestMinority, isQuorum } from "./threshold.ts";
import type { Value } from "./value.ts";
import { addVote, votesOf } from "./voteKeeper.ts";
import { hasQuorumFor } from "./voteSet.ts";

/**
 * Algorithm 1 of "The latest gossip on BFT consensus" (arXiv 1807.04938), one height, as a pure function. The messages received are
 * part of the state; after each input every rule is tried until none applies.
 *
 * | lines | rule | function |
 * |---|---|---|
 * | L11-L21 | StartRound | startRound |
 * | L22-L27 | proposal without polka | prevoteFreshProposal |
 * | L28-L33 | proposal that rests on an earlier polka | prevoteProposalWithPolka |
 * | L34-L35 | 2f+1 prevotes of any kind | schedulePrevoteTimeout |
 * | L36-L43 | polka for the block | lockOnPolka |
 * | L44-L46 | polka for nil | precommitNil |
 * | L47-L48 | 2f+1 precommits of any kind | schedulePrecommitTimeout |
 * | L49-L54 | 2f+1 precommits for a block | decide |
 * | L55-L56 | f+1 messages of a later round | skipRound |
 * | L57-L60 | OnTimeoutPropose | onTimeout |
 * | L61-L64 | OnTimeoutPrevote | onTimeout |
 * | L65-L67 | OnTimeoutPrecommit | onTimeout |
 *
 * Three readings of the paper, each safe because only the quorum of votes carries the safety proof:
 * - L36 and L49 ask for the block, not for the PROPOSAL message too: a proposer that sends two proposals, or a peer that only kept the
 *   decided block, must not be able to keep us from the quorum's block.
 * - L21 schedules timeoutPropose for the proposer as well: its own signer may refuse.
 * - L50's valid(v) is left to the caller, who must stop when a quorum decided what this node calls invalid: waiting would hide it.
 */
export function step(state: TendermintState, input: Input): { state: TendermintState; effects: Effect[] } {
  const draft: Draft = { ...state };
  const effects: Effect[] = [];
  receive(draft, effects, input);
  while (RULES.some((rule) => rule(draft, effects)));
  return { state: draft, effects };
}

/** A private copy of the state that the rules write to; it becomes the new state. */
type Draft = { -readonly [Field in keyof TendermintState]: TendermintState[Field] };

/** Applies once if its condition holds, and says whether it did. */
type Rule = (draft: Draft, effects: Effect[]) => boolean;

/** The decision first, then a later round, then the current one; a timeout is only scheduled when nothing better applies. */
const RULES: readonly Rule[] = [
  decide,
  skipRound,
  prevoteFreshProposal,
  prevoteProposalWithPolka,
  lockOnPolka,
  precommitNil,
  schedulePrevoteTimeout,
  schedulePrecommitTimeout,
];

const STEP_ORDER: Readonly<Record<Step, number>> = { idle: 0, propose: 1, prevote: 2, precommit: 3, decided: 4 };

function receive(draft: Draft, effects: Effect[], input: Input): void {
  switch (input.type) {
    case "start":
      if (draft.step === "idle") startRound(draft, effects, 0); // L10
      return;
    case "proposal":
      if (draft.proposals.has(input.round)) return;
      draft.proposals = new Map(draft.proposals).set(input.round, { value: input.value, polRound: input.polRound });
      return;
    case "block":
      if (draft.blocks.has(input.value)) return;
      draft.blocks = new Map(draft.blocks).set(input.value, input.valid);
      return;
    case "blockGone": {
      if (input.value === draft.lockedValue || input.value === draft.validValue) return;
      const blocks = new Map(draft.blocks);
      blocks.delete(input.value);
      draft.blocks = blocks;
      return;
    }
    case "vote": {
      const { vote, peer } = input;
      const added = addVote(draft.votes, draft.round, vote, peer);
      draft.votes = added.keeper;
      if (added.conflictsWith !== undefined)
        effects.push({ type: "equivocation", voteA: added.conflictsWith, voteB: vote });
      if (added.newMajority !== undefined)
        effects.push({ type: "majority", voteType: vote.type, round: vote.round, value: added.newMajority });
      return;
    }
    case "timeout":
      onTimeout(draft, effects, input);
      return;
  }
}

/** L11-L21 */
function startRound(draft: Draft, effects: Effect[], round: number): void {
  draft.round = round; // L12
  draft.step = "propose"; // L13
  draft.prevoteTimeoutScheduled = false;
  draft.polkaSeen = false;
  draft.precommitTimeoutScheduled = false;
  effects.push({ type: "enterRound", round });
  const { ownIndex, proposerIndex } = draft.context;
  if (ownIndex !== undefined && proposerIndex(round) === ownIndex) {
    // L14: validValue if there is one (L16), else the caller makes a new one (L18).
    effects.push({ type: "propose", round, value: draft.validValue, polRound: draft.validRound }); // L19
  }
  effects.push({ type: "scheduleTimeout", step: "propose", round }); // L21
}

/** L22-L27 */
function prevoteFreshProposal(draft: Draft, effects: Effect[]): boolean {
  const proposal = draft.proposals.get(draft.round);
  if (draft.step !== "propose" || proposal === undefined || proposal.polRound !== -1) return false; // L22
  const valid = draft.blocks.get(proposal.value);
  if (valid === undefined) return false;
  const free = draft.lockedRound === -1 || draft.lockedValue === proposal.value; // L23
  vote(draft, effects, "prevote", valid && free ? proposal.value : null); // L24, L26
  draft.step = "prevote"; // L27
  return true;
}

/** L28-L33 */
function prevoteProposalWithPolka(draft: Draft, effects: Effect[]): boolean {
  const proposal = draft.proposals.get(draft.round);
  if (draft.step !== "propose" || proposal === undefined) return false;
  if (proposal.polRound < 0 || proposal.polRound >= draft.round) return false; // L28: 0 <= vr < round
  const { prevotes } = votesOf(draft.votes, proposal.polRound);
  if (!hasQuorumFor(prevotes, proposal.value, draft.votes.totalPower)) return false;
  const valid = draft.blocks.get(proposal.value);
  if (valid === undefined) return false;
  const free = draft.lockedRound <= proposal.polRound || draft.lockedValue === proposal.value; // L29
  vote(draft, effects, "prevote", valid && free ? proposal.value : null); // L30, L32
  draft.step = "prevote"; // L33
  return true;
}

/** L34-L35 */
function schedulePrevoteTimeout(draft: Draft, effects: Effect[]): boolean {
  if (draft.step !== "prevote" || draft.prevoteTimeoutScheduled) return false;
  if (!isQuorum(votesOf(draft.votes, draft.round).prevotes.weight, draft.votes.totalPower)) return false; // L34
  draft.prevoteTimeoutScheduled = true;
  effects.push({ type: "scheduleTimeout", step: "prevote", round: draft.round }); // L35
  return true;
}

/** L36-L43 */
function lockOnPolka(draft: Draft, effects: Effect[]): boolean {
  if (draft.polkaSeen || STEP_ORDER[draft.step] < STEP_ORDER.prevote || draft.step === "decided") return false;
  const value = votesOf(draft.votes, draft.round).prevotes.majority; // L36
  if (typeof value !== "string" || draft.blocks.get(value) !== true) return false;
  draft.polkaSeen = true;
  if (draft.step === "prevote") {
    draft.lockedValue = value; // L38
    draft.lockedRound = draft.round; // L39
    vote(draft, effects, "precommit", value); // L40
    draft.step = "precommit"; // L41
  }
  draft.validValue = value; // L42
  draft.validRound = draft.round; // L43
  return true;
}

/** L44-L46 */
function precommitNil(draft: Draft, effects: Effect[]): boolean {
  if (draft.step !== "prevote" || votesOf(draft.votes, draft.round).prevotes.majority !== null) return false; // L44
  vote(draft, effects, "precommit", null); // L45
  draft.step = "precommit"; // L46
  return true;
}

/** L47-L48 */
function schedulePrecommitTimeout(draft: Draft, effects: Effect[]): boolean {
  if (draft.step === "idle" || draft.step === "decided" || draft.precommitTimeoutScheduled) return false;
  if (!isQuorum(votesOf(draft.votes, draft.round).precommits.weight, draft.votes.totalPower)) return false; // L47
  draft.precommitTimeoutScheduled = true;
  effects.push({ type: "scheduleTimeout", step: "precommit", round: draft.round }); // L48
  return true;
}

/** L49-L54; the next height (L52-L54) begins at the caller. */
function decide(draft: Draft, effects: Effect[]): boolean {
  if (draft.step === "decided") return false;
  for (const [round, { precommits }] of draft.votes.rounds) {
    const value = precommits.majority;
    if (typeof value !== "string" || !draft.blocks.has(value)) continue; // L49
    draft.step = "decided";
    effects.push({ type: "decide", round, value }); // L51
    return true;
  }
  return false;
}

/** L55-L56, into the highest such round. */
function skipRound(draft: Draft, effects: Effect[]): boolean {
  if (draft.step === "decided") return false;
  let target = draft.round;
  for (const [round, { weight }] of draft.votes.rounds)
    if (round > target && isHonestMinority(weight, draft.votes.totalPower)) target = round;
  if (target === draft.round) return false;
  startRound(draft, effects, target);
  return true;
}

/** L57-L67: a timeout of an earlier round or step changes nothing. */
function onTimeout(draft: Draft, effects: Effect[], timeout: Extract<Input, { type: "timeout" }>): void {
  if (timeout.round !== draft.round || draft.step === "idle" || draft.step === "decided") return;
  if (timeout.step === "propose" && draft.step === "propose") {
    vote(draft, effects, "prevote", null); // L59
    draft.step = "prevote"; // L60
  } else if (timeout.step === "prevote" && draft.step === "prevote") {
    vote(draft, effects, "precommit", null); // L63
    draft.step = "precommit"; // L64
  } else if (timeout.step === "precommit") {
    startRound(draft, effects, draft.round + 1); // L67
  }
}

/** Broadcast of a vote; a node outside the validator set takes the step silently. */
function vote(draft: Draft, effects: Effect[], voteType: VoteType, value: Value): void {
  if (draft.context.ownIndex === undefined) return;
  effects.push({ type: "vote", voteType, round: draft.round, value });
}
