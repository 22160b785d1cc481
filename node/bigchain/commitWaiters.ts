import { MAX_COMMIT_WAITERS } from "./limits.ts";
import type { BigchainDecision } from "./ports.ts";

export interface BigchainWaiters {
  /**
   * Begin before the transaction is handed on; the time runs from then. Undefined when it is over, or when the node stops; `cancel` ends it sooner. Without a
   * place to wait the whole is undefined.
   */
  wait(
    id: string,
    timeoutMs: number,
  ): { readonly decided: Promise<BigchainDecision | undefined>; cancel(): void } | undefined;
  note(decision: BigchainDecision): void;
  close(): void;
}

/** Requests with mode=commit, until their transaction is in a block. */
export function createBigchainWaiters(maxWaiters = MAX_COMMIT_WAITERS): BigchainWaiters {
  const byId = new Map<string, Set<(decision: BigchainDecision | undefined) => void>>();
  let waiting = 0;
  return {
    wait(id, timeoutMs) {
      if (waiting >= maxWaiters) return undefined;
      waiting += 1;
      const { promise, resolve } = Promise.withResolvers<BigchainDecision | undefined>();
      const others = byId.get(id) ?? new Set();
      const settle = (decision: BigchainDecision | undefined) => {
        clearTimeout(timer);
        if (!others.delete(settle)) return;
        if (others.size === 0 && byId.get(id) === others) byId.delete(id);
        waiting -= 1;
        resolve(decision);
      };
      const timer = setTimeout(() => settle(undefined), timeoutMs);
      byId.set(id, others.add(settle));
      return { decided: promise, cancel: () => settle(undefined) };
    },
    note(decision) {
      for (const settle of [...(byId.get(decision.id) ?? [])]) settle(decision);
    },
    close() {
      for (const settles of [...byId.values()]) for (const settle of [...settles]) settle(undefined);
    },
  };
}
