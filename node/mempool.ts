import { hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createMempoolLock } from "./mempoolLock.ts";
import type { Mempool, MempoolOptions, MempoolPorts, TxSource, TxVerdict } from "./mempoolTypes.ts";
import { createLruCache } from "./verifierCache.ts";

/** Transactions checked in one go: about 5 ms, then the event loop gets its turn. */
const CHECKS_PER_TURN = 256;

interface Entry {
  readonly tx: Uint8Array;
  readonly sender: string | undefined;
  /** The height after which it was last found valid; after a block only checked entries may be proposed. */
  checkedHeight: number;
}

interface Candidate {
  readonly index: number;
  readonly id: string;
  readonly tx: Uint8Array;
}

/**
 * The transactions that wait for a block, in order of arrival (CometBFT's list mempool). Per node, so that its content may
 * differ; what a block may hold is the application's business.
 */
export function createMempool(options: MempoolOptions, ports: MempoolPorts): Mempool {
  const entries = new Map<string, Entry>();
  const pending = new Set<string>();
  const seen = createLruCache<true>(options.cacheSize);
  const perSender = new Map<string, number>();
  const counts = { added: 0, known: 0, rejected: 0, full: 0, committed: 0, evicted: 0 };
  const lock = createMempoolLock();
  let waiters: (() => void)[] = [];
  let bytes = 0;
  let pendingBytes = 0;
  let height = 0;

  /** What can be said before any signature is checked. Room is reserved, so that a flood cannot pile up in the workers. */
  const screen = (tx: Uint8Array, id: string): TxVerdict | undefined => {
    if (entries.has(id) || pending.has(id) || seen.has(id)) {
      counts.known += 1;
      return { added: false, code: "TX_KNOWN" };
    }
    const txs = entries.size + pending.size;
    if (txs >= options.maxTxs || bytes + pendingBytes + tx.length > options.maxBytes) {
      counts.full += 1;
      return { added: false, code: "MEMPOOL_FULL", txs, bytes: bytes + pendingBytes };
    }
    pending.add(id);
    pendingBytes += tx.length;
    return undefined;
  };

  /** The application's word on one transaction that passed the screen. */
  const judge = (id: string, tx: Uint8Array): TxVerdict => {
    const sender = ports.senderOf?.(tx);
    const ofSender = sender === undefined ? 0 : (perSender.get(sender) ?? 0);
    if (sender !== undefined && ofSender >= (options.maxPerSender ?? Number.POSITIVE_INFINITY)) {
      counts.full += 1;
      return { added: false, code: "SENDER_FULL", sender, txs: ofSender };
    }
    const response = ports.checkTx({ tx, type: "new" });
    if (response.code !== 0) {
      // Not remembered as seen: what is invalid now may be valid after the next block, or after the transaction before it.
      counts.rejected += 1;
      return { added: false, code: "TX_REJECTED", response };
    }
    entries.set(id, { tx, sender, checkedHeight: height });
    seen.set(id, true);
    bytes += tx.length;
    if (sender !== undefined) perSender.set(sender, ofSender + 1);
    counts.added += 1;
    return { added: true };
  };

  const remove = (id: string, entry: Entry) => {
    entries.delete(id);
    bytes -= entry.tx.length;
    if (entry.sender === undefined) return;
    const left = (perSender.get(entry.sender) ?? 1) - 1;
    if (left > 0) perSender.set(entry.sender, left);
    else perSender.delete(entry.sender);
  };

  const announce = (txs: readonly Uint8Array[], source: TxSource) => {
    if (txs.length === 0) return;
    ports.onAdded?.(txs, source);
    for (const resolve of waiters.splice(0)) resolve();
  };

  const release = (candidates: readonly Candidate[]) => {
    for (const { id, tx } of candidates) {
      pending.delete(id);
      pendingBytes -= tx.length;
    }
  };

  return {
    get stats() {
      return { txs: entries.size, bytes, pending: pending.size, ...counts };
    },

    async addBatch(txs, source = {}) {
      const verdicts: (TxVerdict | undefined)[] = [];
      const candidates: Candidate[] = [];
      for (const [index, tx] of txs.entries()) {
        if (tx.length > options.maxTxBytes) {
          verdicts.push({ added: false, code: "TX_TOO_LARGE", bytes: tx.length, maxBytes: options.maxTxBytes });
          continue;
        }
        const id = hash("sha256", tx, "hex");
        const verdict = screen(tx, id);
        verdicts.push(verdict);
        if (verdict === undefined) candidates.push({ index, id, tx });
      }
      if (candidates.length === 0) return verdicts as TxVerdict[];
      // The turn is drawn now and used when the signatures are done: batches verify side by side and enter in order of arrival.
      const turn = lock.draw();
      try {
        await ports.prepareVerification(candidates.map(({ tx }) => tx)).catch(() => undefined);
        await turn.begin();
        for (let start = 0; start < candidates.length; start += CHECKS_PER_TURN) {
          if (start > 0) {
            await nextTurn();
            await lock.open();
          }
          const added: Uint8Array[] = [];
          for (const { index, id, tx } of candidates.slice(start, start + CHECKS_PER_TURN)) {
            const verdict = judge(id, tx);
            verdicts[index] = verdict;
            if (verdict.added) added.push(tx);
          }
          announce(added, source);
        }
      } finally {
        release(candidates);
        turn.end();
      }
      return verdicts as TxVerdict[];
    },

    has: (txIdHex) => entries.has(txIdHex),

    reap(maxBytes, maxTxs = Number.POSITIVE_INFINITY) {
      const reaped: Uint8Array[] = [];
      let size = 0;
      for (const { tx, checkedHeight } of entries.values()) {
        size += blockDataBytes(tx);
        if (checkedHeight !== height || reaped.length >= maxTxs || size > maxBytes) break;
        reaped.push(tx);
      }
      return reaped;
    },

    lock: () => lock.close(),
    unlock: () => lock.reopen(),

    async update(newHeight, committed) {
      lock.close();
      try {
        height = newHeight;
        for (const tx of committed) {
          const id = hash("sha256", tx, "hex");
          seen.set(id, true);
          const entry = entries.get(id);
          if (entry === undefined) continue;
          remove(id, entry);
          counts.committed += 1;
        }
        let checked = 0;
        for (const [id, entry] of entries) {
          if (checked > 0 && checked % CHECKS_PER_TURN === 0) await nextTurn();
          checked += 1;
          if (ports.checkTx({ tx: entry.tx, type: "recheck" }).code === 0) {
            entry.checkedHeight = newHeight;
          } else {
            remove(id, entry);
            seen.delete(id);
            counts.evicted += 1;
          }
        }
      } finally {
        lock.reopen();
      }
      if (entries.size > 0) for (const resolve of waiters.splice(0)) resolve();
    },

    async waitForTxs(signal) {
      signal?.throwIfAborted();
      if (entries.size > 0) return;
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => {
          waiters = waiters.filter((waiter) => waiter !== done);
          reject(signal?.reason);
        };
        const done = () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        waiters.push(done);
      });
    },
  };
}

/** Bytes a transaction takes in a block's data: field tag, length, content (CometBFT types.ComputeProtoSizeForTxs). */
export function blockDataBytes(tx: Uint8Array): number {
  let lengthBytes = 1;
  for (let rest = tx.length; rest > 0x7f; rest >>>= 7) lengthBytes += 1;
  return 1 + lengthBytes + tx.length;
}
