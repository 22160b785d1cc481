import type { PlanChain } from "#bridge/anchorPlan.ts";
import type { LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import { loadBlockResults } from "#storage/db/blockResults.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import type { Store } from "#storage/db/store.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { hashHeader } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { bridgeSets, type RecordQuery } from "./ledgerBridge.ts";

/** The node's own chain as plans read it. */
export function planChain(
  { initialHeight }: Genesis,
  store: Store,
  blocks: BlockStore,
  app: LedgerApplication,
  record: RecordQuery,
): PlanChain {
  return {
    initialHeight,
    // A block is kept a moment before it is executed: which bridge set it makes is known only then.
    height: () => Math.min(blocks.height(), app.info().lastBlockHeight),
    async timeMs(height) {
      const header = height === 0 ? undefined : await blocks.loadHeader(height);
      return header && timestampToMs(header.time);
    },
    async block(height) {
      const [block, results] = await Promise.all([blocks.loadBlock(height), loadBlockResults(store, height)]);
      const hash = block && hashHeader(block.header);
      if (block === undefined || results === undefined || hash === undefined) return undefined;
      return { header: block.header, txs: block.txs, results: results.txResults, hash };
    },
    set: bridgeSets(record),
  };
}
