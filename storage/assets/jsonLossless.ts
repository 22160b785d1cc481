import { MAX_ASSET_JSON_DEPTH } from "../limits.ts";

/** A number as it was written: what it is hashed as depends on its digits, not on what a double makes of them. */
export interface JsonNumber {
  readonly lexeme: string;
}

/** Members in order of their first appearance, as in a Python dict; `__proto__` is a name like another. */
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonArray = readonly JsonValue[];
export type JsonValue = null | boolean | string | JsonNumber | JsonArray | JsonObject;

/** A text in canonical form (canonicalJson.ts): its members need not be written anew. */
export interface CanonicalText {
  readonly text: string;
  /** Where the value of each of the outermost object's members begins and ends, in the order of the text. */
  readonly values: ReadonlyMap<string, readonly [start: number, end: number]>;
}

export type JsonVerdict =
  /** `canonical`: of an object whose text is in canonical form, as far as that is seen in passing: never of one with a float, or with a surrogate pair in a name. */
  | { readonly accepted: true; readonly value: JsonValue; readonly canonical?: CanonicalText }
  | { readonly accepted: false; readonly reason: string };

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isJsonArray(value: JsonValue | undefined): value is JsonArray {
  return Array.isArray(value);
}

export function isJsonNumber(value: JsonValue | undefined): value is JsonNumber {
  return typeof value === "object" && value !== null && "lexeme" in value;
}

