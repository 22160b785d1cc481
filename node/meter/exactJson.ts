import type { DecimalResult } from "#storage/types/readingDecimal.ts";
import { parseScaledDecimal } from "#storage/types/readingDecimal.ts";
import { jsonDepth } from "../api/jsonBody.ts";
import type { RejectionReason } from "./source.ts";

/** A number of a JSON text as it was spelled there: no float is formed of it. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type ExactJson = null | boolean | string | JsonNumber | readonly ExactJson[] | ExactObject;
export interface ExactObject {
  readonly [key: string]: ExactJson;
}

/** Nesting of a meter's message; the deepest seen (EV telemetry) has 6. */
export const MAX_MESSAGE_DEPTH = 24;

/** Beyond it a number in exponent form is out of every range, or zero. */
const MAX_EXPONENT = 40;

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/** The value of a JSON text, or undefined when it is none, or nested deeper than MAX_MESSAGE_DEPTH. Never throws. */
export function parseExactJson(text: string): ExactJson | undefined {
  if (jsonDepth(text) > MAX_MESSAGE_DEPTH) return undefined;
  try {
    return JSON.parse(text, exactNumber) as ExactJson;
  } catch {
    return undefined;
  }
}

/** ECMAScript's JSON.parse source text access; the type of the third parameter is not in the library yet. */
function exactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" ? new JsonNumber(context?.source ?? "") : value;
}

export function isObject(value: ExactJson | undefined): value is ExactObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

export function isList(value: ExactJson | undefined): value is readonly ExactJson[] {
  return Array.isArray(value);
}

/** An own member of an object; undefined also when `value` is no object. */
export function member(value: ExactJson | undefined, key: string): ExactJson | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A member that is a text. */
export function textOf(value: ExactJson | undefined, key: string): string | undefined {
  const found = member(value, key);
  return typeof found === "string" ? found : undefined;
}

/** A member that is an integer of 0..2^53 - 1, as a number. */
export function countOf(value: ExactJson | undefined, key: string): number | undefined {
  const found = member(value, key);
  if (!(found instanceof JsonNumber) || !/^\d{1,16}$/.test(found.text)) return undefined;
  const number = Number(found.text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A JSON text again, its numbers spelled as they were; shortened by whoever shows it. */
export function showJson(value: ExactJson | undefined): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => (inner instanceof JsonNumber ? rawJson(inner.text) : inner)) ?? ""
  );
}

/** ECMAScript's JSON.rawJSON, like the source text access above. */
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;

/**
 * `value` times 10^`exponent` as an exact integer, half to even. A number or a text of one, as protocols that send values as strings do; exponent forms
 * ("1.2E3") are read by their digits too.
 */
export function scaledInteger(
  value: ExactJson | undefined,
  exponent: number,
): { readonly value: number } | { readonly reason: RejectionReason } {
  if (value === null || value === undefined) return { reason: "null-value" };
  const text = value instanceof JsonNumber ? value.text : typeof value === "string" ? value.trim() : undefined;
  if (text === undefined) return { reason: "not-a-number" };
  if (text === "") return { reason: "empty-value" };
  const result = parseDecimal(text, exponent);
  if ("value" in result) return result;
  return { reason: result.fault === "OUT_OF_RANGE" ? "over-limit" : "not-a-number" };
}

/** Like parseScaledDecimal, also for negative scales and exponent forms: the point is moved in the text. */
export function parseDecimal(text: string, exponent: number): DecimalResult {
  if (exponent >= 0 && !/e/i.test(text)) return parseScaledDecimal(text, exponent);
  const [, sign = "", whole = "", fraction = "", power = "0"] = NUMBER.exec(text) ?? [];
  if (whole === "" && fraction === "") return { fault: "NOT_A_NUMBER" };
  const shift = exponent + Number(power);
  if (Math.abs(shift) > MAX_EXPONENT) return /[1-9]/.test(whole + fraction) && shift > 0 ? OUT_OF_RANGE : { value: 0 };
  if (shift >= 0) return parseScaledDecimal(`${sign}${whole}.${fraction}`, shift);
  const digits = whole.padStart(1 - shift, "0");
  return parseScaledDecimal(`${sign}${digits.slice(0, shift)}.${digits.slice(shift)}${fraction}`, 0);
}

const OUT_OF_RANGE: DecimalResult = { fault: "OUT_OF_RANGE" };
