import type { AssetState, RecordedOutput } from "./assetState.ts";
import type { AssetFacts } from "./assetTransaction.ts";
import { recordedOutput } from "./validateTransaction.ts";

/** What is known of transactions, in memory: for the memory store and for tests. */
export interface MemoryAssetState extends AssetState {
  /** Records a valid transaction. */
  apply(transaction: AssetFacts): void;
}

export function createMemoryAssetState(): MemoryAssetState {
  const assetIds = new Map<string, string>();
  const outputs = new Map<string, RecordedOutput>();
  return {
    assetIdOf: (transactionId) => assetIds.get(transactionId),
    output: (transactionId, outputIndex) => outputs.get(`${transactionId}/${outputIndex}`),
    apply(transaction) {
      const { id, assetId, inputs } = transaction;
      assetIds.set(id, assetId);
      for (const [index, output] of transaction.outputs.entries())
        outputs.set(`${id}/${index}`, recordedOutput(output));
      for (const { fulfills } of inputs) {
        if (fulfills === undefined) continue;
        const key = `${fulfills.transactionId}/${fulfills.outputIndex}`;
        const spent = outputs.get(key);
        if (spent !== undefined) outputs.set(key, { ...spent, spentBy: id });
      }
    },
  };
}
