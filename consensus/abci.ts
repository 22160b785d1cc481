import type { PublicKey } from "#storage/crypto/keys.ts";
import type { ConsensusParams } from "#storage/types/params.ts";
import type { Timestamp } from "#storage/types/time.ts";

/**
 * The ABCI 2.0 calls between a consensus engine and the ledger application, in CometBFT's words (spec/abci of v0.38).
 * Calls are synchronous and total: whatever the bytes, they answer. What must outlive the process comes back from
 * `commit` as writes, because consensus/ has no disk: the driver stores them in the same atomic batch as the block.
 */
export interface Application {
  info(): InfoResponse;
  initChain(request: InitChainRequest): InitChainResponse;
  checkTx(request: CheckTxRequest): CheckTxResponse;
  prepareProposal(request: PrepareProposalRequest): PrepareProposalResponse;
  processProposal(request: ProcessProposalRequest): ProcessProposalResponse;
  /** Executes the block on a working copy; nothing is visible to `query` and `checkTx` until `commit`. */
  finalizeBlock(request: FinalizeBlockRequest): FinalizeBlockResponse;
  commit(): CommitResponse;
  query(request: QueryRequest): QueryResponse;
}

export interface InfoResponse {
  readonly data: string;
  readonly version: string;
  readonly appVersion: number;
  /** 0 before the first commit. */
  readonly lastBlockHeight: number;
  readonly lastBlockAppHash: Uint8Array;
}

export interface ValidatorUpdate {
  readonly publicKey: PublicKey;
  /** 0 removes the validator. */
  readonly power: bigint;
}

export interface InitChainRequest {
  readonly time: Timestamp;
  readonly chainId: string;
  readonly initialHeight: number;
  readonly validators: readonly ValidatorUpdate[];
  readonly consensusParams: ConsensusParams;
  /** `app_state` of genesis.json, parsed. */
  readonly appState: unknown;
}

export interface InitChainResponse {
  /** Never empty: CosmJS refuses an empty app hash (research/cometbft.md §1.2). */
  readonly appHash: Uint8Array;
  /** Empty keeps the genesis validators. */
  readonly validators: readonly ValidatorUpdate[];
}

export interface CheckTxRequest {
  readonly tx: Uint8Array;
  readonly type: "new" | "recheck";
}

/** Fields of CometBFT's ExecTxResult; only code, data, gasWanted and gasUsed are hashed into last_results_hash. */
export interface ExecTxResult {
  /** 0 is success; other codes are listed in consensus/README.md. */
  readonly code: number;
  readonly codespace: string;
  readonly data: Uint8Array;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly events: readonly AbciEvent[];
}

export interface AbciEvent {
  readonly type: string;
  readonly attributes: readonly { readonly key: string; readonly value: string; readonly index: boolean }[];
}

export interface CheckTxResponse {
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly gasWanted: bigint;
}

export interface CommitInfo {
  readonly round: number;
  readonly votes: readonly {
    readonly address: Uint8Array;
    readonly power: bigint;
    readonly blockIdFlag: "absent" | "commit" | "nil";
  }[];
}

export interface Misbehavior {
  readonly type: "duplicateVote" | "lightClientAttack";
  readonly address: Uint8Array;
  readonly power: bigint;
  readonly height: number;
  readonly time: Timestamp;
  readonly totalVotingPower: bigint;
}

/** What every block-wide call is told about the block. */
export interface BlockContext {
  readonly height: number;
  readonly time: Timestamp;
  readonly proposerAddress: Uint8Array;
  readonly misbehavior: readonly Misbehavior[];
  readonly nextValidatorsHash: Uint8Array;
}

export interface PrepareProposalRequest extends BlockContext {
  readonly txs: readonly Uint8Array[];
  readonly maxTxBytes: number;
}

export interface PrepareProposalResponse {
  readonly txs: readonly Uint8Array[];
}

export interface ProcessProposalRequest extends BlockContext {
  readonly txs: readonly Uint8Array[];
  readonly hash: Uint8Array;
}

export interface ProcessProposalResponse {
  readonly accepted: boolean;
  /** Why not; for the log, never hashed. */
  readonly reason: string;
}

export interface FinalizeBlockRequest extends BlockContext {
  readonly txs: readonly Uint8Array[];
  readonly hash: Uint8Array;
  readonly decidedLastCommit: CommitInfo;
}

export interface FinalizeBlockResponse {
  readonly txResults: readonly ExecTxResult[];
  readonly events: readonly AbciEvent[];
  readonly validatorUpdates: readonly ValidatorUpdate[];
  readonly appHash: Uint8Array;
}

/** One change of the application's state: an absent value deletes the key. */
export interface StateWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface CommitResponse {
  /** Blocks below this height may be pruned; 0 keeps all. */
  readonly retainHeight: number;
  /** Everything that must be on disk before the block counts as committed. */
  readonly writes: readonly StateWrite[];
}

export interface QueryRequest {
  readonly path: string;
  readonly data: Uint8Array;
  /** 0 asks for the latest committed height. */
  readonly height: number;
  readonly prove: boolean;
}

export interface QueryResponse {
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** State proof bytes (consensus/README.md, "State proofs") that lead to the app hash in the header of `height + 1`. */
  readonly proof: Uint8Array;
  readonly height: number;
}
