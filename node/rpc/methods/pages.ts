import { DEFAULT_PER_PAGE, MAX_PER_PAGE } from "../limits.ts";
import { methodError } from "../rpcError.ts";

/** The part of a list that a page is; sizes that cannot be are replaced as CometBFT does (rpc/core/env.go). @throws RpcError RPC_INTERNAL_ERROR */
export function pageOf(
  total: number,
  page: bigint | undefined,
  perPage: bigint | undefined,
): { readonly from: number; readonly to: number } {
  const size = pageSizeOf(perPage);
  const pages = Math.max(1, Math.ceil(total / size));
  if (page !== undefined && (page <= 0n || page > BigInt(pages)))
    throw methodError(`page should be within [1, ${pages}] range, given ${page}`);
  const from = (Number(page ?? 1n) - 1) * size;
  return { from, to: Math.min(from + size, total) };
}

export function pageSizeOf(perPage: bigint | undefined): number {
  if (perPage === undefined || perPage < 1n) return DEFAULT_PER_PAGE;
  return perPage > BigInt(MAX_PER_PAGE) ? MAX_PER_PAGE : Number(perPage);
}
