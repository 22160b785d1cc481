import type { Logger } from "pino";
import type { CometRpc } from "./cometRpc.ts";

/** Keeps CometBFT, which makes no empty blocks, aware that transactions wait. */
export interface Waker {
  /** One of the transactions that wait; undefined when there is none. */
  wake(tx: Uint8Array | undefined): void;
}

/**
 * One transaction in CometBFT's mempool is enough for it to begin a height: what the block holds comes out of our mempool, in PrepareProposal. So at most
 * one is on its way; what CometBFT refuses is not repeated here, because the next block, and the next second, bring the next one.
 */
export function createWaker(rpc: Pick<CometRpc, "broadcastTx">, log: Logger): Waker {
  let isSending = false;
  return {
    wake(tx) {
      if (tx === undefined || isSending) return;
      isSending = true;
      rpc
        .broadcastTx(tx)
        .catch((error) => log.debug({ err: (error as Error).message }, "CometBFT did not take a transaction"))
        .finally(() => {
          isSending = false;
        });
    },
  };
}
