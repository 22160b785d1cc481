import type { TxVerdict } from "./mempoolTypes.ts";

/** What becomes of a gossip message: sent on, dropped without blame, or dropped with blame for the peer it came from. */
export type GossipDecision = "accept" | "ignore" | "reject";

export interface TxGossipDecision {
  readonly decision: GossipDecision;
  /** New valid transactions of a message that is not sent on as it is: this node sends them on in a batch of its own. */
  readonly resend: readonly Uint8Array[];
}

/**
 * The fate of a gossiped batch after the mempool has judged it. In order:
 * (a) an offence, which no honest peer would have sent on, makes the batch a reject;
 * (b) all transactions new and valid: accept, the message travels on as it is;
 * (c) otherwise ignore, and the new valid ones travel on in a batch of ours, so that known and invalid ones stop here.
 * `isOffence` tells a transaction that is wrong for ever (malformed, forged) from one that came too early or too late.
 */
export function decideTxGossip(
  txs: readonly Uint8Array[],
  verdicts: readonly TxVerdict[],
  isOffence: (verdict: TxVerdict) => boolean = (verdict) => !verdict.added && verdict.code === "TX_TOO_LARGE",
): TxGossipDecision {
  const fresh = txs.filter((_tx, index) => verdicts[index]?.added === true);
  if (verdicts.some(isOffence)) return { decision: "reject", resend: fresh };
  if (fresh.length === txs.length && fresh.length > 0) return { decision: "accept", resend: [] };
  return { decision: "ignore", resend: fresh };
}
