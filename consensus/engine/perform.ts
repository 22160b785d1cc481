import assert from "node:assert";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Timestamp } from "#storage/types/time.ts";
import { addMs, compareTimestamps, timestampFromMs } from "#storage/types/time.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import type { Effect, Input } from "../tendermint/state.ts";
import { step } from "../tendermint/step.ts";
import { votesOf } from "../tendermint/voteKeeper.ts";
import type { VoteSet } from "../tendermint/voteSet.ts";
import type { BlockEntry } from "./blockTable.ts";
import { makeCommit } from "./commits.ts";
import type { CompleteBlock } from "./executor.ts";
import { ExecutorError } from "./executorError.ts";
import { encodeMessage } from "./messages.ts";
import type { EngineOptions } from "./ports.ts";
import type { Tip } from "./tip.ts";
import { enterHeight, lastCommitOf, setTimer } from "./tip.ts";
import { encodeWalRecord } from "./walRecord.ts";

/**
 * Gives an input to the state machine and performs the effects in order. Our own votes and proposals come back as inputs behind the
 * effects of the step that caused them. When a block is decided, the rest belongs to a height that is over.
 */
export async function feed(tip: Tip, input: Input): Promise<void> {
  tip.inputs.push(input);
  if (tip.isFeeding) return;
  tip.isFeeding = true;
  try {
    for (let next = tip.inputs.shift(); next !== undefined; next = tip.inputs.shift()) {
      const { height } = tip;
      const before = tip.machine;
      const result = step(before, next);
      tip.machine = result.state;
      if (tip.replayed === undefined) tip.ports.onTransition?.({ before, input: next, after: result.state });
      for (const effect of result.effects) {
        await perform(tip, effect);
        if (tip.height !== height) break;
      }
    }
  } finally {
    tip.isFeeding = false;
  }
}

/** While the write-ahead log is replayed nothing is signed, sent or timed; the engine does it afterwards where it is still due. */
async function perform(tip: Tip, effect: Effect): Promise<void> {
  switch (effect.type) {
    case "enterRound":
      dropUselessBlocks(tip);
      tip.statusChanged();
      return;
    case "scheduleTimeout":
      if (tip.replayed !== undefined) tip.replayed.push(effect);
      else scheduleTimeout(tip, effect);
      return;
    case "propose":
      if (tip.replayed !== undefined) tip.replayed.push(effect);
      else await propose(tip, effect);
      return;
    case "vote":
      if (tip.replayed !== undefined) tip.replayed.push(effect);
      else await castVote(tip, effect);
      return;
    case "majority":
      collectMajorityBlock(tip, effect);
      return;
    case "equivocation":
      tip.ports.evidence.addConflict(effect.voteA, effect.voteB);
      tip.ports.log.warn({ height: tip.height, index: effect.voteA.validatorIndex }, "Validator voted twice");
      return;
    case "decide":
      await decide(tip, effect);
      return;
  }
}

/** Performs what replay held back, as far as it still concerns the present round and is not in the log already. */
export async function performReplayed(tip: Tip, effects: readonly Effect[]): Promise<void> {
  const { height } = tip;
  for (const effect of effects) {
    if (tip.height !== height) return;
    const { machine } = tip;
    if (effect.type === "scheduleTimeout" && effect.round === machine.round) scheduleTimeout(tip, effect);
    if (effect.type === "propose" && effect.round === machine.round && !machine.proposals.has(effect.round))
      await propose(tip, effect);
    if (effect.type === "vote" && effect.round === machine.round && machine.context.ownIndex !== undefined) {
      const { prevotes, precommits } = votesOf(machine.votes, effect.round);
      const set = effect.voteType === "prevote" ? prevotes : precommits;
      if (set.first[machine.context.ownIndex] === undefined) await castVote(tip, effect);
    }
  }
}

/** Judges a block that has become complete, once, and tells the state machine. */
export async function judge(tip: Tip, entry: BlockEntry): Promise<void> {
  const { executor, log } = tip.ports;
  if (entry.verdicts === undefined) {
    assert(entry.complete !== undefined, "a block without a verdict is complete");
    const { block, blockId } = entry.complete;
    const state = await executor.validateBlock(block);
    const app = state.accepted ? executor.processProposal(block, blockId.hash) : state;
    entry.verdicts = { state, app };
  }
  const { app } = entry.verdicts;
  if (!app.accepted) log.warn({ height: tip.height, code: app.code, reason: app.reason }, "Proposed block is invalid");
  await feed(tip, { type: "block", value: entry.key, valid: app.accepted });
}

