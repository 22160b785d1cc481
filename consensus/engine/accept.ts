import type { Verdict } from "#storage/error.ts";
import { ACCEPTED, rejected } from "#storage/error.ts";
import type { Commit } from "#storage/types/commit.ts";
import { voteOfCommit } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { blockKey, votedValue } from "../tendermint/value.ts";
import { inspectKeeperVote } from "../tendermint/voteKeeper.ts";
import { inspectVote } from "../tendermint/voteSet.ts";
import { addPrecommit } from "./commits.ts";
import { checkProposal, checkProposalSignature, checkVote, checkVoteSignature } from "./messageChecks.ts";
import type { ConsensusMessage } from "./messages.ts";
import { encodeMessage } from "./messages.ts";
import { feed, hasAllPrecommits, isHurried, judge, noteVote, scheduleStart } from "./perform.ts";
import type { Tip } from "./tip.ts";
import { encodeWalRecord } from "./walRecord.ts";

/**
 * A message about the chain from a peer, or (peer undefined) from our own write-ahead log. Messages that come too late, too early or
 * twice are accepted without effect; a rejection means that no correct node sends this. Cheap checks come before signatures, and a
 * message enters the write-ahead log before it has any effect.
 */
export async function acceptMessage(
  tip: Tip,
  peer: string | undefined,
  message: Exclude<ConsensusMessage, { type: "status" }>,
  bytes: Uint8Array,
): Promise<Verdict> {
  const height = heightOf(message);
  if (height === tip.height + 1 && peer !== undefined) {
    keepForNextHeight(tip, peer, bytes);
    return ACCEPTED;
  }
  switch (message.type) {
    case "proposal":
      return height === tip.height ? acceptProposal(tip, peer, message.proposal, bytes) : ACCEPTED;
    case "part":
      return height === tip.height ? acceptPart(tip, peer, message, bytes) : ACCEPTED;
    case "vote":
      if (height === tip.height) return acceptVote(tip, peer, message.vote, bytes);
      return height === tip.height - 1 ? acceptLatePrecommit(tip, message.vote) : ACCEPTED;
    case "commit":
      return height === tip.height ? acceptCommit(tip, peer, message.commit) : ACCEPTED;
    case "evidence":
      return acceptEvidence(tip, message.evidence);
  }
}

/** Of the present round or the next, the first of its round, small enough, and from that round's proposer. */
async function acceptProposal(
  tip: Tip,
  peer: string | undefined,
  proposal: Proposal,
  bytes: Uint8Array,
): Promise<Verdict> {
  const { machine, options } = tip;
  const { round } = proposal;
  if (round < machine.round || round > machine.round + 1 || machine.proposals.has(round)) return ACCEPTED;
  const shape = checkProposal(proposal);
  if (!shape.accepted) return shape;
  const signed = checkProposalSignature(proposal, tip.proposerOf(round).validator, options.chainId);
  if (!signed.accepted) return signed;
  const entry = tip.blocks.want(proposal.blockId);
  if ("code" in entry) return entry;
  log(tip, peer, bytes);
  tip.proposals.set(round, { message: bytes, atMs: tip.ports.steadyMs() });
  await feed(tip, { type: "proposal", round, value: blockKey(proposal.blockId), polRound: proposal.polRound });
  // The block may be here from an earlier round, given up by the state machine since.
  if (entry.verdicts !== undefined && tip.height === proposal.height) await judge(tip, entry);
  tip.statusChanged();
  wakeUp(tip);
  return ACCEPTED;
}

async function acceptPart(
  tip: Tip,
  peer: string | undefined,
  { partSetHash, part }: Extract<ConsensusMessage, { type: "part" }>,
  bytes: Uint8Array,
): Promise<Verdict> {
  const entry = tip.blocks.byPartSet(partSetHash);
  if (entry === undefined || entry.parts.has(part.index)) return ACCEPTED;
  const verdict = tip.blocks.addPart(entry, part, tip.ports.steadyMs());
  if (!verdict.accepted) return verdict;
  log(tip, peer, bytes);
  tip.statusChanged();
  if (entry.parts.isComplete) await judge(tip, entry);
  return ACCEPTED;
}

async function acceptVote(tip: Tip, peer: string | undefined, vote: Vote, bytes: Uint8Array): Promise<Verdict> {
  const { machine, validators, options } = tip;
  const shape = checkVote(vote, validators);
  if (!shape.accepted) return shape;
  const outcome = inspectKeeperVote(machine.votes, machine.round, vote, peer);
  if (outcome === "duplicate" || outcome === "refused") return ACCEPTED;
  const signed = checkVoteSignature(vote, validators, options.chainId);
  if (!signed.accepted) return signed;
  log(tip, peer, bytes);
  noteVote(tip, vote);
  await feed(tip, { type: "vote", vote, peer });
  wakeUp(tip);
  return ACCEPTED;
}

