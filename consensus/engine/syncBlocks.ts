import type { Verdict } from "#storage/error.ts";
import { LedgerError, rejected } from "#storage/error.ts";
import { decodeBlock } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import { verifyCommit } from "#storage/types/commitVerify.ts";
import { hashHeader } from "#storage/types/header.ts";
import { partSetHeaderOf } from "#storage/types/partSet.ts";
import { votesOfCommit } from "./commits.ts";
import type { CompleteBlock } from "./executor.ts";
import { ExecutorError } from "./executorError.ts";
import { finishHeight } from "./perform.ts";
import type { StoredBlock } from "./ports.ts";
import type { Tip } from "./tip.ts";
import { maxBlockBytes } from "./tip.ts";

/**
 * Applies blocks that a peer sent for `fromHeight` and on, as far as they lie ahead. Each is proved by its commit: parts rehashed, all
 * signatures checked (a light check let false witnesses through, CometBFT #5629). Returns how many the peer delivered rightly, and what
 * was wrong with the next one.
 * @throws ExecutorError EXECUTOR_BLOCK_INVALID when a proven block does not fit our chain: then our own state is wrong
 */
export async function applySynced(
  tip: Tip,
  fromHeight: number,
  blocks: readonly StoredBlock[],
): Promise<{ readonly good: number; readonly fault: (Verdict & { readonly accepted: false }) | undefined }> {
  for (const [good, stored] of blocks.entries()) {
    const height = fromHeight + good;
    // Consensus may have decided it in the meantime.
    if (height < tip.height) continue;
    const complete = read(stored.blockBytes, maxBlockBytes(tip.ports.executor.state()));
    if ("code" in complete) return { good, fault: complete };
    const { block, blockId } = complete;
    if (block.header.height !== height)
      return { good, fault: refuse("SYNC_BLOCK_HEIGHT", `asked for ${height}, got ${block.header.height}`) };
    const verdict = verifyCommit(tip.options.chainId, tip.validators, blockId, height, stored.commit);
    if (!verdict.accepted) return { good, fault: verdict };
    const valid = await tip.ports.executor.validateBlock(block);
    if (!valid.accepted)
      throw new ExecutorError({
        code: "EXECUTOR_BLOCK_INVALID",
        height,
        blockCode: valid.code,
        reason: valid.reason,
      });
    await finishHeight(tip, complete, stored.commit, votesOfCommit(stored.commit, tip.validators), undefined);
  }
  return { good: blocks.length, fault: undefined };
}

function read(blockBytes: Uint8Array, maxBytes: number): CompleteBlock | (Verdict & { readonly accepted: false }) {
  try {
    const block = decodeBlock(blockBytes, maxBytes);
    const blockId: BlockId = { hash: hashHeader(block.header), partSetHeader: partSetHeaderOf(blockBytes) };
    return { block, blockBytes, blockId };
  } catch (error) {
    if (error instanceof LedgerError) return refuse("SYNC_BLOCK_MALFORMED", error.message);
    throw error;
  }
}

function refuse(code: string, reason: string): Verdict & { readonly accepted: false } {
  const verdict = rejected(code, reason);
  if (verdict.accepted) throw new TypeError("unreachable: a refusal is not accepted");
  return verdict;
}
