import type { CollectedBlock, RoundState } from "#consensus/engine/roundState.ts";
import type { RoundVotes } from "#consensus/tendermint/voteKeeper.ts";
import type { VoteSet } from "#consensus/tendermint/voteSet.ts";
import { isNilBlockId } from "#storage/types/blockId.ts";
import { hashHeader } from "#storage/types/header.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { findValidator, incrementProposerPriority, type ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { blockJson } from "./blocks.ts";
import { blockIdJson } from "./headers.ts";
import { base64, hex, int64, time } from "./primitives.ts";
import { validatorSetJson } from "./validators.ts";

/** CometBFT's numbers of the steps; the two waits are ours with a timeout running. */
export function stepNumber({ step, isWaitingForPrevotes, isWaitingForPrecommits }: RoundState): number {
  switch (step) {
    case "idle":
      return 1;
    case "propose":
      return 3;
    case "prevote":
      return isWaitingForPrevotes ? 5 : 4;
    case "precommit":
      return isWaitingForPrecommits ? 7 : 6;
    case "decided":
      return 8;
  }
}

/** `consensus_state`: the height being decided in brief. */
export function roundStateSimpleJson(state: RoundState, timeoutCommitMs: number): object {
  const { proposer } = validatorsOfRound(state);
  return {
    "height/round/step": `${state.height}/${state.round}/${stepNumber(state)}`,
    start_time: time(timestampFromMs(state.enteredMs + timeoutCommitMs)),
    proposal_block_hash: blockHash(state.proposalBlock),
    locked_block_hash: blockHash(state.lockedBlock),
    valid_block_hash: blockHash(state.validBlock),
    height_vote_set: state.votes.map((votes, round) => roundVotesJson(votes, round, state.validators)),
    proposer: proposerJson(state.validators, proposer.address),
  };
}

/** `dump_consensus_state`: the same in full. */
export function roundStateJson(state: RoundState, timeoutCommitMs: number): object {
  return {
    height: int64(state.height),
    round: state.round,
    step: stepNumber(state),
    start_time: time(timestampFromMs(state.enteredMs + timeoutCommitMs)),
    commit_time: time(timestampFromMs(state.enteredMs)),
    validators: validatorSetJson(validatorsOfRound(state)),
    proposal: state.proposal === undefined ? null : proposalJson(state.proposal),
    proposal_block: collectedJson(state.proposalBlock),
    proposal_block_parts: partsJson(state.proposalBlock),
    locked_round: state.lockedRound,
    locked_block: collectedJson(state.lockedBlock),
    locked_block_parts: partsJson(state.lockedBlock),
    valid_round: state.validRound,
    valid_block: collectedJson(state.validBlock),
    valid_block_parts: partsJson(state.validBlock),
    votes: state.votes.map((votes, round) => roundVotesJson(votes, round, state.validators)),
    commit_round: state.step === "decided" ? state.round : -1,
    last_commit: state.lastValidators === undefined ? null : lastCommitJson(state.lastCommit, state.lastValidators),
    last_validators: state.lastValidators === undefined ? null : validatorSetJson(state.lastValidators),
    triggered_timeout_precommit: state.isWaitingForPrecommits,
  };
}

export interface PeerConsensus {
  /** CometBFT's form: node id, @, address. */
  readonly address: string;
  readonly height: number;
  /** -1 when it is not known. */
  readonly round: number;
}

/** What dump_consensus_state says of a peer; our peers tell height and round, and what they have, but are not tracked vote by vote. */
export function peerStateJson({ address, height, round }: PeerConsensus): object {
  return {
    node_address: address,
    peer_state: {
      round_state: {
        height: int64(height),
        round,
        step: 0,
        start_time: "0001-01-01T00:00:00Z",
        proposal: false,
        proposal_block_part_set_header: { total: 0, hash: "" },
        proposal_block_parts: null,
        proposal_pol_round: -1,
        proposal_pol: null,
        prevotes: null,
        precommits: null,
        last_commit_round: -1,
        last_commit: null,
        catchup_commit_round: -1,
        catchup_commit: null,
      },
      stats: { votes: "0", block_parts: "0" },
    },
  };
}

