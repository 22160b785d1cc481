import type { TxResult } from "#storage/db/blockResults.ts";
import { txId } from "#storage/types/block.ts";
import type { Happening } from "./happenings.ts";

export interface DecidedTx {
  readonly height: number;
  readonly result: TxResult;
}

export interface TxWaiters {
  /** Of all transactions. */
  readonly waiting: number;
  /** Resolves when a block has the transaction; undefined after the time, or when nobody waits any more. Begin before it is sent. */
  wait(
    id: Uint8Array,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<DecidedTx | undefined>;
  /** A block has been committed, perhaps with transactions that are waited for. */
  note(happening: Happening): void;
}

/** Those who wait for their transaction to be in a block. */
export function createTxWaiters(): TxWaiters {
  const byTxId = new Map<string, Set<(decided: DecidedTx | undefined) => void>>();
  let waiting = 0;
  return {
    get waiting() {
      return waiting;
    },

    async wait(id, { timeoutMs, signal }) {
      const key = keyOf(id);
      const { promise, resolve } = Promise.withResolvers<DecidedTx | undefined>();
      const giveUp = () => resolve(undefined);
      const timer = setTimeout(giveUp, timeoutMs);
      signal.addEventListener("abort", giveUp, { once: true });
      const others = byTxId.get(key) ?? new Set();
      byTxId.set(key, others.add(resolve));
      waiting += 1;
      try {
        return signal.aborted ? undefined : await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        others.delete(resolve);
        if (others.size === 0) byTxId.delete(key);
        waiting -= 1;
      }
    },

    note(happening) {
      if (happening.type !== "block" || waiting === 0) return;
      const { block, response } = happening.committed;
      for (const [index, tx] of block.txs.entries()) {
        const result = response.txResults[index];
        if (result === undefined) continue;
        for (const resolve of byTxId.get(keyOf(txId(tx))) ?? []) resolve({ height: block.header.height, result });
      }
    },
  };
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString("latin1");
}
