import { loadBlockResults } from "#storage/db/blockResults.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import type { Store } from "#storage/db/store.ts";
import { hashHeader } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { decodeTransaction, txId } from "#storage/types/transaction.ts";
import type { CarriedTransaction, ChainPort } from "./assetIndexer.ts";

/** The BigchainDB transactions of the node's own blocks. */
export function ledgerChain(store: Store, blocks: BlockStore): ChainPort {
  return {
    height: () => blocks.height(),
    base: () => blocks.base(),

    async load(height) {
      const [block, results] = await Promise.all([blocks.loadBlock(height), loadBlockResults(store, height)]);
      const blockHash = block === undefined ? undefined : hashHeader(block.header);
      if (block === undefined || results === undefined || blockHash === undefined) return undefined;
      const transactions = block.txs.flatMap((tx, index) => {
        const result = results.txResults[index];
        return result === undefined ? [] : carriedBy(tx, result);
      });
      return { height, blockHash, timeMs: timestampToMs(block.header.time), transactions };
    },

    async blockHash(height) {
      const header = await blocks.loadHeader(height);
      return header && hashHeader(header);
    },
  };
}

/** What a transaction of the ledger carries: nothing, or as many BigchainDB transactions as it has messages of that kind. */
export function carriedBy(
  tx: Uint8Array,
  { code, log }: { readonly code: number; readonly log: string },
): readonly CarriedTransaction[] {
  // A look before the whole is decoded: most transactions of the ledger are others.
  if (!Buffer.from(tx.buffer, tx.byteOffset, tx.byteLength).includes("MsgBigchainTransaction", 0, "latin1")) return [];
  const decoded = decodeTransaction(tx);
  if (!decoded.accepted) return [];
  const ledgerTxId = txId(tx);
  return decoded.tx.messages.flatMap((message) => {
    if (message.name !== "MsgBigchainTransaction") return [];
    const json = Buffer.from(message.value.transaction).toString("utf8");
    const named = nameOf(json);
    return named === undefined ? [] : [{ ...named, json, ledgerTxId, accepted: code === 0, log }];
  });
}

/** Undefined for what is no transaction: a member may put anything into a block, where it fails. */
function nameOf(json: string): { readonly id: string; readonly assetId: string } | undefined {
  try {
    const { id, operation, asset } = JSON.parse(json) as {
      readonly id?: unknown;
      readonly operation?: unknown;
      readonly asset?: { readonly id?: unknown };
    };
    if (typeof id !== "string") return undefined;
    const assetId = operation === "TRANSFER" ? asset?.id : id;
    return typeof assetId === "string" ? { id, assetId } : undefined;
  } catch {
    return undefined;
  }
}
