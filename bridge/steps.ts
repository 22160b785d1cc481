import type { Anchor, BridgeDomain } from "./typedData.ts";
import { anchorDigest, valsetUpdateDigest } from "./typedData.ts";
import type { ValsetMember } from "./valset.ts";

/** Validators with their second keys, as the ledger has recorded them (consensus/application/bridgeSets.ts). */
export interface BridgeSet {
  readonly number: bigint;
  /** Of the block that made it. */
  readonly height: number;
  readonly members: readonly ValsetMember[];
}

/** The next anchor, to be signed by the set that the contract has. */
export interface AnchorStep {
  readonly kind: "anchor";
  readonly anchor: Anchor;
  readonly set: BridgeSet;
}

/** The contract is to have another set from `effectiveHeight` on. */
export interface RotationStep {
  readonly kind: "rotation";
  readonly nonce: bigint;
  readonly effectiveHeight: number;
  readonly set: BridgeSet;
  readonly next: BridgeSet;
}

/** What the contract is to be told, one after the other. */
export type BridgeStep = AnchorStep | RotationStep;

/** `anchor 7`, `rotation 2`: a validator signs one of each name. */
export function stepName(step: BridgeStep): string {
  return step.kind === "anchor" ? `anchor ${step.anchor.seq}` : `rotation ${step.nonce}`;
}

/** What the set's members sign: 0x and 64 hex digits. */
export function stepDigest(domain: BridgeDomain, step: BridgeStep): string {
  if (step.kind === "anchor") return anchorDigest(domain, step.anchor);
  const { nonce, effectiveHeight, next } = step;
  return valsetUpdateDigest(domain, { nonce, effectiveHeight, members: next.members });
}
