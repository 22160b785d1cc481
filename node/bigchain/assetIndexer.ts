import { type AssetBlock, assetIndexOperations, clearAssetIndex, loadAssetCursor } from "#storage/assets/assetIndex.ts";
import type { AssetCursor } from "#storage/assets/assetIndexRecords.ts";
import type { Json } from "#storage/assets/assetText.ts";
import type { Store } from "#storage/db/store.ts";
import type { BigchainDecision } from "./ports.ts";

/** A BigchainDB transaction that a block has, whether or not it took effect. */
export interface CarriedTransaction {
  readonly id: string;
  /** Its own id for a CREATE. */
  readonly assetId: string;
  readonly json: string;
  /** What `parseWithDigits` makes of it. */
  readonly content?: Json;
  /** 32 bytes: SHA256 of the TxRaw that carries it. */
  readonly ledgerTxId: Uint8Array;
  readonly accepted: boolean;
  /** Why it did not take effect. */
  readonly log: string;
}

export interface CarriedBlock extends Pick<AssetBlock, "height" | "blockHash" | "timeMs"> {
  readonly transactions: readonly CarriedTransaction[];
}

/** The chain, as far as the index needs it. */
export interface ChainPort {
  /** Of the last committed block; 0 before the first. */
  height(): number;
  /** Of the first that is kept. */
  base(): number;
  /** Undefined for one that is not kept. */
  load(height: number): Promise<CarriedBlock | undefined>;
  /** 32 bytes, also of blocks of which only the header is kept; undefined when not even that. */
  blockHash(height: number): Promise<Uint8Array | undefined>;
}

export interface AssetIndexer extends AsyncDisposable {
  /** Of the last block in the index. */
  readonly height: number;
  /** Of the first one: earlier transactions were pruned before this index was made. */
  readonly firstHeight: number;
  /** The chain has grown. */
  onBlock(): void;
  /** Told of every transaction once what can be asked about it is in the index. Answers what ends this. */
  subscribe(listener: (decision: BigchainDecision) => void): () => void;
  /** Told of every block that is in the index now, after its transactions. */
  onHeight(listener: (height: number) => void): () => void;
}

/**
 * Keeps the index behind the chain: what a crash took, or what was committed while the index was off, is read from the blocks again. An index of another chain,
 * or of blocks that this one does not have, is thrown away and made anew. Resolves when the index has the whole chain.
 * @throws StoreError; later ones go to `onFault`, and the index then stays where it is
 */
export async function startAssetIndexer(
  store: Store,
  chain: ChainPort,
  {
    onFault,
    onGap,
  }: { readonly onFault: (error: unknown) => void; readonly onGap: (from: number, to: number) => void },
): Promise<AssetIndexer> {
  const listeners = new Set<(decision: BigchainDecision) => void>();
  const heightListeners = new Set<(height: number) => void>();
  let cursor: AssetCursor | undefined = await loadAssetCursor(store);
  let isStopped = false;
  let running: Promise<void> | undefined;
  let isAwaited = false;

  // Without a cursor there may be what a crash left while the index was thrown away, or an index of an earlier version of this program.
  if (cursor === undefined || !(await isOfChain(cursor, chain))) {
    await clearAssetIndex(store);
    cursor = undefined;
  }

  async function catchUp(): Promise<void> {
    while (!isStopped) {
      const height = Math.max((cursor?.height ?? 0) + 1, chain.base());
      if (height > chain.height()) return;
      const block = await chain.load(height);
      // Pruned while we came: the next look finds a higher base.
      if (block === undefined) {
        if (chain.base() > height) continue;
        throw new Error(`block ${height} is missing`);
      }
      if (cursor !== undefined && height > cursor.height + 1) onGap(cursor.height + 1, height - 1);
      const accepted = block.transactions.filter((tx) => tx.accepted);
      await store.batch(assetIndexOperations({ ...block, transactions: accepted }, cursor), { sync: false });
      cursor = { height, blockHash: block.blockHash, firstHeight: cursor?.firstHeight ?? height };
      for (const { id, assetId, accepted: isAccepted, log, ledgerTxId: carrier } of block.transactions) {
        const ledgerTxId = Buffer.from(carrier).toString("hex");
        for (const listener of listeners) listener({ id, assetId, height, accepted: isAccepted, log, ledgerTxId });
      }
      for (const listener of heightListeners) listener(height);
    }
  }

  function follow(): void {
    if (isStopped) return;
    if (running !== undefined) {
      isAwaited = true;
      return;
    }
    running = catchUp()
      .catch((error: unknown) => {
        isStopped = true;
        onFault(error);
      })
      .finally(() => {
        running = undefined;
        if (!isAwaited) return;
        isAwaited = false;
        follow();
      });
  }

  await catchUp();
  return {
    get height() {
      return cursor?.height ?? 0;
    },
    get firstHeight() {
      return cursor?.firstHeight ?? 0;
    },
    onBlock: follow,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onHeight(listener) {
      heightListeners.add(listener);
      return () => void heightListeners.delete(listener);
    },
    async [Symbol.asyncDispose]() {
      isStopped = true;
      await running;
    },
  };
}

/** A cursor whose block this chain has, or no longer knows. */
async function isOfChain({ height, blockHash }: AssetCursor, chain: ChainPort): Promise<boolean> {
  if (height > chain.height()) return false;
  const known = await chain.blockHash(height);
  return known === undefined || Buffer.compare(known, blockHash) === 0;
}
