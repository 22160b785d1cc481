import { hash } from "node:crypto";
import { latin1Bytes } from "../crypto/hash.ts";
import { canonicalJson, canonicalMembers, sortedMembers } from "./canonicalJson.ts";
import { type CanonicalText, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "./jsonLossless.ts";

/** The canonical texts of one transaction's members, from which its own text, its id and what is signed are put together. */
export type MemberTexts = readonly (readonly [name: string, text: string])[];

/** `canonical`: of a text that is canonical already, from which they are cut out. */
export function memberTexts(body: JsonObject, canonical?: CanonicalText): MemberTexts {
  if (canonical === undefined) return sortedMembers(body);
  const { text, values } = canonical;
  return Array.from(values, ([name, [start, end]]) => [name, text.slice(start, end)] as const);
}

/** The canonical text, `id` included. */
export function canonicalTransaction(members: MemberTexts): string {
  return canonicalMembers(members);
}

/** SHA3-256 of the canonical text with `id` null, 64 hex digits; fulfillments are part of it. */
export function transactionId(members: MemberTexts): string {
  return hash("sha3-256", canonicalMembers(withText(members, "id", "null")), "hex");
}

/** What is signed before the input's own part comes: the canonical text with `id` and every fulfillment null. */
export function signedText(members: MemberTexts, inputs: JsonValue): string {
  return canonicalMembers(
    withText(withText(members, "id", "null"), "inputs", canonicalJson(withoutFulfillments(inputs))),
  );
}

/** The 32 bytes that an input's signatures are made over: SHA3-256 of the text, and of the output that it spends. */
export function signingMessage(
  text: string,
  fulfills: { transactionId: string; outputIndex: string } | undefined,
): Uint8Array {
  const link = fulfills === undefined ? "" : `${fulfills.transactionId}${fulfills.outputIndex}`;
  return latin1Bytes(hash("sha3-256", `${text}${link}`, "binary"));
}

function withText(members: MemberTexts, name: string, text: string): MemberTexts {
  return members.map((member) => (member[0] === name ? [name, text] : member));
}

function withoutFulfillments(inputs: JsonValue): JsonValue {
  if (!isJsonArray(inputs)) return inputs;
  return inputs.map((input) => (isJsonObject(input) ? new Map(input).set("fulfillment", null) : input));
}
