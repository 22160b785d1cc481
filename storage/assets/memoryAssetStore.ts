import { sha256 } from "../crypto/hash.ts";
import { createMemoryStore } from "../db/memoryStore.ts";
import { assetIndexOperations, loadAssetCursor } from "./assetIndex.ts";
import { type AssetQueries, createAssetQueries } from "./assetQueries.ts";
import type { AssetStore, CommittedAsset } from "./assetStore.ts";
import type { AssetRules, AssetTransaction } from "./assetTransaction.ts";
import { refusalText } from "./assetVerdict.ts";
import { validateAgainstIndex } from "./indexedState.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";

export interface MemoryAssetStore extends AssetStore {
  readonly queries: AssetQueries;
  /** Of the last block. */
  readonly height: () => number;
  /** Told of every committed transaction. Answers what ends this. */
  readonly subscribe: (listener: (committed: CommittedAsset) => void) => () => void;
  /** Makes a block of transactions that have been found valid. */
  readonly commit: (transactions: readonly AssetTransaction[]) => Promise<void>;
}

/**
 * BigchainDB in memory, for tests and for trying things out: all of its rules, and a block for every accepted transaction, so that all modes are the same.
 * `nowMs`: the times of blocks.
 */
export function createMemoryAssetStore({
  rules = "strict",
  nowMs,
}: {
  readonly rules?: AssetRules;
  readonly nowMs: () => number;
}): MemoryAssetStore {
  const store = createMemoryStore();
  const queries = createAssetQueries(store);
  const listeners = new Set<(committed: CommittedAsset) => void>();
  let height = 0;
  // One transaction after another: each is checked against all that were accepted before.
  let turn: Promise<unknown> = Promise.resolve();

  async function commit(transactions: readonly AssetTransaction[]): Promise<void> {
    height += 1;
    const block = {
      height,
      blockHash: sha256(Buffer.from(`${height}`)),
      timeMs: nowMs(),
      transactions: transactions.map(({ id, canonical }) => ({
        id,
        json: canonical,
        ledgerTxId: sha256(Buffer.from(canonical)),
      })),
    };
    await store.batch(assetIndexOperations(block, await loadAssetCursor(store)), { sync: false });
    for (const { id, assetId } of transactions)
      for (const listener of listeners) listener({ height, assetId, transactionId: id });
  }

  async function submitOne(json: string): ReturnType<AssetStore["submit"]> {
    const parsed = parseAssetTransaction(json);
    const verdict = parsed.accepted ? await validateAgainstIndex(parsed.value, queries, rules) : parsed;
    if (verdict.accepted) {
      await commit([verdict.value]);
      return { accepted: true };
    }
    if (parsed.accepted && (await queries.transaction(parsed.value.id)) !== undefined) return { accepted: true };
    return { accepted: false, error: verdict.code, message: refusalText(verdict), temporary: false };
  }

  return {
    queries,
    height: () => height,
    commit,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

    submit(json) {
      const done = turn.then(() => submitOne(json));
      turn = done.catch(() => undefined);
      return done;
    },

    transaction: async (id) => (await queries.transaction(id))?.json,

    async outputs(publicKey, spent) {
      const found = await listOf(queries.outputsOf(publicKey, { spent }));
      return found.map(({ transactionId, outputIndex }) => ({ transactionId, outputIndex }));
    },

    async transactionsOf(assetId, options) {
      return (await listOf(queries.transactionsOf(assetId, options))).map(({ json }) => json);
    },

    async search(document, text, limit = Number.POSITIVE_INFINITY) {
      const found = (await listOf(queries.search(document, text))).slice(0, limit);
      return found.map(({ id, json }) => {
        const { asset, metadata } = JSON.parse(json) as { asset: { data: unknown }; metadata: unknown };
        return { id, document: document === "asset" ? asset.data : metadata };
      });
    },

    async *committed(signal) {
      const waiting: CommittedAsset[] = [];
      let wake: (() => void) | undefined;
      const listener = (committed: CommittedAsset) => {
        waiting.push(committed);
        wake?.();
      };
      const stop = () => wake?.();
      listeners.add(listener);
      signal.addEventListener("abort", stop, { once: true });
      try {
        while (!signal.aborted) {
          const next = waiting.shift();
          if (next !== undefined) yield next;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        listeners.delete(listener);
        signal.removeEventListener("abort", stop);
      }
    },

    async [Symbol.asyncDispose]() {
      await turn;
      await store.close();
    },
  };
}

async function listOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
