import type { Transition } from "#consensus/engine/ports.ts";
import type { Step, TendermintState } from "#consensus/tendermint/state.ts";
import { blockIdOfKey } from "#consensus/tendermint/value.ts";
import { votesOf } from "#consensus/tendermint/voteKeeper.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import * as json from "../cometJson/events.ts";
import { proposerJson } from "../cometJson/roundState.ts";
import type { PublishedEvent } from "../subscriptions.ts";
import { event } from "./blockEvents.ts";

type StepName =
  | "NewHeight"
  | "NewRound"
  | "Propose"
  | "Prevote"
  | "PrevoteWait"
  | "Precommit"
  | "PrecommitWait"
  | "Commit";

const STEP_ORDER: Readonly<Record<Step, number>> = { idle: 0, propose: 1, prevote: 2, precommit: 3, decided: 4 };

/**
 * What one step of the state machine makes known, in the order in which CometBFT's consensus/state.go publishes it. The paper's rules never
 * unlock, so that there is no event Unlock (as in CometBFT v1).
 */
export function transitionEvents(
  { before, input, after }: Transition,
  validators: () => ValidatorSet | undefined,
): readonly PublishedEvent[] {
  const events: PublishedEvent[] = [];
  const { height } = after.context;
  const tell = (name: string, step: StepName, { round } = after) =>
    void events.push(event(name, () => json.roundStateEventJson(place(height, round, step))));

  const entersRound = after.round !== before.round || (before.step === "idle" && after.step !== "idle");
  const isMoved = entersRound || after.step !== before.step;
  if (input.type === "vote" && after.votes !== before.votes)
    events.push(event("Vote", () => json.voteEventJson(input.vote)));
  if (input.type === "timeout" && isMoved) {
    if (input.step === "propose") tell("TimeoutPropose", "Propose", before);
    else tell("TimeoutWait", input.step === "prevote" ? "PrevoteWait" : "PrecommitWait", before);
  }
  if (entersRound) {
    events.push(newRound(after, validators));
    tell("NewRoundStep", "Propose");
  }
  const from = entersRound ? STEP_ORDER.propose : STEP_ORDER[before.step];
  const enters = (step: Step) => from < STEP_ORDER[step] && STEP_ORDER[step] <= STEP_ORDER[after.step];
  const isNew = (flag: (state: TendermintState) => boolean) => flag(after) && (entersRound || !flag(before));

  if (isNew(isProposalComplete)) events.push(completeProposal(after));
  if (enters("prevote")) tell("NewRoundStep", "Prevote");
  if (isNew((state) => state.prevoteTimeoutScheduled)) tell("NewRoundStep", "PrevoteWait");
  if (after.validRound !== before.validRound) tell("ValidBlock", "Prevote");
  if (enters("precommit")) {
    if (votesOf(after.votes, after.round).prevotes.majority !== undefined) tell("Polka", "Prevote");
    if (after.lockedRound !== before.lockedRound)
      tell(after.lockedValue === before.lockedValue ? "Relock" : "Lock", "Prevote");
    tell("NewRoundStep", "Precommit");
  }
  if (isNew((state) => state.precommitTimeoutScheduled)) tell("NewRoundStep", "PrecommitWait");
  if (enters("decided")) tell("NewRoundStep", "Commit");
  return events;
}

/** The height after a block has begun, though not its first round. */
export function newHeightEvent(height: number): PublishedEvent {
  return event("NewRoundStep", () => json.roundStateEventJson(place(height, 0, "NewHeight")));
}

function newRound({ context, round }: TendermintState, validators: () => ValidatorSet | undefined): PublishedEvent {
  return event("NewRound", () => {
    const set = validators();
    const address = set?.validators[context.proposerIndex(round)]?.address ?? new Uint8Array(0);
    const proposer = set === undefined ? { address: "", index: -1 } : proposerJson(set, address);
    return json.newRoundJson(place(context.height, round, "NewRound"), proposer);
  });
}

function completeProposal({ context, round, proposals }: TendermintState): PublishedEvent {
  const value = proposals.get(round)?.value ?? "";
  return event("CompleteProposal", () =>
    json.completeProposalJson(place(context.height, round, "Propose"), blockIdOfKey(value)),
  );
}

function isProposalComplete({ round, proposals, blocks }: TendermintState): boolean {
  const proposal = proposals.get(round);
  return proposal !== undefined && blocks.has(proposal.value);
}

function place(height: number, round: number, step: StepName): json.RoundPlace {
  return { height, round, step: `RoundStep${step}` };
}
