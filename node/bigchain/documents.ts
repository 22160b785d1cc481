import type { CommittedAssetTx } from "#storage/assets/assetIndexRecords.ts";
import { parseWithDigits } from "#storage/assets/assetText.ts";

interface ShownTransaction {
  readonly inputs: unknown;
  readonly outputs: unknown;
  readonly operation: string;
  readonly metadata: unknown;
  readonly asset: { readonly id?: string; readonly data?: unknown };
  readonly version: string;
  readonly id: string;
}

/** A transaction as the real server shows it: its members in this order, numbers as they were signed. */
export function transactionText({ json }: CommittedAssetTx): string {
  const { inputs, outputs, operation, metadata, asset, version, id } = parseWithDigits(json) as ShownTransaction;
  return JSON.stringify({ inputs, outputs, operation, metadata, asset, version, id });
}

/** What a search of assets answers of a CREATE. */
export function assetText({ json }: CommittedAssetTx): string {
  const { asset, id } = parseWithDigits(json) as ShownTransaction;
  return JSON.stringify({ data: asset.data, id });
}

/** What a search of metadata answers. */
export function metadataText({ json }: CommittedAssetTx): string {
  const { metadata, id } = parseWithDigits(json) as ShownTransaction;
  return JSON.stringify({ metadata, id });
}
