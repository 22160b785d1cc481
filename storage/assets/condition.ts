import { concatBytes, sha256 } from "../crypto/hash.ts";
import { encodeDer, encodeDerInteger, encodeDerSet } from "./der.ts";

/** What an output's `condition.details` says. */
export type ConditionDetails =
  | { readonly type: "ed25519-sha-256"; readonly publicKey: Uint8Array }
  | {
      readonly type: "threshold-sha-256";
      /** 1 to 100. */
      readonly threshold: number;
      readonly subconditions: readonly ConditionDetails[];
    };

/** A crypto-condition (draft-thomas-crypto-conditions-03) of the two types that BigchainDB's outputs may have. */
export interface Condition {
  readonly type: ConditionDetails["type"];
  /** SHA-256, 32 bytes. */
  readonly fingerprint: Uint8Array;
  readonly cost: number;
}

/** What `threshold` says of its subconditions' types; the JSON can name no other. */
const SUBTYPES = "ed25519-sha-256";
const ED25519_COST = 131_072;
const COST_PER_SUBCONDITION = 1024;
const MAX_COST = 0xffff_ffff;

/** SEQUENCE of 34 bytes, [0] of 32 bytes. */
const ED25519_FINGERPRINT_PREFIX = Uint8Array.of(0x30, 0x22, 0x80, 0x20);
/** [2] BIT STRING with bit 4, ed25519, set. */
const SUBTYPE_BITS = Uint8Array.of(0x82, 0x02, 0x03, 0x08);

export const ED25519_TAG = 0xa4;
export const THRESHOLD_TAG = 0xa2;

export function ed25519Condition(publicKey: Uint8Array): Condition {
  return {
    type: "ed25519-sha-256",
    fingerprint: sha256(concatBytes(ED25519_FINGERPRINT_PREFIX, publicKey)),
    cost: ED25519_COST,
  };
}

/** Undefined if no set of subconditions can reach the threshold: such a condition has no cost, and is never met. */
export function thresholdCondition(threshold: number, subconditions: readonly Condition[]): Condition | undefined {
  if (threshold < 1 || threshold > subconditions.length) return undefined;
  const costs = subconditions.map(({ cost }) => cost).sort((a, b) => b - a);
  const worst = costs.slice(0, threshold).reduce((sum, cost) => sum + cost, 0);
  const cost = worst + COST_PER_SUBCONDITION * subconditions.length;
  if (cost > MAX_COST) return undefined;
  const contents = encodeDer(
    0x30,
    encodeDerInteger(0x80, threshold),
    encodeDerSet(0xa1, subconditions.map(encodeCondition)),
  );
  return { type: "threshold-sha-256", fingerprint: sha256(contents), cost };
}

/** The condition that the details describe; undefined for one that is never met. The caller has checked the depth. */
export function conditionOf(details: ConditionDetails): Condition | undefined {
  if (details.type === "ed25519-sha-256") return ed25519Condition(details.publicKey);
  const subconditions: Condition[] = [];
  for (const subcondition of details.subconditions) {
    const condition = conditionOf(subcondition);
    if (condition === undefined) return undefined;
    subconditions.push(condition);
  }
  return thresholdCondition(details.threshold, subconditions);
}

/** `ni:///sha-256;FINGERPRINT?fpt=TYPE&cost=COST`, of thresholds also `&subtypes=ed25519-sha-256`. */
export function conditionUri({ type, fingerprint, cost }: Condition): string {
  const subtypes = type === "threshold-sha-256" ? `&subtypes=${SUBTYPES}` : "";
  return `ni:///sha-256;${Buffer.from(fingerprint).toString("base64url")}?fpt=${type}&cost=${cost}${subtypes}`;
}

/** As it stands inside a threshold's fingerprint and fulfillment. */
export function encodeCondition({ type, fingerprint, cost }: Condition): Uint8Array {
  const fields = [encodeDer(0x80, fingerprint), encodeDerInteger(0x81, cost)];
  return type === "ed25519-sha-256"
    ? encodeDer(ED25519_TAG, ...fields)
    : encodeDer(THRESHOLD_TAG, ...fields, SUBTYPE_BITS);
}

/** The keys that the details name, in their order, repeated ones too. */
export function keysOf(details: ConditionDetails): readonly Uint8Array[] {
  return details.type === "ed25519-sha-256" ? [details.publicKey] : details.subconditions.flatMap(keysOf);
}
