import type { ChainState } from "#storage/db/chainState.ts";
import type { CommittedEvidence } from "#storage/db/committedEvidence.ts";
import type { Verdict } from "#storage/error.ts";
import { ACCEPTED, LedgerError, rejected } from "#storage/error.ts";
import { MAX_BLOCK_BYTES } from "#storage/limits.ts";
import type { Block } from "#storage/types/block.ts";
import { dataHash } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import { hashCommit } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import { encodeEvidenceList, hashEvidence, hashEvidenceList } from "#storage/types/evidence.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import type { Header } from "#storage/types/header.ts";
import { hashConsensusParams } from "#storage/types/params.ts";
import { hashResults } from "#storage/types/results.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import {
  hashValidatorSet,
  incrementProposerPriority,
  newValidatorSet,
  updateValidatorSet,
} from "#storage/types/validatorSet.ts";
import type { Application, BlockContext, CommitInfo, FinalizeBlockResponse, Misbehavior, StateWrite } from "../abci.ts";
import { BLOCK_PROTOCOL, blockTimeAfter, checkBlock, nextHeight } from "./blockChecks.ts";
import type { EvidencePool } from "./evidencePool.ts";
import { ExecutorError } from "./executorError.ts";

/** Everything that one committed height changes; the driver stores it in ONE synced batch. */
export interface HeightRecord {
  readonly block: Block;
  readonly blockBytes: Uint8Array;
  readonly blockId: BlockId;
  /** The commit for this block as this node saw it. */
  readonly seenCommit: Commit;
  readonly response: FinalizeBlockResponse;
  readonly stateBefore: ChainState;
  readonly stateAfter: ChainState;
  readonly appWrites: readonly StateWrite[];
  /** Blocks below may be pruned; 0 keeps all. */
  readonly retainHeight: number;
  /** Evidence in this block; given back to `createEvidencePool` at the next start. */
  readonly committedEvidence: readonly CommittedEvidence[];
}

/** A block with its bytes and id, so that nothing is encoded or hashed twice. */
export interface CompleteBlock {
  readonly block: Block;
  readonly blockBytes: Uint8Array;
  readonly blockId: BlockId;
}

export interface ExecutorPorts {
  readonly app: Application;
  readonly evidence: EvidencePool;
  /** On disk, all or nothing, when it resolves. */
  persistHeight(record: HeightRecord): Promise<void>;
}

export interface BlockExecutor {
  /** The chain after the last applied block. */
  state(): ChainState;
  /** A new block on top of the chain, from `txs` as the application orders them. Throws nothing that input can cause. */
  createProposalBlock(lastCommit: Commit, proposerAddress: Uint8Array, txs: readonly Uint8Array[]): Block;
  /** Bytes that transactions of the next block may take, field tags included. */
  maxTxBytes(): number;
  /** valid(v): the block extends the chain, its evidence holds. */
  validateBlock(block: Block): Promise<Verdict>;
  /** The application's own judgement of a proposal. */
  processProposal(block: Block, hash: Uint8Array): Verdict;
  /**
   * Executes a decided block and persists it.
   * @throws ExecutorError EXECUTOR_BLOCK_INVALID, EXECUTOR_RESULTS_COUNT, EXECUTOR_APP_HASH_EMPTY, EXECUTOR_VALIDATOR_UPDATE_INVALID
   */
  applyBlock(decided: CompleteBlock, seenCommit: Commit): Promise<AppliedBlock>;
}

export interface AppliedBlock {
  readonly stateAfter: ChainState;
  readonly response: FinalizeBlockResponse;
  readonly freshEvidence: readonly Evidence[];
}

/** CometBFT types/block.go: fields around a block, the largest header, a commit's own fields, one commit signature. */
const BLOCK_OVERHEAD_BYTES = 11;
const HEADER_BYTES_MAX = 626;
const COMMIT_OVERHEAD_BYTES = 94;
const COMMIT_SIG_BYTES_MAX = 109;

/** The chain before its first block. `app` is asked for its validators and its app hash. */
export function genesisState(genesis: Genesis, app: Application): ChainState {
  const fromGenesis = genesis.validators.map(({ publicKey, power }) => ({ publicKey, power }));
  const response = app.initChain({
    time: genesis.genesisTime,
    chainId: genesis.chainId,
    initialHeight: genesis.initialHeight,
    validators: fromGenesis,
    consensusParams: genesis.consensusParams,
    appState: genesis.appState,
  });
  if (response.appHash.length === 0) throw new ExecutorError({ code: "EXECUTOR_APP_HASH_EMPTY", height: 0 });
  const validators = newValidatorSet(response.validators.length > 0 ? response.validators : fromGenesis);
  return {
    chainId: genesis.chainId,
    initialHeight: genesis.initialHeight,
    lastBlockHeight: 0,
    lastBlockId: NIL_BLOCK_ID,
    lastBlockTime: genesis.genesisTime,
    lastValidators: undefined,
    validators,
    nextValidators: incrementProposerPriority(validators, 1),
    lastHeightValidatorsChanged: genesis.initialHeight,
    consensusParams: genesis.consensusParams,
    lastResultsHash: hashResults([]),
    appHash: response.appHash,
  };
}

