import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { checkBlock } from "#consensus/engine/blockChecks.ts";
import { committedEvidenceOf, stateAfter } from "#consensus/engine/executor.ts";
import type { CommittedBlock } from "#consensus/engine/ports.ts";
import { loadBlockResults } from "#storage/db/blockResults.ts";
import type { ChainState } from "#storage/db/chainState.ts";
import type { LedgerStore } from "#storage/db/ledgerStore.ts";
import type { Store } from "#storage/db/store.ts";
import { ACCEPTED, rejected, type Verdict } from "#storage/error.ts";
import { type Block, encodeBlock } from "#storage/types/block.ts";
import { type BlockId, equalBlockIds } from "#storage/types/blockId.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { hashHeader } from "#storage/types/header.ts";
import { partSetHeaderOf } from "#storage/types/partSet.ts";
import { ZERO_TIME } from "#storage/types/time.ts";
import { hashValidatorSet, type Validator, type ValidatorSet } from "#storage/types/validatorSet.ts";
import { CometError } from "./cometError.ts";
import type { CometRpc } from "./cometRpc.ts";

/** Pause before CometBFT is asked again for what it could not give, in ms. */
const RETRY_MS = 100;

export interface FollowerPorts {
  readonly genesis: Genesis;
  readonly rpc: Pick<CometRpc, "block" | "status" | "validators">;
  readonly store: Store;
  readonly ledger: LedgerStore;
  readonly log: Logger;
  /** Of the last block of which the application's state and results are on disk; 0 before the first. */
  committedHeight(): number;
  /** A block is in the store; `blockBytes` long as protobuf. */
  onBlock(committed: CommittedBlock, blockBytes: number): Promise<void>;
  onFatal(error: unknown): void;
}

/** Copies every block that CometBFT has decided and the application executed into this node's own store, out of which all else is served. */
export interface Follower {
  /** The chain after the last block in the store. */
  state(): ChainState | undefined;
  setState(state: ChainState): void;
  /** The application has committed a block. */
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Blocks come over CometBFT's RPC as JSON; each is checked by the engine's own rules against the chain in the store before it is stored, so that
 * a difference between CometBFT and this ledger, or an answer that is not what was decided, shows at its first block.
 */
export function startFollower(initial: ChainState | undefined, ports: FollowerPorts): Follower {
  const { rpc, store, ledger, log, genesis } = ports;
  const stopping = new AbortController();
  let state = initial;
  let wakeUp = Promise.withResolvers<void>();

  async function copyBlock(height: number): Promise<void> {
    const { block, commit } = await rpc.block(height);
    const response = await loadBlockResults(store, height);
    if (response === undefined) throw new CometError({ code: "COMETBFT_RESULTS_MISSING", height });
    const before = state ?? (await bootstrap(block));
    const blockBytes = encodeBlock(block);
    const blockId: BlockId = { hash: hashHeader(block.header), partSetHeader: partSetHeaderOf(blockBytes) };
    const verdict = equalBlockIds(blockId, commit.blockId)
      ? checkAgainst(before, block)
      : rejected("BLOCK_ID", "the block is not the one that was decided");
    if (!verdict.accepted)
      throw new CometError({ code: "COMETBFT_BLOCK_REFUSED", height, checkCode: verdict.code, reason: verdict.reason });
    const after = stateAfter(before, block, blockId, response);
    await ledger.saveHeight({
      block,
      blockBytes,
      blockId,
      seenCommit: commit,
      response,
      stateBefore: before,
      stateAfter: after,
      appWrites: [],
      committedEvidence: committedEvidenceOf(block),
    });
    state = after;
    await ports.onBlock({ block, blockId, commit, response, stateAfter: after }, blockBytes.length);
  }

  /** The chain before the first block after a snapshot; what CometBFT does not keep of the time before is left out. */
  async function bootstrap({ header }: Block): Promise<ChainState> {
    const [validators, nextValidators] = await Promise.all([
      rpc.validators(header.height),
      rpc.validators(header.height + 1),
    ]);
    const before: ChainState = {
      chainId: genesis.chainId,
      initialHeight: genesis.initialHeight,
      lastBlockHeight: header.height - 1,
      lastBlockId: header.lastBlockId,
      lastBlockTime: ZERO_TIME,
      lastValidators: undefined,
      validators: setOf(validators),
      nextValidators: setOf(nextValidators),
      lastHeightValidatorsChanged: header.height,
      consensusParams: genesis.consensusParams,
      lastResultsHash: header.lastResultsHash,
      appHash: header.appHash,
    };
    await ledger.saveGenesis(before, []);
    return before;
  }

  /** Undefined: there is none yet. */
  async function nextHeight(): Promise<number | undefined> {
    if (ledger.blocks.height() > 0) return ledger.blocks.height() + 1;
    if (state !== undefined) return genesis.initialHeight;
    // The application's state came as a snapshot: the chain begins with the oldest block CometBFT has.
    const { earliestHeight } = await rpc.status();
    return earliestHeight === 0 ? undefined : earliestHeight;
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const next = ports.committedHeight() === 0 ? undefined : await nextHeight();
        if (next === undefined || next > ports.committedHeight()) {
          await wakeUp.promise;
          wakeUp = Promise.withResolvers<void>();
        } else await copyBlock(next);
      } catch (error) {
        if (!(error instanceof CometError) || error.details.code !== "COMETBFT_RPC_FAILED") throw error;
        log.debug({ err: error.message }, "CometBFT cannot give the next block yet");
        await delay(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }

  const following = follow().catch((error) => ports.onFatal(error));
  return {
    state: () => state,
    setState(next) {
      state = next;
    },
    wake: () => wakeUp.resolve(),
    async stop() {
      stopping.abort();
      wakeUp.resolve();
      await following;
    },
  };
}

/** The engine's rules; after a snapshot only that the set of this height signed, because the set of the height before is not known. */
function checkAgainst(before: ChainState, block: Block): Verdict {
  if (before.lastValidators === undefined && before.lastBlockHeight > 0) {
    const isOfSet = Buffer.compare(block.header.validatorsHash, hashValidatorSet(before.validators)) === 0;
    return isOfSet ? ACCEPTED : rejected("BLOCK_VALIDATORS_HASH", "another validator set");
  }
  const verdict = checkBlock(block, before);
  if (verdict.accepted || verdict.code !== "BLOCK_TIME") return verdict;
  // Up to 0.39 nil votes count for a block's time, from 0.40 on they do not (#5901), and the version CometBFT reports of itself is not reliable.
  return checkBlock(block, before, { countNil: true });
}

/** Who proposes is not asked of this set: CometBFT does that. */
function setOf(validators: readonly Validator[]): ValidatorSet {
  const [proposer] = validators;
  if (proposer === undefined)
    throw new CometError({ code: "COMETBFT_RPC_FAILED", method: "validators", reason: "none" });
  return { validators, proposer, totalVotingPower: validators.reduce((sum, each) => sum + each.votingPower, 0n) };
}
