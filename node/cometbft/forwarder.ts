import type { Logger } from "pino";
import type { CometRpc } from "./cometRpc.ts";

/** Transactions on their way at once: two full requests. */
const MAX_IN_FLIGHT = 400;

/** Hands transactions of this node's mempool to CometBFT, which proposes out of its own. */
export interface Forwarder {
  send(txs: readonly Uint8Array[]): void;
  /** Forgets what waits: CometBFT has begun anew, or stopped. */
  clear(): void;
}

/**
 * What CometBFT refuses is not repeated here: it stays in our mempool, out of which everything is sent again now and then, and CometBFT's cache
 * sorts out what it has.
 */
export function createForwarder(rpc: Pick<CometRpc, "broadcastTx">, log: Logger): Forwarder {
  let waiting: Uint8Array[] = [];
  let inFlight = 0;

  function pump(): void {
    for (const tx of waiting.splice(0, MAX_IN_FLIGHT - inFlight)) {
      inFlight += 1;
      rpc
        .broadcastTx(tx)
        .catch((error) => log.debug({ err: (error as Error).message }, "CometBFT did not take a transaction"))
        .finally(() => {
          inFlight -= 1;
          if (waiting.length > 0 && inFlight <= MAX_IN_FLIGHT / 2) pump();
        });
    }
  }

  return {
    send(txs) {
      waiting = waiting.concat(txs);
      pump();
    },
    clear() {
      waiting = [];
    },
  };
}
