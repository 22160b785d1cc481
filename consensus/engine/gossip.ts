import type { Evidence } from "#storage/types/evidence.ts";
import type { Vote, VoteType } from "#storage/types/vote.ts";
import type { TendermintState } from "../tendermint/state.ts";
import type { Value } from "../tendermint/value.ts";
import { votesOf } from "../tendermint/voteKeeper.ts";
import type { VoteSet } from "../tendermint/voteSet.ts";
import type { Bitmap } from "./bitmap.ts";
import { bitmapOf, hasBit } from "./bitmap.ts";
import type { BlockEntry, BlockTable } from "./blockTable.ts";
import { encodeMessage } from "./messages.ts";
import type { PeerStatus, VotesStatus } from "./status.ts";
import { STATUS_PARTS_MAX, STATUS_VOTES_MAX, VALUE_TAG_BYTES } from "./status.ts";

/** What the engine has, as far as gossip looks at it. */
export interface GossipView {
  readonly height: number;
  readonly base: number;
  readonly machine: TendermintState;
  /** Signed proposals by round, as messages. */
  readonly proposals: ReadonlyMap<number, { readonly message: Uint8Array; readonly atMs: number }>;
  readonly blocks: BlockTable;
  readonly lastCommit: VoteSet;
  readonly validatorCount: number;
  readonly lastValidatorCount: number;
  /** The block before `height`, while it is in memory. */
  readonly lastDecided: { readonly commitMessage: Uint8Array; readonly entry: BlockEntry } | undefined;
  /** When a vote came; absent: long ago. */
  readonly voteTimesMs: WeakMap<Vote, number>;
  /** Evidence that waits for a block and a node that decides `height` can check, by name. */
  readonly evidenceFor: (height: number) => readonly (readonly [name: string, evidence: Evidence])[];
  /** Where in a block this node begins to send parts, so that several helpers do not all send the same ones first. */
  readonly partOffset: number;
}

/** Rounds beyond the current one whose votes a status lists. */
const LATER_ROUNDS_MAX = 4;

/** Per peer and tick: half a megabyte of parts, and the votes of a large committee. */
export const REPAIR_PARTS_MAX = 8;
export const REPAIR_VOTES_MAX = 256;
/** An honest net has none. */
export const REPAIR_EVIDENCE_MAX = 8;

/** What this node tells its peers: enough for them to know what it lacks. */
export function statusOf(view: GossipView): PeerStatus {
  const { machine } = view;
  const rounds = [...machine.votes.rounds.keys()].filter((round) => round > machine.round).sort((a, b) => a - b);
  const votes: VotesStatus[] = [];
  for (const round of [machine.round, ...rounds.slice(0, LATER_ROUNDS_MAX)]) {
    const { prevotes, precommits } = votesOf(machine.votes, round);
    addTallies(votes, view, round, "prevote", prevotes);
    addTallies(votes, view, round, "precommit", precommits);
  }
  const polRound = machine.proposals.get(machine.round)?.polRound ?? -1;
  if (polRound >= 0) addTallies(votes, view, polRound, "prevote", votesOf(machine.votes, polRound).prevotes);
  return {
    height: view.height,
    base: view.base,
    round: machine.round,
    hasProposal: machine.proposals.has(machine.round),
    parts: view.blocks
      .incomplete()
      .slice(0, STATUS_PARTS_MAX)
      .map(({ blockId: { partSetHeader }, parts }) => ({
        partSetHash: partSetHeader.hash,
        have: bitmapOf(partSetHeader.total, (index) => parts.has(index)),
      })),
    votes: votes.slice(0, STATUS_VOTES_MAX),
    lastCommit: bitmapOf(view.lastValidatorCount, (index) => view.lastCommit.first[index] !== undefined),
  };
}

/**
 * The messages that a peer with `status` lacks and we have had for `repairDelayMs`. `sent` remembers what this peer was sent when, so
 * that nothing goes out again within `resendMs`. A peer one height behind gets the decided commit, then the parts it asks for;
 * one further behind is left to block sync.
 */