/** Executes and stores a decided block, and moves on to the next height. `entry` is undefined when block sync brought the block. */
export async function finishHeight(
  tip: Tip,
  complete: CompleteBlock,
  commit: Commit,
  precommits: VoteSet,
  entry: BlockEntry | undefined,
): Promise<void> {
  const { ports, options, height } = tip;
  const { block, blockId } = complete;
  const { stateAfter, response, freshEvidence } = await ports.executor.applyBlock(complete, commit);
  await ports.wal.endHeight(height);
  ports.wal.prune(height);
  const commitMessage = encodeMessage({ type: "commit", commit });
  enterHeight(tip, {
    commit,
    precommits,
    appHash: block.header.appHash,
    isUrgent: ports.isUrgent?.(response) ?? false,
    decided: entry === undefined ? undefined : { commitMessage, entry },
  });
  const facts = { height, round: commit.round, txs: block.txs.length, bytes: complete.blockBytes.length };
  ports.log.info({ ...facts, hash: Buffer.from(blockId.hash).toString("hex") }, "Committed block");
  for (const evidence of freshEvidence) ports.broadcast(encodeMessage({ type: "evidence", evidence }));
  scheduleStart(tip, options.timeoutCommitMs);
  await ports.onBlock({ block, blockId, commit, response, stateAfter });
}

/** Starts the height after `delayMs`, or at once when nobody's precommit is missing any more and the options say so or somebody waits for it. */
export function scheduleStart(tip: Tip, delayMs: number): void {
  const { height } = tip;
  const startDue = () => tip.enqueue({ type: "startDue", height, heartbeat: false });
  if (isHurried(tip) && hasAllPrecommits(tip)) setTimer(tip, "start", 0, startDue);
  else setTimer(tip, "start", delayMs, startDue);
}

export function isHurried({ options, isUrgent }: Tip): boolean {
  return options.skipTimeoutCommit || isUrgent;
}

export function hasAllPrecommits(tip: Tip): boolean {
  const count = tip.lastValidators?.validators.length ?? 0;
  for (let index = 0; index < count; index++) if (tip.lastCommit.first[index] === undefined) return false;
  return true;
}

function scheduleTimeout(tip: Tip, { step: stepName, round }: Extract<Effect, { type: "scheduleTimeout" }>): void {
  const { height } = tip;
  setTimer(tip, stepName, timeoutMs(tip.options, stepName, round), () =>
    tip.enqueue({ type: "timeout", height, step: stepName, round }),
  );
}

function timeoutMs(options: EngineOptions, stepName: "propose" | "prevote" | "precommit", round: number): number {
  if (stepName === "propose") return options.timeoutProposeMs + round * options.timeoutProposeDeltaMs;
  if (stepName === "prevote") return options.timeoutPrevoteMs + round * options.timeoutPrevoteDeltaMs;
  return options.timeoutPrecommitMs + round * options.timeoutPrecommitDeltaMs;
}

async function propose(tip: Tip, { round, value, polRound }: Extract<Effect, { type: "propose" }>): Promise<void> {
  const { ports, height } = tip;
  const { signer } = ports;
  assert(signer !== undefined, "only a validator proposes");
  const entry = value === null ? await newBlock(tip, signer.address) : tip.blocks.get(value);
  if (entry === undefined) return;
  const timestamp = timestampFromMs(Math.floor(ports.nowMs()));
  const unsigned: Proposal = { height, round, polRound, blockId: entry.blockId, timestamp, signature: NO_SIGNATURE };
  // As for a vote: a signature for a round that the log does not know of after a crash keeps this validator from voting in the rounds
  // before it, and from ever leaving them when too many others died as well.
  await ports.wal.sync();
  const proposal = await signer.signProposal(unsigned);
  if (proposal === undefined) {
    ports.log.error({ height, round }, "Signer refused the proposal");
    return;
  }
  const message = encodeMessage({ type: "proposal", proposal });
  sendOwn(tip, message);
  for (let index = 0; index < entry.blockId.partSetHeader.total; index++) {
    const part = entry.parts.part(index);
    if (part === undefined) continue;
    sendOwn(tip, encodeMessage({ type: "part", height, partSetHash: entry.blockId.partSetHeader.hash, part }));
  }
  tip.proposals.set(round, { message, atMs: ports.steadyMs() });
  tip.statusChanged();
  await feed(tip, { type: "proposal", round, value: entry.key, polRound });
  await judge(tip, entry);
}

/**
 * A block of our own. An application that refuses what it prepared itself would stall the chain (CometBFT #5204): then the block goes
 * out without transactions, and if that is refused too, not at all.
 */
async function newBlock(tip: Tip, proposerAddress: Uint8Array): Promise<BlockEntry | undefined> {
  const { executor, log, steadyMs, mempoolTxs } = tip.ports;
  for (const txs of [mempoolTxs(executor.maxTxBytes()), []]) {
    const block = executor.createProposalBlock(lastCommitOf(tip), proposerAddress, txs);
    const entry = tip.blocks.addOwn(block, steadyMs());
    const state = await executor.validateBlock(block);
    const app = state.accepted ? executor.processProposal(block, entry.blockId.hash) : state;
    entry.verdicts = { state, app };
    if (app.accepted) return entry;
    log.error({ height: tip.height, code: app.code, reason: app.reason, txs: txs.length }, "Own proposal is invalid");
  }
  return undefined;
}

