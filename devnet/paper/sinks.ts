import type { AssetStore } from "#storage/assets/assetStore.ts";
import { txId } from "#storage/types/block.ts";
import type { LedgerTarget } from "../bench/ledgerTarget.ts";
import type { Update, UpdateSink } from "./offerUpdates.ts";

/** Sealed intervals in one request over libp2p, as a light node sends them; a validator answers 50 requests a second. */
const SEAL_BATCH = 64;
const SEAL_PAUSE_MS = 40;
const LOOK_MS = 50;

/** HTTP requests to a node at once. */
const ASSET_REQUESTS = 25;

/** The ledger's own transactions: handed over in batches to their validator, found again in the first validator's blocks. */
export async function ledgerSink(target: LedgerTarget, lanes: number): Promise<UpdateSink> {
  const from = (await target.height()) + 1;
  return {
    lanes,
    batch: SEAL_BATCH,
    parallel: 1,
    pauseMs: SEAL_PAUSE_MS,
    submit: (lane, updates) =>
      target.submit(
        lane,
        updates.map(({ bytes }) => bytes),
      ),
    async follow(onFinal, signal) {
      for (let height = from; !signal.aborted; ) {
        const blocks = await target.blocks(height);
        height += blocks.length;
        onFinal(blocks.flat().map(ledgerName));
        if (blocks.length === 0) await target.arrival(LOOK_MS);
      }
    },
  };
}

/** By which the updates of `ledgerSink` go. */
export function ledgerName(tx: Uint8Array): string {
  return Buffer.from(txId(tx)).toString("latin1");
}

/** BigchainDB transactions, `mode=sync`, each a request of its own: BigchainDB takes no batches. Final when the event stream of the same server tells it. */
export function assetSink(stores: readonly AssetStore[]): UpdateSink {
  const textOf = ({ bytes }: Update): string => Buffer.from(bytes).toString("utf8");
  return {
    lanes: stores.length,
    batch: 1,
    parallel: ASSET_REQUESTS,
    pauseMs: 0,
    async submit(lane, updates) {
      const store = stores[lane];
      if (store === undefined) throw new RangeError(`no lane ${lane}`);
      const results = await Promise.all(updates.map((update) => store.submit(textOf(update), "sync")));
      return results.filter(({ accepted }) => !accepted).length;
    },
    async follow(onFinal, signal) {
      await Promise.all(
        stores.map(async (store, lane) => {
          for await (const { transactionId } of store.committed(signal)) onFinal([transactionId], lane);
        }),
      );
    },
  };
}
