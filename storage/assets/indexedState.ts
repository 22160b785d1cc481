import type { AssetQueries } from "./assetQueries.ts";
import type { AssetState, RecordedOutput } from "./assetState.ts";
import type { AssetRules, AssetTransaction } from "./assetTransaction.ts";
import { type AssetVerdict, accept } from "./assetVerdict.ts";
import type { Ed25519Verify } from "./fulfillment.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { recordedOutput, signaturesHold, validateStateful, validateStateless } from "./validateTransaction.ts";

export interface IndexedStateParts {
  readonly verify?: Ed25519Verify | undefined;
  /**
   * The ledger's own state, in memory: it knows every asset, and every output but those that were spent long ago. The index, which knows all, is asked where it
   * knows nothing.
   */
  readonly committed?: AssetState | undefined;
}

/**
 * All rules of a transaction against what is committed: those of the transaction by itself, then those of its inputs. Total, but for the index.
 * @throws StoreError
 */
export async function validateAgainstIndex(
  transaction: AssetTransaction,
  queries: AssetQueries,
  rules: AssetRules,
  { verify, committed }: IndexedStateParts = {},
): Promise<AssetVerdict<AssetTransaction>> {
  const stateless = validateStateless(transaction, rules);
  if (stateless !== undefined) return stateless;
  const state = isKnown(transaction, committed) ? committed : await loadAssetState(transaction, queries);
  return validateStateful(transaction, state, rules, signaturesHold(transaction, verify)) ?? accept(transaction);
}

/** Whether the ledger's state has the answer to everything that the rules will ask. */
function isKnown({ operation, inputs }: AssetTransaction, state: AssetState | undefined): state is AssetState {
  if (state === undefined) return false;
  if (operation === "CREATE") return true;
  return inputs.every(
    ({ fulfills }) =>
      fulfills !== undefined && state.output(fulfills.transactionId, fulfills.outputIndex) !== undefined,
  );
}

/** What the rules ask about one transaction's inputs and its own id, read beforehand: rules do not wait. */
async function loadAssetState({ id, inputs }: AssetTransaction, queries: AssetQueries): Promise<AssetState> {
  const assets = new Map<string, string>();
  const outputs = new Map<string, RecordedOutput>();
  const known = new Map<string, AssetTransaction>();
  const links = inputs.flatMap(({ fulfills }) => (fulfills === undefined ? [] : [fulfills]));
  for (const transactionId of new Set([id, ...links.map((link) => link.transactionId)])) {
    const committed = await queries.transaction(transactionId);
    if (committed === undefined) continue;
    const parsed = parseAssetTransaction(committed.json, Number.POSITIVE_INFINITY);
    if (!parsed.accepted) throw new Error(`the index has a transaction that is none: ${transactionId}`);
    known.set(transactionId, parsed.value);
    assets.set(transactionId, parsed.value.assetId);
  }
  for (const { transactionId, outputIndex } of links) {
    const output = known.get(transactionId)?.outputs[outputIndex];
    if (output === undefined) continue;
    const spentBy = await queries.spenderOf({ transactionId, outputIndex });
    outputs.set(`${transactionId}/${outputIndex}`, { ...recordedOutput(output), spentBy });
  }
  return {
    assetIdOf: (transactionId) => assets.get(transactionId),
    output: (transactionId, outputIndex) => outputs.get(`${transactionId}/${outputIndex}`),
  };
}
