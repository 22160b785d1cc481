import { sha256 } from "../crypto/hash.ts";
import type { Store } from "../db/store.ts";
import { type AssetBlock, assetIndexOperations, loadAssetCursor } from "./assetIndex.ts";

/** A transaction as the index meets it, for tests of the index alone: nothing of it is checked there. */
export function indexedTx(fields: {
  readonly seed: string;
  readonly assetId?: string;
  readonly owners?: readonly string[];
  readonly spends?: readonly (readonly [id: string, outputIndex: number])[];
  readonly data?: unknown;
  readonly metadata?: unknown;
}): { readonly id: string; readonly ledgerTxId: Uint8Array; readonly json: string } {
  const { seed, assetId, owners = [], spends = [], data = null, metadata = null } = fields;
  const id = idOf(seed);
  const json = JSON.stringify({
    id,
    operation: assetId === undefined ? "CREATE" : "TRANSFER",
    asset: assetId === undefined ? { data } : { id: assetId },
    metadata,
    inputs:
      spends.length === 0
        ? [{ fulfills: null }]
        : spends.map(([transaction_id, output_index]) => ({ fulfills: { transaction_id, output_index } })),
    outputs: owners.map((owner) => ({
      public_keys: [owner],
      condition: { details: { type: "ed25519-sha-256", public_key: owner } },
    })),
  });
  return { id, ledgerTxId: new Uint8Array(sha256(Buffer.from(`ledger ${seed}`))), json };
}

export function idOf(seed: string): string {
  return Buffer.from(sha256(Buffer.from(seed))).toString("hex");
}

export async function indexBlock(
  store: Store,
  height: number,
  transactions: AssetBlock["transactions"],
): Promise<void> {
  const block = { height, blockHash: sha256(Buffer.from(`block ${height}`)), timeMs: height * 1000, transactions };
  await store.batch(assetIndexOperations(block, await loadAssetCursor(store)), { sync: false });
}

export async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
