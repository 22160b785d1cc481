import type { NetworkClock } from "./clock.ts";
import { TX_BATCH_DELAY_MS, TX_BATCH_MAX_BYTES, TX_BATCH_MAX_TXS, TX_BATCH_TARGET_BYTES } from "./limits.ts";

export interface TxBatcher {
  add(tx: Uint8Array): void;
  /** Sends what waits, now. */
  flush(): void;
}

/**
 * Collects transactions into batches of 16 to 64 KiB, in their order. A batch leaves when it has reached 16 KiB, when the next
 * transaction would make it larger than 64 KiB, or 5 ms after its first transaction; a larger transaction goes alone.
 */
export function createTxBatcher(clock: NetworkClock, send: (txs: readonly Uint8Array[]) => void): TxBatcher {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let cancel: (() => void) | undefined;

  const flush = () => {
    cancel?.();
    cancel = undefined;
    if (waiting.length === 0) return;
    const txs = waiting;
    waiting = [];
    bytes = 0;
    send(txs);
  };

  return {
    flush,
    add(tx) {
      if (bytes + tx.length > TX_BATCH_MAX_BYTES) flush();
      waiting.push(tx);
      bytes += tx.length;
      if (bytes >= TX_BATCH_TARGET_BYTES || waiting.length >= TX_BATCH_MAX_TXS) flush();
      else cancel ??= clock.schedule(TX_BATCH_DELAY_MS, flush);
    },
  };
}
