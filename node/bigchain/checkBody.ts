import type { AssetQueries } from "#storage/assets/assetQueries.ts";
import type { AssetRules } from "#storage/assets/assetTransaction.ts";
import { type AssetRefusal, refusalText } from "#storage/assets/assetVerdict.ts";
import { type IndexedStateParts, validateAgainstIndex } from "#storage/assets/indexedState.ts";
import { isJsonObject, parseJson } from "#storage/assets/jsonLossless.ts";
import { readAssetTransaction } from "#storage/assets/parseTransaction.ts";
import { MAX_ASSET_TRANSACTION_BYTES } from "#storage/limits.ts";
import type { BigchainVerdict } from "./ports.ts";

/**
 * BigchainDB's word on the body of a POST, against what is committed; `verify` remembers a signature that the mempool asks about next. Undefined for a body that is no JSON in UTF-8.
 * @throws StoreError of the index
 */
export async function checkBody(
  body: Uint8Array,
  queries: AssetQueries,
  rules: AssetRules,
  parts: IndexedStateParts = {},
): Promise<BigchainVerdict | undefined> {
  const parsed = parseJson(body);
  if (!parsed.accepted) return undefined;
  // The real server's own code trips over JSON that is no object.
  if (!isJsonObject(parsed.value)) return { accepted: false, error: "exception" };
  const transaction = readAssetTransaction(parsed.value, parsed.canonical);
  if (!transaction.accepted) return refusalOf(transaction);
  const bytes = Buffer.byteLength(transaction.value.canonical);
  if (bytes > MAX_ASSET_TRANSACTION_BYTES) return { accepted: false, error: "tooLarge" };
  const verdict = await validateAgainstIndex(transaction.value, queries, rules, parts);
  if (!verdict.accepted) return refusalOf(verdict);
  const { id, canonical: json, inputs } = verdict.value;
  const spends = inputs.flatMap(({ fulfills }) =>
    fulfills === undefined ? [] : [`${fulfills.transactionId}/${fulfills.outputIndex}`],
  );
  return { accepted: true, id, json, spends };
}

function refusalOf(refusal: AssetRefusal): BigchainVerdict {
  return { accepted: false, error: refusal.code, message: refusalText(refusal) };
}
