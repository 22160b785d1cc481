import type { BlockMeta } from "#storage/db/blockStore.ts";
import { BYTES, HEX_BYTES, INT64, OPTIONAL_INT64 } from "../argumentKinds.ts";
import { blockMetaJson, blockResultJson } from "../cometJson/blocks.ts";
import { commitJson, headerJson } from "../cometJson/headers.ts";
import { int64 } from "../cometJson/primitives.ts";
import { blockResultsJson } from "../cometJson/results.ts";
import { MAX_BLOCKCHAIN_HEADERS } from "../limits.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";
import { heightOf } from "./heights.ts";

/** Blocks and what stands beside them (rpc/core/blocks.go). Headers and commits are there for longer than blocks. */
export function blockMethods({ chain }: RpcPorts): Methods {
  const ofBlocks = () => ({ base: chain.base(), latest: chain.height() });
  const ofHeaders = () => ({ base: chain.headerBase(), latest: chain.height() });
  const byHeight = { height: OPTIONAL_INT64 };
  const isFinal = ({ height }: { readonly height: bigint | undefined }) => height !== undefined;

  return {
    block: method(byHeight, async ({ height }) => blockResultJson(await findBlock(heightOf(height, ofBlocks()))), {
      isFinal,
    }),

    block_by_hash: method(
      { hash: BYTES },
      async ({ hash }) => {
        const height = await chain.heightOfHash(hash);
        return blockResultJson(height === undefined ? undefined : await findBlock(height));
      },
      { isFinal: (_values, { block }) => block !== null },
    ),

    header: method(byHeight, async ({ height }) => headerResult(await chain.meta(heightOf(height, ofHeaders()))), {
      isFinal,
    }),

    header_by_hash: method(
      { hash: HEX_BYTES },
      async ({ hash }) => {
        const height = await chain.heightOfHash(hash);
        return headerResult(height === undefined ? undefined : await chain.meta(height));
      },
      { isFinal: (_values, { header }) => header !== null },
    ),

    commit: method(
      byHeight,
      async ({ height: asked }) => {
        const latest = chain.height();
        const height = heightOf(asked, ofHeaders());
        const [meta, commit] = await Promise.all([chain.meta(height), chain.commit(height)]);
        if (meta === undefined || commit === undefined) throw methodError(`no commit for height ${height}`);
        const signed = { header: headerJson(meta.header), commit: commitJson(commit) };
        // What this node saw of the last block is not yet what the next block will have.
        return { signed_header: signed, canonical: height < latest };
      },
      { isFinal: (values, { canonical }) => isFinal(values) && canonical },
    ),

    block_results: method(
      byHeight,
      async ({ height: asked }) => {
        const height = heightOf(asked, ofBlocks());
        const results = await chain.results(height);
        if (results === undefined) throw methodError(`could not find results for height #${height}`);
        return blockResultsJson(height, results);
      },
      { isFinal },
    ),

    blockchain: method({ minHeight: INT64, maxHeight: INT64 }, async ({ minHeight, maxHeight }) => {
      const { from, to } = headerRange(minHeight, maxHeight, ofHeaders());
      const heights = Array.from({ length: to - from + 1 }, (_, i) => to - i);
      const metas = await Promise.all(heights.map((height) => chain.meta(height)));
      const known = metas.filter((meta) => meta !== undefined);
      return { last_height: int64(chain.height()), block_metas: known.map(blockMetaJson) };
    }),
  };

  async function findBlock(height: number) {
    const [block, meta] = await Promise.all([chain.block(height), chain.meta(height)]);
    return block && meta && { block, blockId: meta.blockId };
  }
}

function headerResult(meta: BlockMeta | undefined): { readonly header: object | null } {
  return { header: meta === undefined ? null : headerJson(meta.header) };
}

/** The last MAX_BLOCKCHAIN_HEADERS heights of those asked for (rpc/core/blocks.go filterMinMax). @throws RpcError */
function headerRange(min: bigint, max: bigint, { base, latest }: { readonly base: number; readonly latest: number }) {
  if (min < 0n || max < 0n) throw methodError("heights must be non-negative");
  const to = max === 0n || max > BigInt(latest) ? latest : Number(max);
  const lowest = Math.max(base, to - MAX_BLOCKCHAIN_HEADERS + 1, 1);
  const from = min > BigInt(lowest) ? min : BigInt(lowest);
  if (from > BigInt(to)) throw methodError(`min height ${from} can't be greater than max height ${to}`);
  return { from: Number(from), to };
}