export function proposerJson(validators: ValidatorSet, address: Uint8Array): object {
  return { address: hex(address), index: findValidator(validators, address)?.index ?? -1 };
}

/** The set as it stands in this round: its proposer has been chosen anew for each one. */
export function validatorsOfRound({ validators, round }: Pick<RoundState, "validators" | "round">): ValidatorSet {
  return round === 0 ? validators : incrementProposerPriority(validators, round);
}

function proposalJson(proposal: Proposal): object {
  return {
    Type: 32,
    height: int64(proposal.height),
    round: proposal.round,
    pol_round: proposal.polRound,
    block_id: blockIdJson(proposal.blockId),
    timestamp: time(proposal.timestamp),
    signature: base64(proposal.signature),
  };
}

function collectedJson(collected: CollectedBlock | undefined): object | null {
  return collected?.block === undefined ? null : blockJson(collected.block);
}

function partsJson(collected: CollectedBlock | undefined): object | null {
  if (collected === undefined) return null;
  const { parts } = collected;
  return {
    "count/total": `${parts.filter((isHere) => isHere).length}/${parts.length}`,
    parts_bit_array: parts.map((isHere) => (isHere ? "x" : "_")).join(""),
  };
}

function blockHash(collected: CollectedBlock | undefined): string {
  return collected?.block === undefined ? "" : hex(hashHeader(collected.block.header));
}

function roundVotesJson({ prevotes, precommits }: RoundVotes, round: number, validators: ValidatorSet): object {
  return {
    round,
    prevotes: voteTexts(prevotes, validators),
    prevotes_bit_array: bitArrayText(prevotes, validators),
    precommits: voteTexts(precommits, validators),
    precommits_bit_array: bitArrayText(precommits, validators),
  };
}

function lastCommitJson(votes: VoteSet, validators: ValidatorSet): object {
  return {
    votes: voteTexts(votes, validators),
    votes_bit_array: bitArrayText(votes, validators),
    peer_maj_23s: {},
  };
}

function voteTexts(votes: VoteSet, { validators }: ValidatorSet): readonly string[] {
  return validators.map((_, index) => {
    const vote = votes.first[index];
    return vote === undefined ? "nil-Vote" : voteText(vote);
  });
}

const VOTE_NAMES = {
  prevote: "SIGNED_MSG_TYPE_PREVOTE(Prevote)",
  precommit: "SIGNED_MSG_TYPE_PRECOMMIT(Precommit)",
} as const;

function voteText(vote: Vote): string {
  const round = vote.round.toString().padStart(2, "0");
  const hash = isNilBlockId(vote.blockId) ? new Uint8Array(0) : vote.blockId.hash;
  const place = `${vote.validatorIndex}:${fingerprint(vote.validatorAddress)} ${vote.height}/${round}/${VOTE_NAMES[vote.type]}`;
  const extension = fingerprint(new Uint8Array(0));
  return `Vote{${place} ${fingerprint(hash)} ${fingerprint(vote.signature)} ${extension} @ ${time(vote.timestamp)}}`;
}

/** The first six bytes, with zeros where there are fewer. */
function fingerprint(bytes: Uint8Array): string {
  return hex(bytes.subarray(0, 6)).padEnd(12, "0");
}

function bitArrayText(votes: VoteSet, { validators, totalVotingPower }: ValidatorSet): string {
  const bits = validators.map((_, index) => (votes.first[index] === undefined ? "_" : "x")).join("");
  const share = (Number(votes.weight) / Number(totalVotingPower)).toFixed(2);
  return `BA{${validators.length}:${bits}} ${votes.weight}/${totalVotingPower} = ${share}`;
}