/** A precommit of the block before: it makes the next commit more complete, and may show an equivocation. */
async function acceptLatePrecommit(tip: Tip, vote: Vote): Promise<Verdict> {
  const { lastValidators, options } = tip;
  if (vote.type !== "precommit" || vote.round !== tip.lastCommitRound || lastValidators === undefined) return ACCEPTED;
  const shape = checkVote(vote, lastValidators);
  if (!shape.accepted) return shape;
  const outcome = inspectVote(tip.lastCommit, vote.validatorIndex, votedValue(vote.blockId));
  if (outcome === "duplicate" || outcome === "refused") return ACCEPTED;
  const signed = checkVoteSignature(vote, lastValidators, options.chainId);
  if (!signed.accepted) return signed;
  const first = tip.lastCommit.first[vote.validatorIndex];
  if (outcome === "conflict" && first !== undefined) tip.ports.evidence.addConflict(first, vote);
  tip.lastCommit = addPrecommit(tip.lastCommit, vote, lastValidators) ?? tip.lastCommit;
  noteVote(tip, vote);
  if (isHurried(tip) && tip.machine.step === "idle" && !tip.isWaitingForTxs && hasAllPrecommits(tip))
    scheduleStart(tip, 0);
  return ACCEPTED;
}

/** The precommits by which others decided our height: each goes the way of a single vote. */
async function acceptCommit(tip: Tip, peer: string | undefined, commit: Commit): Promise<Verdict> {
  const { height, validators } = tip;
  const { length } = commit.signatures;
  if (length !== validators.validators.length)
    return rejected("COMMIT_SIZE_MISMATCH", `${length} signatures, ${validators.validators.length} validators`);
  for (let index = 0; index < length && tip.height === height; index++) {
    if (commit.signatures[index]?.blockIdFlag !== "commit") continue;
    const vote = voteOfCommit(commit, index);
    const verdict = await acceptVote(tip, peer, vote, encodeMessage({ type: "vote", vote }));
    if (!verdict.accepted) return verdict;
  }
  return ACCEPTED;
}

/** Evidence that a correct node may well send although we cannot use it. */
const HARMLESS_EVIDENCE_CODES: ReadonlySet<string> = new Set([
  "EVIDENCE_EXPIRED",
  "EVIDENCE_FUTURE",
  "EVIDENCE_COMMITTED",
  "EVIDENCE_UNKNOWN_HEIGHT",
  "EVIDENCE_POOL_FULL",
]);

async function acceptEvidence(tip: Tip, evidence: Evidence): Promise<Verdict> {
  const verdict = await addEvidence(tip, evidence);
  return !verdict.accepted && HARMLESS_EVIDENCE_CODES.has(verdict.code) ? ACCEPTED : verdict;
}

/** Takes evidence into the pool; when it is new and holds, tells everybody once. */
export async function addEvidence(tip: Tip, evidence: Evidence): Promise<Verdict> {
  const { evidence: pool, executor } = tip.ports;
  if (pool.knows(evidence)) return ACCEPTED;
  const verdict = await pool.add(evidence, executor.state());
  if (!verdict.accepted) return verdict;
  tip.ports.broadcast(encodeMessage({ type: "evidence", evidence }));
  wakeUp(tip);
  return verdict;
}

/** A net without empty blocks starts as soon as someone else has. */
function wakeUp(tip: Tip): void {
  if (tip.isWaitingForTxs) tip.enqueue({ type: "startDue", height: tip.height, heartbeat: false });
}

function keepForNextHeight(tip: Tip, peer: string, bytes: Uint8Array): void {
  if (tip.futureBytes + bytes.length > tip.options.maxQueuedBytesPerPeer) return;
  tip.futureBytes += bytes.length;
  tip.future.push({ type: "message", peer, bytes });
}

function log(tip: Tip, peer: string | undefined, message: Uint8Array): void {
  if (tip.replayed === undefined) tip.ports.wal.append(encodeWalRecord({ type: "message", peer: peer ?? "", message }));
}

function heightOf(message: Exclude<ConsensusMessage, { type: "status" }>): number {
  switch (message.type) {
    case "proposal":
      return message.proposal.height;
    case "part":
      return message.height;
    case "vote":
      return message.vote.height;
    case "commit":
      return message.commit.height;
    case "evidence":
      return -1;
  }
}
