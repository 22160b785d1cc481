import { methodError } from "../rpcError.ts";

/**
 * The height an argument means: the latest when it is left out (rpc/core/env.go getHeight).
 * @throws RpcError RPC_INTERNAL_ERROR
 */
export function heightOf(asked: bigint | undefined, { base, latest }: { base: number; latest: number }): number {
  if (asked === undefined) return latest;
  if (asked <= 0n) throw methodError(`height must be greater than 0, but got ${asked}`);
  if (asked > BigInt(latest))
    throw methodError(`height ${asked} must be less than or equal to the current blockchain height ${latest}`);
  if (asked < BigInt(base)) throw methodError(`height ${asked} is not available, lowest height is ${base}`);
  return Number(asked);
}