/**
 * Signs and sends a vote. Everything that led to it is synced first: a lock that a crash could forget would be broken at the next
 * round. The signer makes the signature itself durable.
 */
async function castVote(tip: Tip, { voteType, round, value }: Extract<Effect, { type: "vote" }>): Promise<void> {
  const { ports, height, machine } = tip;
  const { ownIndex } = machine.context;
  assert(ports.signer !== undefined && ownIndex !== undefined, "only a validator votes");
  const blockId = value === null ? NIL_BLOCK_ID : tip.blocks.get(value)?.blockId;
  assert(blockId !== undefined, "a block that is voted for is here");
  await ports.wal.sync();
  const vote = await ports.signer.signVote({
    type: voteType,
    height,
    round,
    blockId,
    timestamp: voteTime(tip),
    validatorAddress: ports.signer.address,
    validatorIndex: ownIndex,
    signature: NO_SIGNATURE,
  });
  if (vote === undefined) {
    ports.log.error({ height, round, voteType }, "Signer refused the vote");
    return;
  }
  sendOwn(tip, encodeMessage({ type: "vote", vote }));
  noteVote(tip, vote);
  await feed(tip, { type: "vote", vote, peer: undefined });
}

const NO_SIGNATURE = new Uint8Array(0);

export function noteVote(tip: Tip, vote: Vote): void {
  tip.voteTimesMs.set(vote, tip.ports.steadyMs());
  tip.statusChanged();
}

function sendOwn(tip: Tip, message: Uint8Array): void {
  tip.ports.wal.append(encodeWalRecord({ type: "message", peer: "", message }));
  tip.ports.broadcast(message);
}

/** Now, but later than the block it is about: the median of the votes' times is the next block's time and must grow. */
function voteTime(tip: Tip): Timestamp {
  const { machine, ports } = tip;
  const now = timestampFromMs(Math.floor(ports.nowMs()));
  const value = machine.lockedValue ?? machine.proposals.get(machine.round)?.value;
  const block = value === undefined ? undefined : tip.blocks.get(value)?.complete?.block;
  if (block === undefined) return now;
  const earliest = addMs(block.header.time, 1);
  return compareTimestamps(now, earliest) > 0 ? now : earliest;
}

function collectMajorityBlock(tip: Tip, effect: Extract<Effect, { type: "majority" }>): void {
  if (effect.value === null) return;
  const { prevotes, precommits } = votesOf(tip.machine.votes, effect.round);
  const set = effect.voteType === "prevote" ? prevotes : precommits;
  const vote = set.tallies.get(effect.value)?.votes.find((known) => known !== undefined);
  assert(vote !== undefined, "a majority has votes");
  const wanted = tip.blocks.want(vote.blockId);
  if ("code" in wanted)
    tip.ports.log.error({ height: tip.height, reason: wanted.reason }, "A quorum voted for too large a block");
  else if (wanted.complete === undefined) tip.statusChanged();
}

/** Keeps the blocks that can still matter: locked, valid, proposed for this round or the next, or backed by a quorum. */
function dropUselessBlocks(tip: Tip): void {
  const { machine } = tip;
  const keep = new Set<string>();
  for (const value of [machine.lockedValue, machine.validValue]) if (value !== null) keep.add(value);
  for (const [round, { value }] of machine.proposals) if (round >= machine.round) keep.add(value);
  for (const { prevotes, precommits } of machine.votes.rounds.values())
    for (const value of [prevotes.majority, precommits.majority]) if (typeof value === "string") keep.add(value);
  tip.blocks.keepOnly(keep);
  for (const value of machine.blocks.keys()) if (!keep.has(value)) tip.inputs.push({ type: "blockGone", value });
}

async function decide(tip: Tip, { round, value }: Extract<Effect, { type: "decide" }>): Promise<void> {
  const { height, validators, ports } = tip;
  const entry = tip.blocks.get(value);
  assert(entry?.verdicts !== undefined, "a decided block has been judged");
  const { state, app } = entry.verdicts;
  if (entry.complete === undefined || !state.accepted) {
    const facts = state.accepted ? { blockCode: "", reason: "" } : { blockCode: state.code, reason: state.reason };
    throw new ExecutorError({ code: "EXECUTOR_BLOCK_INVALID", height, ...facts });
  }
  if (!app.accepted) ports.log.error({ height, reason: app.reason }, "Application refused a block that was decided");
  const { precommits } = votesOf(tip.machine.votes, round);
  const commit = makeCommit(precommits, entry.blockId, height, round, validators);
  await finishHeight(tip, entry.complete, commit, precommits, entry);
}
