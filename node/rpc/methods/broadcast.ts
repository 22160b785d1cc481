import { setImmediate as nextTurn } from "node:timers/promises";
import type { CheckTxResponse } from "#consensus/abci.ts";
import { txId } from "#storage/types/block.ts";
import type { TxVerdict } from "../../mempoolTypes.ts";
import { TRANSACTION } from "../argumentKinds.ts";
import { hex, int64 } from "../cometJson/primitives.ts";
import { checkTxJson, EMPTY_TX_RESULT, txResultJson } from "../cometJson/results.ts";
import { BROADCAST_COMMIT_TIMEOUT_MS, MAX_SUBSCRIPTION_CLIENTS } from "../limits.ts";
import { type Methods, method } from "../method.ts";
import type { MempoolPort } from "../ports.ts";
import { methodError } from "../rpcError.ts";
import type { TxWaiters } from "../txWaiters.ts";

const ACCEPTED: CheckTxResponse = { code: 0, codespace: "", log: "", gasWanted: 0n };

/** Transactions on their way into a block (rpc/core/mempool.go). What the application refuses is an answer, what the mempool refuses an error. */
export function broadcastMethods(
  mempool: MempoolPort,
  waiters: TxWaiters,
  commitTimeoutMs = BROADCAST_COMMIT_TIMEOUT_MS,
): Methods {
  /** The application's word. @throws RpcError when the mempool does not ask it */
  function checkOf(verdict: TxVerdict): CheckTxResponse {
    if (verdict.added) return ACCEPTED;
    if (verdict.code === "TX_REJECTED") return verdict.response;
    throw methodError(refusal(verdict, mempool.limits));
  }

  return {
    broadcast_tx_sync: method({ tx: TRANSACTION }, async ({ tx }) =>
      broadcastResult(tx, checkOf(await mempool.add(tx))),
    ),

    broadcast_tx_async: method({ tx: TRANSACTION }, async ({ tx }) => {
      const adding = mempool.add(tx);
      adding.catch(() => undefined);
      // What needs no check of the transaction is known by now; the rest is not waited for.
      const verdict = await Promise.race([adding, nextTurn(undefined)]);
      if (verdict !== undefined && !verdict.added && verdict.code !== "TX_REJECTED") checkOf(verdict);
      return broadcastResult(tx, ACCEPTED);
    }),

    broadcast_tx_commit: method({ tx: TRANSACTION }, async ({ tx }, { signal }) => {
      if (waiters.waiting >= MAX_SUBSCRIPTION_CLIENTS)
        throw methodError(`max_subscription_clients ${MAX_SUBSCRIPTION_CLIENTS} reached`);
      const id = txId(tx);
      const given = new AbortController();
      const decision = waiters.wait(id, {
        timeoutMs: commitTimeoutMs,
        signal: AbortSignal.any([signal, given.signal]),
      });
      try {
        const verdict = await mempool.add(tx);
        if (!verdict.added && verdict.code !== "TX_REJECTED")
          throw methodError(`error on broadcastTxCommit: ${refusal(verdict, mempool.limits)}`);
        const check = checkOf(verdict);
        if (!verdict.added) return commitResult(id, check, { height: 0, result: EMPTY_TX_RESULT });
        const decided = await decision;
        if (decided === undefined) throw methodError("timed out waiting for tx to be included in a block");
        return commitResult(id, check, decided);
      } finally {
        given.abort();
      }
    }),
  };
}

/** `data` stays empty: clients disagree about its encoding. */
function broadcastResult(tx: Uint8Array, { code, log, codespace }: CheckTxResponse): object {
  return { code, data: "", log, codespace, hash: hex(txId(tx)) };
}

function commitResult(
  id: Uint8Array,
  check: CheckTxResponse,
  { height, result }: { readonly height: number; readonly result: typeof EMPTY_TX_RESULT },
): object {
  return { check_tx: checkTxJson(check), tx_result: txResultJson(result), hash: hex(id), height: int64(height) };
}

type Refused = Exclude<TxVerdict, { readonly added: true } | { readonly code: "TX_REJECTED" }>;

/** CometBFT's words (mempool/errors.go). */
function refusal(verdict: Refused, limits: MempoolPort["limits"]): string {
  switch (verdict.code) {
    case "TX_KNOWN":
      return "tx already exists in cache";
    case "TX_TOO_LARGE":
      return `Tx too large. Max size is ${verdict.maxBytes}, but got ${verdict.bytes}`;
    case "MEMPOOL_FULL": {
      const { txs, bytes } = verdict;
      const { maxTxs, maxBytes } = limits;
      return `mempool is full: number of txs ${txs} (max: ${maxTxs}), total txs bytes ${bytes} (max: ${maxBytes})`;
    }
    case "SENDER_FULL":
      return `mempool is full: ${verdict.txs} txs of ${verdict.sender} wait already`;
  }
}
