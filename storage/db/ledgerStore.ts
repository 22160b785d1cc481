import { txId } from "../types/block.ts";
import { type AppStateWrite, appStateOperations } from "./appState.ts";
import { blockIndexOperations, pruneBlockIndexOperations } from "./blockIndex.ts";
import { type BlockResults, blockResultsOperation, pruneBlockResultsOperations } from "./blockResults.ts";
import { type BlockStore, MAX_PRUNED_BLOCKS, openBlockStore, type SavedBlock } from "./blockStore.ts";
import { type ChainState, chainStateOperations } from "./chainState.ts";
import {
  type CommittedEvidence,
  committedEvidenceOperations,
  pruneCommittedEvidenceOperations,
} from "./committedEvidence.ts";
import { commitHeight, type Store, type StoreOperation } from "./store.ts";
import { indexOperations, pruneIndexOperations } from "./txIndex.ts";
import { pruneValidatorsOperations } from "./validatorHistory.ts";

/** Index entries removed by one `prune`. */
const MAX_PRUNED_TXS = 10_000;

/** Everything that one committed height changes (the engine's HeightRecord). */
export interface SavedHeight extends SavedBlock {
  readonly response: BlockResults;
  readonly stateBefore: ChainState;
  readonly stateAfter: ChainState;
  readonly appWrites: readonly AppStateWrite[];
  readonly committedEvidence: readonly CommittedEvidence[];
}

/** What a node forgets: everything of a height below the number, 0 forgets nothing. */
export interface Retention {
  /** Blocks; transactions, evidence and headers go with them. */
  readonly blocksFrom: number;
  /** Index entries: what `findTx…` finds. */
  readonly indexFrom: number;
  /** Results, events and validator sets of a height. */
  readonly resultsFrom: number;
  /** Headers and commits of removed blocks stay, for light nodes. */
  readonly keepHeaders: boolean;
}

/** The chain in one Store: a height goes in as one batch that is on disk or not there at all. */
export interface LedgerStore {
  readonly blocks: BlockStore;
  /** The chain as genesis makes it. */
  saveGenesis(state: ChainState, appWrites: readonly AppStateWrite[]): Promise<void>;
  /** @throws BlockStoreError BLOCK_NOT_NEXT; StoreError, after which the node must stop */
  saveHeight(saved: SavedHeight): Promise<void>;
  /** A part of what retention allows, so that no block waits long for it; the number of operations, 0 when there is nothing left to do. */
  prune(retention: Retention): Promise<number>;
}

/** Calls that write must not overlap. */
export async function openLedgerStore(store: Store): Promise<LedgerStore> {
  const blocks = await openBlockStore(store);

  return {
    blocks,

    async saveGenesis(state, appWrites) {
      await commitHeight(store, [...chainStateOperations(state, undefined), ...appStateOperations(appWrites)]);
    },

    async saveHeight(saved) {
      const { height } = saved.block.header;
      const txs = saved.block.txs.map((tx, index) => ({
        txId: txId(tx),
        events: saved.response.txResults[index]?.events ?? [],
      }));
      await commitHeight(store, [
        ...blocks.blockOperations(saved),
        blockResultsOperation(height, saved.response),
        ...chainStateOperations(saved.stateAfter, saved.stateBefore),
        ...appStateOperations(saved.appWrites),
        ...indexOperations(height, txs),
        ...blockIndexOperations(height, saved.response.events),
        ...committedEvidenceOperations(saved.committedEvidence),
      ]);
      await blocks.reload();
    },

    async prune({ blocksFrom, indexFrom, resultsFrom, keepHeaders }) {
      const operations: readonly StoreOperation[] = [
        ...(await blocks.pruneOperations({ retainHeight: blocksFrom, keepHeaders })),
        ...(await pruneIndexOperations(store, indexFrom, MAX_PRUNED_TXS)),
        ...(await pruneBlockIndexOperations(store, indexFrom, MAX_PRUNED_BLOCKS)),
        ...(await pruneBlockResultsOperations(store, resultsFrom, MAX_PRUNED_BLOCKS)),
        ...(await pruneValidatorsOperations(store, resultsFrom, MAX_PRUNED_BLOCKS)),
        ...(await pruneCommittedEvidenceOperations(store, blocksFrom)),
      ];
      // Pruning needs no sync: what a crash brings back is pruned again.
      if (operations.length > 0) await store.batch(operations, { sync: false });
      await blocks.reload();
      return operations.length;
    },
  };
}
