import { loadBlockResults } from "#storage/db/blockResults.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import { loadConsensusParams } from "#storage/db/chainState.ts";
import { scanBlocks, scanTxPositions, scanTxs } from "#storage/db/indexScan.ts";
import type { Store } from "#storage/db/store.ts";
import { findTx } from "#storage/db/txIndex.ts";
import { loadValidators } from "#storage/db/validatorHistory.ts";
import type { ChainPort, IndexPort } from "./ports.ts";

/** The chain and its index out of a ledger store (storage/db/ledgerStore.ts). */
export function storePorts(store: Store, blocks: BlockStore): { readonly chain: ChainPort; readonly index: IndexPort } {
  return {
    chain: {
      headerBase: () => blocks.headerBase(),
      base: () => blocks.base(),
      height: () => blocks.height(),
      block: (height) => blocks.loadBlock(height),
      meta: (height) => blocks.loadMeta(height),
      heightOfHash: (hash) => blocks.loadHeightByHash(hash),
      commit: (height) => blocks.loadProvingCommit(height),
      results: (height) => loadBlockResults(store, height),
      validators: (height) => loadValidators(store, height),
      consensusParams: (height) => loadConsensusParams(store, height),
    },
    index: {
      findTx: (txId) => findTx(store, txId),
      scanTxs: (attribute, heights) => scanTxs(store, attribute, heights),
      scanBlocks: (attribute, heights) => scanBlocks(store, attribute, heights),
      scanPositions: (heights) => scanTxPositions(store, heights),
    },
  };
}
