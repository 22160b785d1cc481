import type { ChainState } from "#storage/db/chainState.ts";
import type { Block } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import type { FinalizeBlockResponse } from "../abci.ts";
import type { Input, TendermintState } from "../tendermint/state.ts";
import type { EvidencePool } from "./evidencePool.ts";
import type { BlockExecutor } from "./executor.ts";

/** Durations in milliseconds. A step's timeout grows by its delta with every round, so that it outgrows any network delay. */
export interface EngineOptions {
  readonly chainId: string;
  readonly timeoutProposeMs: number;
  readonly timeoutProposeDeltaMs: number;
  readonly timeoutPrevoteMs: number;
  readonly timeoutPrevoteDeltaMs: number;
  readonly timeoutPrecommitMs: number;
  readonly timeoutPrecommitDeltaMs: number;
  /** Between a block and the start of the next height, to collect late precommits. */
  readonly timeoutCommitMs: number;
  /** Go on at once when every validator's precommit is here. */
  readonly skipTimeoutCommit: boolean;
  /** false: a height starts when there is something to decide (transactions, evidence, a changed app hash to prove). */
  readonly createEmptyBlocks: boolean;
  /** Without empty blocks, one is made after this time all the same: the net's heartbeat. 0: never. */
  readonly emptyBlockIntervalMs: number;
  /** A status is sent at least this often. */
  readonly statusIntervalMs: number;
  /** Changes within this time go into one status. */
  readonly statusMinGapMs: number;
  /** How often missing messages are looked for. */
  readonly gossipIntervalMs: number;
  /** What a peer lacks is sent only after we have had it this long: usually it comes from its author. */
  readonly repairDelayMs: number;
  /** The same message goes to the same peer again only after this time. */
  readonly resendMs: number;
  /** A peer that has not delivered requested blocks after this time has failed. */
  readonly syncTimeoutMs: number;
  /** Messages of one peer waiting to be processed; more are dropped, the status exchange brings them again. */
  readonly maxQueuedBytesPerPeer: number;
}

/** CometBFT's timeouts (config/config.go), with empty blocks. */
export const DEFAULT_ENGINE_OPTIONS: Omit<EngineOptions, "chainId"> = {
  timeoutProposeMs: 3000,
  timeoutProposeDeltaMs: 500,
  timeoutPrevoteMs: 1000,
  timeoutPrevoteDeltaMs: 500,
  timeoutPrecommitMs: 1000,
  timeoutPrecommitDeltaMs: 500,
  timeoutCommitMs: 1000,
  skipTimeoutCommit: false,
  createEmptyBlocks: true,
  emptyBlockIntervalMs: 0,
  statusIntervalMs: 1000,
  statusMinGapMs: 50,
  gossipIntervalMs: 100,
  repairDelayMs: 100,
  resendMs: 500,
  syncTimeoutMs: 10_000,
  maxQueuedBytesPerPeer: 16 * 1024 * 1024,
};

/** The write-ahead log; storage/db/wal.ts fits. */
export interface WalPort {
  append(payload: Uint8Array): void;
  /** Everything appended is on disk when it is done. */
  sync(): void | Promise<void>;
  /** Marks `height` as decided and stored, and syncs. */
  endHeight(height: number): void | Promise<void>;
  /** What was appended after the mark of `height`; undefined when there is no such mark. */
  replay(height: number): Iterable<Uint8Array> | undefined;
  /** Forgets what lies before the mark of `height`. */
  prune(height: number): void;
}

/** Holds the validator's key. Before a signature is returned, that it was given is durable; none is given twice for different content. */
export interface SignerPort {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** The signed vote, possibly with the timestamp of an earlier signature of the same vote; undefined when refused. */
  signVote(vote: Vote): Promise<Vote | undefined>;
  signProposal(proposal: Proposal): Promise<Proposal | undefined>;
}

/** A block as it is stored and served, with a commit that proves it. */
export interface StoredBlock {
  readonly blockBytes: Uint8Array;
  readonly commit: Commit;
}

export interface CommittedBlock {
  readonly block: Block;
  readonly blockId: BlockId;
  readonly commit: Commit;
  readonly response: FinalizeBlockResponse;
  readonly stateAfter: ChainState;
}

export interface EngineLog {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** One step of the state machine: its state before and after an input. */
export interface Transition {
  readonly before: TendermintState;
  readonly input: Input;
  readonly after: TendermintState;
}

/** Everything the engine reaches of the world. */
export interface EnginePorts {
  /** The wall clock, for the times of votes and blocks; it may be wrong, and be set. */
  nowMs(): number;
  /** Milliseconds that never go back, for how long ago something was: a clock that is set back must not silence the node until it is made up for. */
  steadyMs(): number;
  /** Calls `run` once after `delayMs` unless the returned function is called first. */
  schedule(delayMs: number, run: () => void): () => void;
  /** Best effort, in order per peer; never throws, never blocks. */
  sendTo(peer: string, message: Uint8Array): void;
  /** To every connected peer. */
  broadcast(message: Uint8Array): void;
  readonly wal: WalPort;
  /** Undefined: a full node, which follows without voting. */
  readonly signer: SignerPort | undefined;
  readonly executor: BlockExecutor;
  readonly evidence: EvidencePool;
  /** Transactions for a proposal, oldest first, at most about `maxBytes`. */
  mempoolTxs(maxBytes: number): readonly Uint8Array[];
  hasTxs(): boolean;
  /** A committed block of the store. */
  loadBlock(height: number): Promise<StoredBlock | undefined>;
  /** Lowest height `loadBlock` answers; 0 when there is none. */
  baseHeight(): number;
  /** Asks a peer for blocks of the given heights in order; it may answer with fewer. Rejects when the peer cannot be asked. */
  requestBlocks(peer: string, fromHeight: number, count: number): Promise<readonly StoredBlock[]>;
  /**
   * Whether somebody waits for what this block did: the next one, which proves it, then starts as soon as every validator's precommit is here,
   * as with `skipTimeoutCommit`. When a height starts is each validator's own affair, so this need not be the same everywhere.
   */
  isUrgent?(response: FinalizeBlockResponse): boolean;
  /** After a block is on disk. */
  onBlock(committed: CommittedBlock): void | Promise<void>;
  /** A peer sent what no correct node sends. */
  reportPeer(peer: string, code: string, reason: string): void;
  /** Whatever the state machine did, for those who watch consensus; not called while the log is replayed. Must not throw. */
  onTransition?(transition: Transition): void;
  /** The engine has stopped for good: going on could break a promise. */
  onFatal(error: unknown): void;
  readonly log: EngineLog;
}
