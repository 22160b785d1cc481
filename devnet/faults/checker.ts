import type { Network } from "#node/network/network.ts";
import { decodeStoredBlocks, encodeHeightRange } from "#node/serve/messages.ts";
import { decodeBlock, txId } from "#storage/types/block.ts";
import { hashHeader } from "#storage/types/header.ts";

export interface CheckReport {
  /** Height up to which all validators were compared. */
  readonly height: number;
  /** Heights at which two validators hold different blocks. */
  readonly forks: readonly number[];
  /** Acknowledged transactions that are in no block, and those in more than one; ids in hex. */
  readonly lost: readonly string[];
  readonly repeated: readonly string[];
  readonly txs: number;
}

/**
 * Reads the whole chain from every validator and compares it with what was acknowledged. It shares nothing with those who made the chain but
 * the decoders of blocks.
 */
export async function checkChains(
  network: Pick<Network, "request" | "protocols">,
  validators: readonly string[],
  acknowledged: ReadonlySet<string>,
): Promise<CheckReport> {
  const chains = await Promise.all(validators.map((peer) => readChain(network, peer)));
  const height = Math.min(...chains.map((chain) => chain.length));
  const forks: number[] = [];
  for (let at = 0; at < height; at++) if (new Set(chains.map((chain) => chain[at]?.hash)).size > 1) forks.push(at + 1);
  const places = new Map<string, number>();
  for (const { txs } of (chains[0] ?? []).slice(0, height))
    for (const id of txs) places.set(id, (places.get(id) ?? 0) + 1);
  return {
    height,
    forks,
    lost: [...acknowledged].filter((id) => !places.has(id)),
    repeated: [...places].filter(([, times]) => times > 1).map(([id]) => id),
    txs: places.size,
  };
}

interface ReadBlock {
  readonly hash: string;
  readonly txs: readonly string[];
}

async function readChain(network: Pick<Network, "request" | "protocols">, peer: string): Promise<readonly ReadBlock[]> {
  const blocks: ReadBlock[] = [];
  for (;;) {
    const request = encodeHeightRange({ from: blocks.length + 1, count: 64 });
    const answer = decodeStoredBlocks(await network.request(peer, network.protocols.blocks, request));
    if (answer.length === 0) return blocks;
    for (const { blockBytes } of answer) {
      const { header, txs } = decodeBlock(blockBytes);
      blocks.push({ hash: hex(hashHeader(header)), txs: txs.map((tx) => hex(txId(tx))) });
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
