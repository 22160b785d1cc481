import { OPTIONAL_INT, TRANSACTION } from "../argumentKinds.ts";
import { base64, int64 } from "../cometJson/primitives.ts";
import { checkTxJson } from "../cometJson/results.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { pageSizeOf } from "./pages.ts";

/** What waits for a block, and what would (rpc/core/mempool.go). */
export function mempoolMethods({ mempool, application }: RpcPorts): Methods {
  const size = () => {
    const { txs, bytes } = mempool.stats();
    return { total: int64(txs), total_bytes: int64(bytes) };
  };
  return {
    unconfirmed_txs: method({ limit: OPTIONAL_INT }, ({ limit }) => {
      const txs = mempool.first(pageSizeOf(limit));
      return { n_txs: int64(txs.length), ...size(), txs: txs.map(base64) };
    }),

    num_unconfirmed_txs: method({}, () => {
      const { total, total_bytes } = size();
      return { n_txs: total, total, total_bytes, txs: null };
    }),

    // CometBFT's lets the application believe that the transaction waits now; ours leaves no trace.
    check_tx: method({ tx: TRANSACTION }, ({ tx }) => checkTxJson(application.checkTx(tx))),
  };
}
