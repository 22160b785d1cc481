import { apiError } from "./errors.ts";
import type { NodeEvent } from "./ports.ts";

/** Requests that may wait for a block at once. */
export const MAX_COMMIT_WAITERS = 4096;

export type DecidedTransaction = Extract<NodeEvent, { type: "tx" }>;

export interface CommitWaiters {
  /**
   * Starts waiting for a transaction, before it is submitted so that no event is missed. `decided` rejects with COMMIT_TIMEOUT.
   * @throws ApiError TOO_MANY_CLIENTS
   */
  readonly wait: (txIdHex: string) => { readonly decided: Promise<DecidedTransaction>; readonly cancel: () => void };
  readonly decide: (event: DecidedTransaction) => void;
  readonly close: () => void;
}

interface Waiter {
  readonly settle: (event: DecidedTransaction | "late" | "closed") => void;
}

export function createCommitWaiters(options: {
  readonly timeoutMs: number;
  readonly maxWaiters?: number;
}): CommitWaiters {
  const { timeoutMs, maxWaiters = MAX_COMMIT_WAITERS } = options;
  const waiting = new Map<string, Set<Waiter>>();
  let count = 0;
  return {
    wait(txIdHex) {
      if (count >= maxWaiters) throw apiError("TOO_MANY_CLIENTS", `${count} requests are waiting for a block already`);
      count++;
      const { promise, resolve, reject } = Promise.withResolvers<DecidedTransaction>();
      // Submitting may take longer than the wait; the rejection is then handled later, by whoever awaits `decided`.
      promise.catch(() => undefined);
      const end = () => {
        clearTimeout(timer);
        const set = waiting.get(txIdHex);
        if (!set?.delete(waiter)) return false;
        if (set.size === 0) waiting.delete(txIdHex);
        count--;
        return true;
      };
      const waiter: Waiter = {
        settle: (event) => {
          if (!end()) return;
          if (event === "closed") reject(apiError("NOT_READY", "the node is stopping", { txId: txIdHex }));
          else if (event === "late")
            reject(apiError("COMMIT_TIMEOUT", `not in a block after ${timeoutMs} ms`, { txId: txIdHex }));
          else resolve(event);
        },
      };
      const timer = setTimeout(() => waiter.settle("late"), timeoutMs);
      const set = waiting.get(txIdHex) ?? new Set();
      waiting.set(txIdHex, set.add(waiter));
      return { decided: promise, cancel: () => void end() };
    },
    decide(event) {
      if (count === 0) return;
      const set = waiting.get(Buffer.from(event.txId).toString("hex"));
      for (const waiter of [...(set ?? [])]) waiter.settle(event);
    },
    close() {
      for (const set of [...waiting.values()]) for (const waiter of [...set]) waiter.settle("closed");
    },
  };
}
