import type { BlockMeta } from "#storage/db/blockStore.ts";
import type { Block } from "#storage/types/block.ts";
import { type BlockId, NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { evidenceJson } from "./evidence.ts";
import { blockIdJson, commitJson, headerJson } from "./headers.ts";
import { base64, int64 } from "./primitives.ts";

export function blockJson({ header, txs, evidence, lastCommit }: Block): object {
  return {
    header: headerJson(header),
    data: { txs: txs.map(base64) },
    evidence: { evidence: evidence.map(evidenceJson) },
    last_commit: commitJson(lastCommit),
  };
}

/** `block` undefined: there is none, which is no error. */
export function blockResultJson(found: { readonly blockId: BlockId; readonly block: Block } | undefined): {
  readonly block_id: object;
  readonly block: object | null;
} {
  const { blockId, block } = found ?? { blockId: NIL_BLOCK_ID, block: undefined };
  return { block_id: blockIdJson(blockId), block: block === undefined ? null : blockJson(block) };
}

export function blockMetaJson({ blockId, header, blockBytes, txs }: BlockMeta): object {
  return {
    block_id: blockIdJson(blockId),
    block_size: int64(blockBytes),
    header: headerJson(header),
    num_txs: int64(txs),
  };
}
