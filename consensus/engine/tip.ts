import type { ChainState } from "#storage/db/chainState.ts";
import { MAX_BLOCK_BYTES } from "#storage/limits.ts";
import type { Commit } from "#storage/types/commit.ts";
import { EMPTY_COMMIT } from "#storage/types/commit.ts";
import type { Validator, ValidatorSet } from "#storage/types/validatorSet.ts";
import { findValidator } from "#storage/types/validatorSet.ts";
import type { Vote } from "#storage/types/vote.ts";
import { createProposerSchedule } from "../tendermint/proposer.ts";
import type { Effect, Input, TendermintState, TimeoutStep } from "../tendermint/state.ts";
import { initialState } from "../tendermint/state.ts";
import type { VoteSet } from "../tendermint/voteSet.ts";
import { EMPTY_VOTE_SET } from "../tendermint/voteSet.ts";
import { nextHeight } from "./blockChecks.ts";
import type { BlockEntry, BlockTable } from "./blockTable.ts";
import { createBlockTable } from "./blockTable.ts";
import { makeCommit } from "./commits.ts";
import { type GossipView, REPAIR_EVIDENCE_MAX } from "./gossip.ts";
import type { EngineOptions, EnginePorts, StoredBlock } from "./ports.ts";

/** Something the engine processes, one after the other. */
export type QueueItem =
  | { readonly type: "message"; readonly peer: string; readonly bytes: Uint8Array }
  | { readonly type: "timeout"; readonly height: number; readonly step: TimeoutStep; readonly round: number }
  /** The time to start `height` has come; `heartbeat`: even if there is nothing to decide. */
  | { readonly type: "startDue"; readonly height: number; readonly heartbeat: boolean }
  | { readonly type: "txsAvailable" }
  /** The answer to a block request; undefined when it failed. */
  | {
      readonly type: "blocks";
      readonly peer: string;
      readonly fromHeight: number;
      readonly blocks: readonly StoredBlock[] | undefined;
    };

/** The end of the chain as the engine works on it. One mutable record: only the engine's queue writes to it, one item at a time. */
export interface Tip {
  readonly options: EngineOptions;
  readonly ports: EnginePorts;
  /** Puts an item at the end of the queue. */
  readonly enqueue: (item: QueueItem) => void;
  /** Puts messages that came too early before everything else. */
  readonly enqueueFirst: (items: readonly QueueItem[]) => void;
  /** Something changed that peers should know. */
  readonly statusChanged: () => void;

  height: number;
  /** When `height` became the one to decide, in ms. */
  enteredMs: number;
  validators: ValidatorSet;
  proposerOf: (round: number) => { readonly index: number; readonly validator: Validator };
  machine: TendermintState;
  blocks: BlockTable;
  proposals: Map<number, { readonly message: Uint8Array; readonly atMs: number }>;
  readonly voteTimesMs: WeakMap<Vote, number>;

  /** Precommits for the block before `height`, and those who may have given them. */
  lastCommit: VoteSet;
  lastCommitRound: number;
  lastValidators: ValidatorSet | undefined;
  lastDecided: { readonly commitMessage: Uint8Array; readonly entry: BlockEntry } | undefined;
  /** The last block's header does not show the present app hash yet: one more block must. */
  needsProofBlock: boolean;
  /** Somebody waits for the block that proves the last one. */
  isUrgent: boolean;
  /** The height could start but there is nothing to decide. */
  isWaitingForTxs: boolean;
  /** Messages for the next height, which a faster peer has reached. */
  future: Extract<QueueItem, { type: "message" }>[];
  futureBytes: number;

  /** Inputs of the state machine waiting their turn, and whether one is being processed. */
  readonly inputs: Input[];
  isFeeding: boolean;
  /** Effects held back while the write-ahead log is replayed. */
  replayed: Effect[] | undefined;
  /** Cancels timers of this height. */
  timers: Map<string, () => void>;
}

/** What the engine begins with: the last committed block's commit and header, when there is one. */
export interface LastBlock {
  readonly commit: Commit;
  readonly precommits: VoteSet;
  readonly appHash: Uint8Array;
  readonly isUrgent?: boolean;
  /** Undefined when its parts are not in memory. */
  readonly decided: Tip["lastDecided"];
}

