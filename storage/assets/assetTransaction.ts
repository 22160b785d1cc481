import type { ConditionDetails } from "./condition.ts";
import type { Fulfillment } from "./fulfillment.ts";
import type { JsonObject } from "./jsonLossless.ts";

/** Which rules are kept: those of BEP-13, or as few of them as BigchainDB 2.2.2 checks. */
export type AssetRules = "strict" | "bigchaindb-2.2.2";

export const ASSET_RULES: readonly AssetRules[] = ["strict", "bigchaindb-2.2.2"];

/** An output of an earlier transaction. */
export interface OutputLink {
  /** 64 hex digits stand in it; more than them may, and then there is no such transaction. */
  readonly transactionId: string;
  /** Beyond 2^53 only about as it was given, which is beyond every output too. */
  readonly outputIndex: number;
}

export interface AssetInput {
  /** Keys in base58, as given. */
  readonly ownersBefore: readonly string[];
  /** Undefined in a CREATE. */
  readonly fulfills: OutputLink | undefined;
  /** Undefined if there is only a condition in its place: not signed. */
  readonly fulfillment: Fulfillment | undefined;
  /** The fulfillment as it was given. */
  readonly fulfillmentText: string | undefined;
  /** What its signatures are made over: 32 bytes. */
  readonly message: Uint8Array;
}

export interface AssetOutput {
  /** 1 to 9 * 10^18. */
  readonly amount: bigint;
  readonly details: ConditionDetails;
  /** As given. */
  readonly uri: string;
  /** As given; null is allowed. */
  readonly publicKeys: readonly string[] | null;
}

/** What the rules look at. */
export interface AssetFacts {
  /** 64 hex digits: SHA3-256. */
  readonly id: string;
  readonly operation: "CREATE" | "TRANSFER";
  /** Of a CREATE its own id. */
  readonly assetId: string;
  /** One of a CREATE, one or more of a TRANSFER. */
  readonly inputs: readonly AssetInput[];
  readonly outputs: readonly AssetOutput[];
}

/** A transaction whose id, schema, names and values are checked; nothing is known of its signatures and its inputs. */
export interface AssetTransaction extends AssetFacts {
  /** All of it, with `id`, as it was parsed. */
  readonly body: JsonObject;
  /** Canonical JSON of all of it. */
  readonly canonical: string;
}