/** Whether Python's parser makes an int of it, not a float. */
export function isInteger({ lexeme }: JsonNumber): boolean {
  return !/[.eE]/.test(lexeme);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * JSON (RFC 8259) without loss: numbers keep their digits, of members with one name the last counts. Refused, with the place:
 * what is no JSON (also NaN and Infinity, which Python reads), numbers beyond a double's range, texts with half a surrogate pair, which
 * UTF-8 cannot hold, and more than MAX_ASSET_JSON_DEPTH levels. Never throws; the caller has checked the length.
 */
export function parseJson(input: Uint8Array | string): JsonVerdict {
  let text: string;
  try {
    text = typeof input === "string" ? input : utf8.decode(input);
  } catch {
    return { accepted: false, reason: "not UTF-8" };
  }
  const source: Source = { text, at: 0, failure: undefined, isCanonical: true, values: new Map() };
  skipSpace(source);
  const value = readValue(source, 0);
  if (value === undefined) return { accepted: false, reason: source.failure ?? at(source, "not JSON") };
  skipSpace(source);
  if (source.at < text.length) return { accepted: false, reason: at(source, "more than one value") };
  const { isCanonical, values } = source;
  return isCanonical && isJsonObject(value)
    ? { accepted: true, value, canonical: { text, values } }
    : { accepted: true, value };
}

interface Source {
  readonly text: string;
  at: number;
  failure: string | undefined;
  isCanonical: boolean;
  readonly values: Map<string, readonly [start: number, end: number]>;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function at({ at: position }: Source, reason: string): string {
  return `${reason} at character ${position}`;
}

/** Undefined: what stands there is not accepted, and `failure` says why. The first reason stays. */
function fail(source: Source, reason: string): undefined {
  source.failure ??= at(source, reason);
  return undefined;
}

function readValue(source: Source, depth: number): JsonValue | undefined {
  switch (source.text.charCodeAt(source.at)) {
    case OPEN_BRACE:
      return depth >= MAX_ASSET_JSON_DEPTH ? fail(source, "nested too deeply") : readObject(source, depth + 1);
    case OPEN_BRACKET:
      return depth >= MAX_ASSET_JSON_DEPTH ? fail(source, "nested too deeply") : readArray(source, depth + 1);
    case QUOTE:
      return readString(source);
    case 0x74:
      return readWord(source, "true", true);
    case 0x66:
      return readWord(source, "false", false);
    case 0x6e:
      return readWord(source, "null", null);
    default:
      return readNumber(source);
  }
}

function readWord<T extends JsonValue>(source: Source, word: string, value: T): T | undefined {
  if (!source.text.startsWith(word, source.at)) return fail(source, "not JSON");
  source.at += word.length;
  return value;
}

function readObject(source: Source, depth: number): JsonObject | undefined {
  const members = new Map<string, JsonValue>();
  let before: string | undefined;
  source.at += 1;
  skipSpace(source);
  if (take(source, CLOSE_BRACE)) return members;
  for (;;) {
    if (source.text.charCodeAt(source.at) !== QUOTE) return fail(source, "a member's name expected");
    const name = readString(source);
    if (name === undefined) return undefined;
    if (before !== undefined && (before >= name || SURROGATE.test(name) || SURROGATE.test(before)))
      source.isCanonical = false;
    before = name;
    skipSpace(source);
    if (!take(source, COLON)) return fail(source, "a colon expected");
    skipSpace(source);
    const start = source.at;
    const value = readValue(source, depth);
    if (value === undefined) return undefined;
    members.set(name, value);
    if (depth === 1) source.values.set(name, [start, source.at]);
    skipSpace(source);
    if (take(source, CLOSE_BRACE)) return members;
    if (!take(source, COMMA)) return fail(source, "a comma or the object's end expected");
    skipSpace(source);
  }
}

function readArray(source: Source, depth: number): JsonArray | undefined {
  const items: JsonValue[] = [];
  source.at += 1;
  skipSpace(source);
  if (take(source, CLOSE_BRACKET)) return items;
  for (;;) {
    const value = readValue(source, depth);
    if (value === undefined) return undefined;
    items.push(value);
    skipSpace(source);
    if (take(source, CLOSE_BRACKET)) return items;
    if (!take(source, COMMA)) return fail(source, "a comma or the array's end expected");
    skipSpace(source);
  }
}

/** Where names with these are, their order as UTF-16 need not be that of their code points. */
const SURROGATE = /[\ud800-\udfff]/;

/** Runs without escapes are cut out as they stand, which is most of a transaction. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows none of these.
const PLAIN_RUN = /[^"\\\u0000-\u001f]*/y;
const HEX4 = /^[0-9a-fA-F]{4}$/;
/** Of control characters without an escape of their own; everything else stands for itself. */
const CANONICAL_HEX4 = /^00(?:0[0-7BEF]|1[0-9A-F])$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

function readString(source: Source): string | undefined {
  const { text } = source;
  let read = "";
  source.at += 1;
  for (;;) {
    PLAIN_RUN.lastIndex = source.at;
    PLAIN_RUN.test(text);
    const end = PLAIN_RUN.lastIndex;
    read += text.slice(source.at, end);
    source.at = end;
    const code = text.charCodeAt(end);
    if (code === QUOTE) {
      source.at += 1;
      return read.isWellFormed() ? read : fail(source, "half a surrogate pair in a text");
    }
    if (code !== BACKSLASH)
      return fail(source, Number.isNaN(code) ? "a text without end" : "a control character in a text");
    const escaped = text.charAt(end + 1);
    if (escaped === "u") {
      const hex = text.slice(end + 2, end + 6);
      if (!HEX4.test(hex)) return fail(source, "an escape that is none");
      if (!CANONICAL_HEX4.test(hex)) source.isCanonical = false;
      read += String.fromCharCode(Number.parseInt(hex, 16));
      source.at = end + 6;
    } else {
      const character = Object.hasOwn(ESCAPES, escaped) ? ESCAPES[escaped] : undefined;
      if (character === undefined) return fail(source, "an escape that is none");
      if (character === "/") source.isCanonical = false;
      read += character;
      source.at = end + 2;
    }
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

function readNumber(source: Source): JsonNumber | undefined {
  NUMBER.lastIndex = source.at;
  if (!NUMBER.test(source.text)) return fail(source, "not JSON");
  const number: JsonNumber = { lexeme: source.text.slice(source.at, NUMBER.lastIndex) };
  if (!isInteger(number) && !Number.isFinite(Number(number.lexeme))) return fail(source, "a number too large");
  // How a float is written is Python's matter.
  if (!isInteger(number) || number.lexeme === "-0") source.isCanonical = false;
  source.at = NUMBER.lastIndex;
  return number;
}

function take(source: Source, code: number): boolean {
  if (source.text.charCodeAt(source.at) !== code) return false;
  source.at += 1;
  return true;
}

function skipSpace(source: Source): void {
  for (;;) {
    const code = source.text.charCodeAt(source.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    source.isCanonical = false;
    source.at += 1;
  }
}
