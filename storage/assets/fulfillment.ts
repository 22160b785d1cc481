import { ed25519Implementation } from "../crypto/ed25519.ts";
import { MAX_CONDITION_DEPTH } from "../limits.ts";
import {
  type Condition,
  ED25519_TAG,
  ed25519Condition,
  encodeCondition,
  THRESHOLD_TAG,
  thresholdCondition,
} from "./condition.ts";
import { type DerElement, decodeDer, decodeDerInteger, encodeDer, encodeDerSet } from "./der.ts";

/** What meets a condition: a signature, or for a threshold the fulfillments that reach it and the conditions of the others. */
export type Fulfillment =
  | { readonly type: "ed25519-sha-256"; readonly publicKey: Uint8Array; readonly signature: Uint8Array }
  | {
      readonly type: "threshold-sha-256";
      readonly subfulfillments: readonly Fulfillment[];
      readonly subconditions: readonly Condition[];
    };

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const FINGERPRINT_BYTES = 32;

/** DER, base64url without padding. */
export function fulfillmentText(fulfillment: Fulfillment): string {
  return Buffer.from(encodeFulfillment(fulfillment)).toString("base64url");
}

/** Undefined for a text that is no fulfillment of these two types; bits after the last byte are not looked at. */
export function parseFulfillment(text: string): Fulfillment | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return decodeFulfillment(bytes);
}

export function encodeFulfillment(fulfillment: Fulfillment): Uint8Array {
  if (fulfillment.type === "ed25519-sha-256") {
    const { publicKey, signature } = fulfillment;
    return encodeDer(ED25519_TAG, encodeDer(0x80, publicKey), encodeDer(0x81, signature));
  }
  return encodeDer(
    THRESHOLD_TAG,
    encodeDerSet(0xa0, fulfillment.subfulfillments.map(encodeFulfillment)),
    encodeDerSet(0xa1, fulfillment.subconditions.map(encodeCondition)),
  );
}

export function decodeFulfillment(bytes: Uint8Array): Fulfillment | undefined {
  const elements = decodeDer(bytes);
  return elements?.length === 1 ? fulfillmentOf(elements[0] as DerElement, 0) : undefined;
}

function fulfillmentOf({ tag, content }: DerElement, depth: number): Fulfillment | undefined {
  const fields = decodeDer(content);
  const [first, second] = fields ?? [];
  if (fields?.length !== 2 || first === undefined || second === undefined) return undefined;
  if (tag === ED25519_TAG) return ed25519Of(first, second);
  if (tag !== THRESHOLD_TAG || depth >= MAX_CONDITION_DEPTH || first.tag !== 0xa0 || second.tag !== 0xa1)
    return undefined;
  const subfulfillments = decodeEach(first.content, (element) => fulfillmentOf(element, depth + 1));
  const subconditions = decodeEach(second.content, subconditionOf);
  if (subfulfillments === undefined || subfulfillments.length === 0 || subconditions === undefined) return undefined;
  return { type: "threshold-sha-256", subfulfillments, subconditions };
}

function ed25519Of(key: DerElement, signature: DerElement): Fulfillment | undefined {
  if (key.tag !== 0x80 || key.content.length !== KEY_BYTES) return undefined;
  if (signature.tag !== 0x81 || signature.content.length !== SIGNATURE_BYTES) return undefined;
  return { type: "ed25519-sha-256", publicKey: key.content, signature: signature.content };
}

function subconditionOf(element: DerElement): Condition | undefined {
  const [fingerprint, costField, subtypes] = decodeDer(element.content) ?? [];
  if (fingerprint?.tag !== 0x80 || fingerprint.content.length !== FINGERPRINT_BYTES || costField?.tag !== 0x81)
    return undefined;
  const cost = decodeDerInteger(costField.content);
  if (cost === undefined) return undefined;
  const type = element.tag === ED25519_TAG ? "ed25519-sha-256" : "threshold-sha-256";
  const condition: Condition = { type, fingerprint: fingerprint.content, cost };
  // The rest has one spelling only, so it is compared with that: no further field, and of a threshold the one set of subtypes.
  const expected = encodeCondition(condition);
  const given = encodeDer(element.tag, element.content);
  return (subtypes === undefined) === (type === "ed25519-sha-256") && Buffer.compare(expected, given) === 0
    ? condition
    : undefined;
}

function decodeEach<T>(content: Uint8Array, decode: (element: DerElement) => T | undefined): T[] | undefined {
  const elements = decodeDer(content);
  if (elements === undefined) return undefined;
  const decoded: T[] = [];
  for (const element of elements) {
    const value = decode(element);
    if (value === undefined) return undefined;
    decoded.push(value);
  }
  return decoded;
}

/** The condition that the fulfillment meets: its threshold is the number of fulfillments. */
export function conditionOfFulfillment(fulfillment: Fulfillment): Condition | undefined {
  if (fulfillment.type === "ed25519-sha-256") return ed25519Condition(fulfillment.publicKey);
  const met: Condition[] = [];
  for (const subfulfillment of fulfillment.subfulfillments) {
    const condition = conditionOfFulfillment(subfulfillment);
    if (condition === undefined) return undefined;
    met.push(condition);
  }
  return thresholdCondition(met.length, [...met, ...fulfillment.subconditions]);
}

export interface Ed25519Signature {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function signaturesOf(fulfillment: Fulfillment): readonly Ed25519Signature[] {
  return fulfillment.type === "ed25519-sha-256" ? [fulfillment] : fulfillment.subfulfillments.flatMap(signaturesOf);
}

/** The conditions that were left unmet, of all levels. */
export function unmetConditions(fulfillment: Fulfillment): readonly Condition[] {
  return fulfillment.type === "ed25519-sha-256"
    ? []
    : [...fulfillment.subconditions, ...fulfillment.subfulfillments.flatMap(unmetConditions)];
}

/** Libsodium's, or one that remembers what libsodium said. */
export type Ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** Whether every signature in it holds for the 32-byte message, by libsodium's rule, which BigchainDB's is too. */
export function verifyFulfillment(
  fulfillment: Fulfillment,
  message: Uint8Array,
  verify: Ed25519Verify = ed25519Implementation.verify,
): boolean {
  return signaturesOf(fulfillment).every(({ publicKey, signature }) => verify(publicKey, message, signature));
}
