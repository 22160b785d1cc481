import type { PlanChain, PlanPosition } from "#bridge/anchorPlan.ts";
import type { BridgeSet } from "#bridge/steps.ts";
import type { Anchor } from "#bridge/typedData.ts";
import { isQuorum, totalPower } from "#bridge/valset.ts";
import type { AdoptedAnchor } from "./planFile.ts";

/**
 * For a node that has not, or no longer, the blocks that its plan would need: one that came by state sync, or was away for longer than blocks are kept. The latest anchor ahead
 * of its plan of which all of this holds, so that what it plans behind it is what everybody plans:
 * a) members with more than two thirds of the power of the ledger's latest bridge set have signed it, and that set was the latest one before the anchor's first block;
 * b) its last block is kept here, and has the anchor's hash and time.
 */
export async function anchorToAdopt(
  chain: PlanChain,
  { seq, toHeight, setNumber }: PlanPosition,
  signed: readonly { readonly anchor: Anchor; readonly signers: readonly string[] }[],
): Promise<AdoptedAnchor | undefined> {
  const set = await latestSet(chain, setNumber);
  if (set === undefined) return undefined;
  const candidates = signed
    .filter(({ anchor }) => anchor.seq > seq && anchor.toHeight > toHeight && anchor.fromHeight > set.height)
    .filter(({ signers }) => isSignedBy(set, signers))
    .map(({ anchor }) => anchor)
    .sort((a, b) => b.toHeight - a.toHeight);
  for (const anchor of candidates) {
    const block = anchor.toHeight > chain.height() ? undefined : await chain.block(anchor.toHeight);
    const isOurs = block !== undefined && Buffer.compare(block.hash, anchor.lastHeaderHash) === 0;
    if (isOurs && (await chain.timeMs(anchor.toHeight)) === anchor.time) return { anchor, set };
  }
  return undefined;
}

async function latestSet(chain: PlanChain, from: bigint): Promise<BridgeSet | undefined> {
  let set = await chain.set(from);
  for (let next = set; next !== undefined; next = await chain.set(next.number + 1n)) set = next;
  return set;
}

function isSignedBy(set: BridgeSet, signers: readonly string[]): boolean {
  const power = set.members
    .filter(({ address }) => signers.includes(address))
    .reduce((sum, member) => sum + member.power, 0n);
  return isQuorum(power, totalPower(set.members));
}