/**
 * The chain to go on from. Block, state and application are stored in one batch, so of CometBFT's replay matrix
 * (research/cometbft.md §3.3) only two cases remain: nothing stored yet, or the application exactly where the state is.
 * @throws ExecutorError EXECUTOR_APP_HEIGHT_MISMATCH, EXECUTOR_APP_HASH_MISMATCH, EXECUTOR_APP_HASH_EMPTY
 */
export function handshake(genesis: Genesis, stored: ChainState | undefined, app: Application): ChainState {
  const { lastBlockHeight: appHeight, lastBlockAppHash } = app.info();
  const stateHeight = stored?.lastBlockHeight ?? 0;
  if (appHeight !== stateHeight)
    throw new ExecutorError({ code: "EXECUTOR_APP_HEIGHT_MISMATCH", appHeight, stateHeight });
  if (stored === undefined || stateHeight === 0) return genesisState(genesis, app);
  if (Buffer.compare(lastBlockAppHash, stored.appHash) !== 0)
    throw new ExecutorError({
      code: "EXECUTOR_APP_HASH_MISMATCH",
      height: stateHeight,
      appHash: lastBlockAppHash,
      expected: stored.appHash,
    });
  return stored;
}

export function createExecutor(initial: ChainState, ports: ExecutorPorts): BlockExecutor {
  const { app, evidence: evidencePool } = ports;
  let state = initial;

  function limits(evidenceBytes: number): number {
    const { maxBytes } = state.consensusParams.block;
    const blockBytes = maxBytes === -1 ? MAX_BLOCK_BYTES : maxBytes;
    const signers = state.lastValidators?.validators.length ?? 0;
    const commitBytes = COMMIT_OVERHEAD_BYTES + signers * COMMIT_SIG_BYTES_MAX;
    return Math.max(0, blockBytes - BLOCK_OVERHEAD_BYTES - HEADER_BYTES_MAX - commitBytes - evidenceBytes);
  }

  return {
    state: () => state,
    maxTxBytes: () => limits(evidenceListBytes(evidencePool.pending(state.consensusParams.evidence.maxBytes))),

    createProposalBlock(lastCommit, proposerAddress, txs) {
      const { maxBytes } = state.consensusParams.evidence;
      const evidence = evidencePool.pending(maxBytes);
      const time = blockTimeAfter(state, lastCommit);
      const height = nextHeight(state);
      const nextValidatorsHash = hashValidatorSet(state.nextValidators);
      const maxTxBytes = limits(evidenceListBytes(evidence));
      const misbehavior = misbehaviorOf(evidence);
      const prepared = app.prepareProposal({
        txs,
        maxTxBytes,
        height,
        time,
        proposerAddress,
        misbehavior,
        nextValidatorsHash,
      });
      const chosen = withinBytes(prepared.txs, maxTxBytes);
      const header: Header = {
        version: { block: BLOCK_PROTOCOL, app: BigInt(state.consensusParams.version.app) },
        chainId: state.chainId,
        height,
        time,
        lastBlockId: state.lastBlockId,
        lastCommitHash: hashCommit(lastCommit),
        dataHash: dataHash(chosen),
        validatorsHash: hashValidatorSet(state.validators),
        nextValidatorsHash,
        consensusHash: hashConsensusParams(state.consensusParams),
        appHash: state.appHash,
        lastResultsHash: state.lastResultsHash,
        evidenceHash: hashEvidenceList(evidence),
        proposerAddress,
      };
      return { header, txs: chosen, evidence, lastCommit };
    },

    async validateBlock(block) {
      const verdict = checkBlock(block, state);
      return verdict.accepted && block.evidence.length > 0 ? evidencePool.check(block.evidence, state) : verdict;
    },

    processProposal(block, hash) {
      const answer = app.processProposal({ ...contextOf(block), txs: block.txs, hash });
      return answer.accepted ? ACCEPTED : rejected("BLOCK_REFUSED_BY_APPLICATION", answer.reason);
    },

    async applyBlock(decided, seenCommit) {
      const { block, blockId, blockBytes } = decided;
      const { height } = block.header;
      if (seenCommit.height !== height)
        throw new ExecutorError({ code: "EXECUTOR_COMMIT_MISMATCH", height, commitHeight: seenCommit.height });
      const before = state;
      const response = app.finalizeBlock({
        ...contextOf(block),
        txs: block.txs,
        hash: blockId.hash,
        decidedLastCommit: commitInfoOf(block.lastCommit, before.lastValidators),
      });
      if (response.txResults.length !== block.txs.length)
        throw new ExecutorError({
          code: "EXECUTOR_RESULTS_COUNT",
          height,
          txs: block.txs.length,
          results: response.txResults.length,
        });
      if (response.appHash.length === 0) throw new ExecutorError({ code: "EXECUTOR_APP_HASH_EMPTY", height });
      const after = stateAfter(before, block, blockId, response);
      const { writes, retainHeight } = app.commit();
      await ports.persistHeight({
        block,
        blockBytes,
        blockId,
        seenCommit,
        response,
        stateBefore: before,
        stateAfter: after,
        appWrites: writes,
        retainHeight,
        committedEvidence: committedEvidenceOf(block),
      });
      state = after;
      const freshEvidence = await evidencePool.update(block.evidence, before, after);
      return { stateAfter: after, response, freshEvidence };
    },
  };
}

