import { base58 } from "@scure/base";
import { ed25519Implementation } from "../crypto/ed25519.ts";
import type { OutputLink } from "./assetTransaction.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { type Condition, type ConditionDetails, conditionOf, conditionUri, keysOf } from "./condition.ts";
import { type Fulfillment, fulfillmentText } from "./fulfillment.ts";
import { type JsonObject, type JsonValue, parseJson } from "./jsonLossless.ts";
import { memberTexts, signedText, signingMessage, transactionId } from "./transactionText.ts";

/** Somebody who signs. */
export interface AssetSigner {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export interface NewOutput {
  /** 1 to 9 * 10^18. */
  readonly amount: bigint;
  readonly details: ConditionDetails;
}

export interface SpentOutput extends OutputLink {
  /** The condition it is locked by. */
  readonly details: ConditionDetails;
  /** As many as that needs; of further ones nothing is asked. */
  readonly signers: readonly AssetSigner[];
}

/** What is to be sent. */
export interface BuiltTransaction {
  /** 64 hex digits. */
  readonly id: string;
  /** Canonical JSON. */
  readonly text: string;
}

/** @param seed 32 bytes; the array is kept, so that libsodium's secret key is computed once. */
export function ed25519Signer(seed: Uint8Array): AssetSigner {
  return {
    publicKey: ed25519Implementation.publicKey(seed),
    sign: (message) => ed25519Implementation.sign(seed, message),
  };
}

export function ed25519Details(publicKey: Uint8Array): ConditionDetails {
  return { type: "ed25519-sha-256", publicKey };
}

/** `threshold` of the keys. */
export function thresholdDetails(threshold: number, publicKeys: readonly Uint8Array[]): ConditionDetails {
  return { type: "threshold-sha-256", threshold, subconditions: publicKeys.map(ed25519Details) };
}

// ECMAScript's JSON.rawJSON, which the compiler's library does not declare yet.
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** JSON of a plain value; bigints are integers. @throws TypeError for what JSON cannot hold, such as half a surrogate pair. */
export function jsonOf(value: unknown): JsonValue {
  const text = JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "bigint" ? rawJson(String(inner)) : inner,
  );
  const parsed = parseJson(String(text));
  if (!parsed.accepted) throw new TypeError(`no JSON: ${parsed.reason}`);
  return parsed.value;
}

/** A signed CREATE. @param data the asset's, an object or null; @param metadata an object with a member, or null */
export function createTransaction({
  data,
  metadata,
  outputs,
  issuer,
}: {
  readonly data: JsonValue;
  readonly metadata: JsonValue;
  readonly outputs: readonly NewOutput[];
  readonly issuer: AssetSigner;
}): BuiltTransaction {
  const details = ed25519Details(issuer.publicKey);
  return built("CREATE", new Map([["data", data]]), metadata, outputs, [
    { details, signers: [issuer], link: undefined },
  ]);
}

/** A signed TRANSFER. @throws RangeError if the signers of an input do not meet its condition */
export function transferTransaction({
  assetId,
  metadata,
  outputs,
  inputs,
}: {
  readonly assetId: string;
  readonly metadata: JsonValue;
  readonly outputs: readonly NewOutput[];
  readonly inputs: readonly SpentOutput[];
}): BuiltTransaction {
  const parts = inputs.map(({ details, signers, transactionId: id, outputIndex }) => ({
    details,
    signers,
    link: { transactionId: id, outputIndex: String(outputIndex) },
  }));
  return built("TRANSFER", new Map([["id", assetId]]), metadata, outputs, parts);
}

interface InputParts {
  readonly details: ConditionDetails;
  readonly signers: readonly AssetSigner[];
  readonly link: { readonly transactionId: string; readonly outputIndex: string } | undefined;
}

function built(
  operation: "CREATE" | "TRANSFER",
  asset: JsonObject,
  metadata: JsonValue,
  outputs: readonly NewOutput[],
  inputs: readonly InputParts[],
): BuiltTransaction {
  const body = new Map<string, JsonValue>([
    ["asset", asset],
    ["id", null],
    ["inputs", inputs.map((input) => inputJson(input, null))],
    ["metadata", metadata],
    ["operation", operation],
    ["outputs", outputs.map(outputJson)],
    ["version", "2.0"],
  ]);
  const text = signedText(memberTexts(body), body.get("inputs") as JsonValue);
  const signed = inputs.map((input) => {
    const fulfillment = fulfil(input.details, input.signers, signingMessage(text, input.link));
    if (fulfillment === undefined) throw new RangeError("the signers do not meet the condition");
    return inputJson(input, fulfillmentText(fulfillment));
  });
  body.set("inputs", signed);
  const id = transactionId(memberTexts(body));
  body.set("id", id);
  return { id, text: canonicalJson(body) };
}

/** A fulfillment by those of the signers whom the condition names, with as few signatures as it needs; undefined if they do not suffice. */
export function fulfil(
  details: ConditionDetails,
  signers: readonly AssetSigner[],
  message: Uint8Array,
): Fulfillment | undefined {
  if (details.type === "ed25519-sha-256") {
    const signer = signers.find(({ publicKey }) => Buffer.compare(publicKey, details.publicKey) === 0);
    return signer && { type: "ed25519-sha-256", publicKey: details.publicKey, signature: signer.sign(message) };
  }
  const subfulfillments: Fulfillment[] = [];
  const subconditions: Condition[] = [];
  for (const subcondition of details.subconditions) {
    const isEnough = subfulfillments.length === details.threshold;
    const fulfillment = isEnough ? undefined : fulfil(subcondition, signers, message);
    const condition = conditionOf(subcondition);
    if (fulfillment !== undefined) subfulfillments.push(fulfillment);
    else if (condition !== undefined) subconditions.push(condition);
    else return undefined;
  }
  return subfulfillments.length < details.threshold
    ? undefined
    : { type: "threshold-sha-256", subfulfillments, subconditions };
}

function inputJson({ details, link }: InputParts, fulfillment: string | null): JsonValue {
  const fulfills =
    link &&
    new Map<string, JsonValue>([
      ["output_index", { lexeme: link.outputIndex }],
      ["transaction_id", link.transactionId],
    ]);
  return new Map<string, JsonValue>([
    ["fulfillment", fulfillment],
    ["fulfills", fulfills ?? null],
    ["owners_before", keyTexts(details)],
  ]);
}

function outputJson({ amount, details }: NewOutput): JsonValue {
  const condition = conditionOf(details);
  if (condition === undefined) throw new RangeError("no fulfillment can meet the condition");
  return new Map<string, JsonValue>([
    ["amount", String(amount)],
    [
      "condition",
      new Map<string, JsonValue>([
        ["details", detailsJson(details)],
        ["uri", conditionUri(condition)],
      ]),
    ],
    ["public_keys", keyTexts(details)],
  ]);
}

function detailsJson(details: ConditionDetails): JsonValue {
  if (details.type === "ed25519-sha-256")
    return new Map<string, JsonValue>([
      ["public_key", base58.encode(details.publicKey)],
      ["type", details.type],
    ]);
  return new Map<string, JsonValue>([
    ["subconditions", details.subconditions.map(detailsJson)],
    ["threshold", { lexeme: String(details.threshold) }],
    ["type", details.type],
  ]);
}

function keyTexts(details: ConditionDetails): readonly string[] {
  return keysOf(details).map((key) => base58.encode(key));
}
