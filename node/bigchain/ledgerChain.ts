import type { CommittedBlock } from "#consensus/engine/ports.ts";
import { parseWithDigits } from "#storage/assets/assetText.ts";
import { type BlockResults, loadBlockResults } from "#storage/db/blockResults.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import type { Store } from "#storage/db/store.ts";
import type { Block } from "#storage/types/block.ts";
import { hashHeader } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { decodeTransaction, txId } from "#storage/types/transaction.ts";
import type { CarriedBlock, CarriedTransaction, ChainPort } from "./assetIndexer.ts";

/** Blocks that were committed a moment ago and are kept for the index; one that is further behind reads them from the disk. */
const MAX_RECENT = 8;

export interface LedgerChain extends ChainPort {
  /** A block that is on disk now, so that it need not be read from there. */
  note(committed: CommittedBlock): void;
}

/** The BigchainDB transactions of the node's own blocks. */
export function ledgerChain(store: Store, blocks: BlockStore): LedgerChain {
  const recent = new Map<number, CommittedBlock>();

  return {
    note(committed) {
      recent.set(committed.block.header.height, committed);
      if (recent.size <= MAX_RECENT) return;
      const oldest = recent.keys().next();
      if (oldest.done !== true) recent.delete(oldest.value);
    },

    height: () => blocks.height(),
    base: () => blocks.base(),

    async load(height) {
      const known = recent.get(height);
      recent.delete(height);
      if (known !== undefined) return carriedBlock(known.block, known.blockId.hash, known.response);
      const [block, results] = await Promise.all([blocks.loadBlock(height), loadBlockResults(store, height)]);
      const blockHash = block === undefined ? undefined : hashHeader(block.header);
      if (block === undefined || results === undefined || blockHash === undefined) return undefined;
      return carriedBlock(block, blockHash, results);
    },

    async blockHash(height) {
      const header = await blocks.loadHeader(height);
      return header && hashHeader(header);
    },
  };
}

function carriedBlock(
  { header, txs }: Block,
  blockHash: Uint8Array,
  { txResults }: Pick<BlockResults, "txResults">,
): CarriedBlock {
  const transactions = txs.flatMap((tx, index) => {
    const result = txResults[index];
    return result === undefined ? [] : carriedBy(tx, result);
  });
  return { height: header.height, blockHash, timeMs: timestampToMs(header.time), transactions };
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
    const read = readOf(json);
    return read === undefined ? [] : [{ ...read, json, ledgerTxId, accepted: code === 0, log }];
  });
}

/** Undefined for what is no transaction: a member may put anything into a block, where it fails. */
function readOf(json: string): Pick<CarriedTransaction, "id" | "assetId" | "content"> | undefined {
  try {
    const content = parseWithDigits(json);
    const { id, operation, asset } = content as {
      readonly id?: unknown;
      readonly operation?: unknown;
      readonly asset?: { readonly id?: unknown };
    };
    if (typeof id !== "string") return undefined;
    const assetId = operation === "TRANSFER" ? asset?.id : id;
    return typeof assetId === "string" ? { id, assetId, content } : undefined;
  } catch {
    return undefined;
  }
}