/** What is remembered of the evidence a block carries. */
export function committedEvidenceOf(block: Block): readonly CommittedEvidence[] {
  return block.evidence.map((evidence) => ({
    hash: hashEvidence(evidence),
    height: evidence.type === "duplicateVote" ? evidence.voteA.height : evidence.commonHeight,
    time: evidence.timestamp,
  }));
}

/**
 * The chain after `block`: validator updates of this height take effect two heights later.
 * @throws ExecutorError EXECUTOR_VALIDATOR_UPDATE_INVALID
 */
export function stateAfter(
  before: ChainState,
  block: Block,
  blockId: BlockId,
  response: FinalizeBlockResponse,
): ChainState {
  const { height } = block.header;
  const updates = response.validatorUpdates;
  let nextValidators = before.nextValidators;
  let { lastHeightValidatorsChanged } = before;
  if (updates.length > 0) {
    try {
      nextValidators = updateValidatorSet(nextValidators, updates);
    } catch (error) {
      const reason = error instanceof LedgerError ? error.message : String(error);
      throw new ExecutorError({ code: "EXECUTOR_VALIDATOR_UPDATE_INVALID", height, reason }, { cause: error });
    }
    lastHeightValidatorsChanged = height + 2;
  }
  return {
    chainId: before.chainId,
    initialHeight: before.initialHeight,
    lastBlockHeight: height,
    lastBlockId: blockId,
    lastBlockTime: block.header.time,
    lastValidators: before.validators,
    validators: before.nextValidators,
    nextValidators: incrementProposerPriority(nextValidators, 1),
    lastHeightValidatorsChanged,
    consensusParams: before.consensusParams,
    lastResultsHash: hashResults(response.txResults),
    appHash: response.appHash,
  };
}

function contextOf(block: Block): BlockContext {
  const { height, time, proposerAddress, nextValidatorsHash } = block.header;
  return { height, time, proposerAddress, nextValidatorsHash, misbehavior: misbehaviorOf(block.evidence) };
}

function commitInfoOf(commit: Commit, validators: ValidatorSet | undefined): CommitInfo {
  const votes = (validators?.validators ?? []).map(({ address, votingPower }, index) => ({
    address,
    power: votingPower,
    blockIdFlag: commit.signatures[index]?.blockIdFlag ?? ("absent" as const),
  }));
  return { round: commit.round, votes };
}

function misbehaviorOf(list: readonly Evidence[]): Misbehavior[] {
  return list.flatMap((evidence): Misbehavior[] => {
    const { timestamp: time, totalVotingPower } = evidence;
    if (evidence.type === "duplicateVote") {
      const { validatorAddress: address, height } = evidence.voteA;
      return [{ type: "duplicateVote", address, power: evidence.validatorPower, height, time, totalVotingPower }];
    }
    return evidence.byzantineValidators.map(({ address, votingPower }) => ({
      type: "lightClientAttack",
      address,
      power: votingPower,
      height: evidence.commonHeight,
      time,
      totalVotingPower,
    }));
  });
}

/** Bytes of the evidence field in a block. */
function evidenceListBytes(evidence: readonly Evidence[]): number {
  return evidence.length === 0 ? 0 : encodeEvidenceList(evidence).length + EVIDENCE_FIELD_BYTES;
}

/** Field tag and length of the list within the block. */
const EVIDENCE_FIELD_BYTES = 6;

/** The longest beginning of `txs` whose encoding fits: an application that overfills must not make an invalid block. */
function withinBytes(txs: readonly Uint8Array[], maxBytes: number): readonly Uint8Array[] {
  let bytes = 0;
  for (const [index, tx] of txs.entries()) {
    bytes += tx.length + TX_FRAME_BYTES;
    if (bytes > maxBytes) return txs.slice(0, index);
  }
  return txs;
}

/** Field tag and length around one transaction: at most a tag and five length bytes. */
const TX_FRAME_BYTES = 6;