export function missingMessages(
  view: GossipView,
  status: PeerStatus,
  sent: Map<string, number>,
  nowMs: number,
  options: { readonly repairDelayMs: number; readonly resendMs: number },
): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const isDue = (key: string, atMs: number): boolean => {
    if (atMs + options.repairDelayMs > nowMs) return false;
    const sentAtMs = sent.get(key);
    if (sentAtMs !== undefined && sentAtMs + options.resendMs > nowMs) return false;
    sent.set(key, nowMs);
    return true;
  };
  let partsLeft = REPAIR_PARTS_MAX;
  let votesLeft = REPAIR_VOTES_MAX;

  function sendParts(entry: BlockEntry, height: number, have: Bitmap): void {
    const { total, hash } = entry.blockId.partSetHeader;
    for (let offset = 0; offset < total && partsLeft > 0; offset++) {
      const index = (offset + view.partOffset) % total;
      const part = entry.parts.part(index);
      if (part === undefined || hasBit(have, index)) continue;
      if (!isDue(`part ${tagOf(entry.key)} ${index}`, entry.partTimesMs[index] ?? 0)) continue;
      messages.push(encodeMessage({ type: "part", height, partSetHash: hash, part }));
      partsLeft--;
    }
  }

  function sendVotes(round: number, type: VoteType, set: VoteSet, have: (value: Value) => Bitmap | undefined): void {
    for (const [value, tally] of set.tallies) {
      const bitmap = have(value);
      for (const vote of tally.votes) {
        if (vote === undefined || votesLeft === 0) continue;
        const { validatorIndex: index } = vote;
        if (bitmap !== undefined && hasBit(bitmap, index)) continue;
        if (!isDue(`${type} ${round} ${index} ${tagOf(value)}`, view.voteTimesMs.get(vote) ?? 0)) continue;
        messages.push(encodeMessage({ type: "vote", vote }));
        votesLeft--;
      }
    }
  }

  // Nobody says which evidence it has, and who has it may never propose or be too far behind when it is told first: it goes out again
  // until a block carries it.
  for (const [name, evidence] of view.evidenceFor(status.height))
    if (isDue(`evidence ${name}`, 0)) messages.push(encodeMessage({ type: "evidence", evidence }));

  if (status.height === view.height - 1 && view.lastDecided !== undefined) {
    const { commitMessage, entry } = view.lastDecided;
    if (isDue("commit", 0)) messages.push(commitMessage);
    for (const { partSetHash, have } of status.parts)
      if (Buffer.compare(partSetHash, entry.blockId.partSetHeader.hash) === 0) sendParts(entry, status.height, have);
    return messages;
  }
  if (status.height !== view.height) return messages;

  const { machine } = view;
  const proposal = view.proposals.get(status.round);
  if (!status.hasProposal && proposal !== undefined && isDue(`proposal ${status.round}`, proposal.atMs))
    messages.push(proposal.message);
  for (const { partSetHash, have } of status.parts) {
    const entry = view.blocks.byPartSet(partSetHash);
    if (entry !== undefined) sendParts(entry, view.height, have);
  }

  const listed = (round: number, type: VoteType) => (value: Value) =>
    status.votes.find((entry) => entry.round === round && entry.type === type && isTag(entry.valueTag, value))?.have;
  const rounds = machine.round > status.round ? [status.round, machine.round] : [status.round];
  for (const round of rounds) {
    const { prevotes, precommits } = votesOf(machine.votes, round);
    sendVotes(round, "prevote", prevotes, listed(round, "prevote"));
    sendVotes(round, "precommit", precommits, listed(round, "precommit"));
  }
  const polRound = machine.proposals.get(status.round)?.polRound ?? -1;
  if (polRound >= 0) {
    const { prevotes } = votesOf(machine.votes, polRound);
    sendVotes(polRound, "prevote", prevotes, listed(polRound, "prevote"));
  }
  sendVotes(-1, "precommit", view.lastCommit, () => status.lastCommit);
  return messages;
}

function addTallies(list: VotesStatus[], view: GossipView, round: number, type: VoteType, set: VoteSet): void {
  for (const [value, tally] of set.tallies) {
    const have = bitmapOf(view.validatorCount, (index) => tally.votes[index] !== undefined);
    list.push({ round, type, valueTag: Buffer.from(tagOf(value), "latin1"), have });
  }
}

/** The beginning of the block hash, with which every value begins; empty for nil. */
function tagOf(value: Value): string {
  return value === null ? "" : value.slice(0, VALUE_TAG_BYTES);
}

function isTag(tag: Uint8Array, value: Value): boolean {
  return Buffer.from(tag.buffer, tag.byteOffset, tag.byteLength).toString("latin1") === tagOf(value);
}