export function createTip(
  options: EngineOptions,
  ports: EnginePorts,
  queue: Pick<Tip, "enqueue" | "enqueueFirst" | "statusChanged">,
  last: LastBlock | undefined,
): Tip {
  const state = ports.executor.state();
  const tip: Tip = {
    options,
    ports,
    ...queue,
    ...heightOf(state, ports),
    voteTimesMs: new WeakMap(),
    lastCommit: EMPTY_VOTE_SET,
    lastCommitRound: 0,
    lastDecided: undefined,
    needsProofBlock: true,
    isUrgent: false,
    isWaitingForTxs: false,
    future: [],
    futureBytes: 0,
    inputs: [],
    isFeeding: false,
    replayed: undefined,
    timers: new Map(),
  };
  setLastBlock(tip, state, last);
  return tip;
}

/** Moves to the height after the block just applied. */
export function enterHeight(tip: Tip, last: LastBlock): void {
  for (const cancel of tip.timers.values()) cancel();
  const state = tip.ports.executor.state();
  Object.assign(tip, heightOf(state, tip.ports));
  tip.isWaitingForTxs = false;
  tip.inputs.length = 0;
  if (tip.replayed !== undefined) tip.replayed = [];
  tip.timers = new Map();
  setLastBlock(tip, state, last);
  const { future } = tip;
  tip.future = [];
  tip.futureBytes = 0;
  tip.enqueueFirst(future);
  tip.statusChanged();
}

/** Sets a timer of the present height, in place of an earlier one of the same name. */
export function setTimer(tip: Tip, name: string, delayMs: number, run: () => void): void {
  tip.timers.get(name)?.();
  tip.timers.set(name, tip.ports.schedule(delayMs, run));
}

/** The commit that the next block must carry. */
export function lastCommitOf(tip: Tip): Commit {
  const state = tip.ports.executor.state();
  if (tip.lastValidators === undefined) return EMPTY_COMMIT;
  return makeCommit(tip.lastCommit, state.lastBlockId, state.lastBlockHeight, tip.lastCommitRound, tip.lastValidators);
}

export function viewOf(tip: Tip): GossipView {
  return {
    height: tip.height,
    base: tip.ports.baseHeight(),
    machine: tip.machine,
    proposals: tip.proposals,
    blocks: tip.blocks,
    lastCommit: tip.lastCommit,
    validatorCount: tip.validators.validators.length,
    lastValidatorCount: tip.lastValidators?.validators.length ?? 0,
    lastDecided: tip.lastDecided,
    voteTimesMs: tip.voteTimesMs,
    evidenceFor: (height) => tip.ports.evidence.waitingFor(height, REPAIR_EVIDENCE_MAX),
    partOffset: (tip.machine.context.ownIndex ?? tip.validators.validators.length) * PART_STRIDE,
  };
}

/** Helpers start this many parts apart: about one repair batch. */
const PART_STRIDE = 8;

function setLastBlock(tip: Tip, state: ChainState, last: LastBlock | undefined): void {
  tip.lastValidators = state.lastValidators;
  tip.lastCommit = last?.precommits ?? EMPTY_VOTE_SET;
  tip.lastCommitRound = last?.commit.round ?? 0;
  tip.lastDecided = last?.decided;
  tip.isUrgent = last?.isUrgent ?? false;
  tip.needsProofBlock = last === undefined || Buffer.compare(last.appHash, state.appHash) !== 0;
}

/** The fields that are new with every height. */
function heightOf(
  state: ChainState,
  ports: EnginePorts,
): Pick<
  Tip,
  "height" | "enteredMs" | "validators" | "proposerOf" | "machine" | "blocks" | "proposals" | "lastValidators"
> {
  const { validators, lastValidators } = state;
  const height = nextHeight(state);
  const proposerOf = createProposerSchedule(validators);
  const own = ports.signer === undefined ? undefined : findValidator(validators, ports.signer.address);
  const machine = initialState({
    height,
    powers: validators.validators.map(({ votingPower }) => votingPower),
    ownIndex: own?.index,
    proposerIndex: (round) => proposerOf(round).index,
  });
  const blocks = createBlockTable(maxBlockBytes(state));
  const enteredMs = ports.nowMs();
  return { height, enteredMs, validators, lastValidators, proposerOf, machine, blocks, proposals: new Map() };
}

/** Bytes of a block under the chain's parameters. */
export function maxBlockBytes(state: ChainState): number {
  const { maxBytes } = state.consensusParams.block;
  return maxBytes === -1 ? MAX_BLOCK_BYTES : maxBytes;
}
