import {
  isInteger,
  isJsonArray,
  isJsonObject,
  type JsonNumber,
  type JsonObject,
  type JsonValue,
} from "./jsonLossless.ts";

/**
 * The text that BigchainDB hashes and signs: `rapidjson.dumps(…, ensure_ascii=False, sort_keys=True)` of what Python's parser makes of
 * the value. No spaces; names in order of their code points; only `"`, `\` and control characters escaped, in upper-case hex.
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return canonicalText(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (isJsonArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (isJsonObject(value)) return canonicalMembers(sortedMembers(value));
  return pythonNumber(value);
}

/** Members with their canonical text, in canonical order. */
export function sortedMembers(value: JsonObject): readonly (readonly [name: string, text: string])[] {
  const names = [...value.keys()];
  // They mostly are: a sort makes copies.
  if (!names.every((name, index) => index === 0 || byCodePoint(names[index - 1] as string, name) < 0))
    names.sort(byCodePoint);
  return names.map((name) => [name, canonicalJson(value.get(name) as JsonValue)] as const);
}

export function canonicalMembers(members: readonly (readonly [name: string, text: string])[]): string {
  return `{${members.map(([name, text]) => `${canonicalText(name)}:${text}`).join(",")}}`;
}

/**
 * Strings of UTF-16 sort otherwise than their code points where a surrogate pair meets U+E000 to U+FFFF; only there bytes are
 * compared, as UTF-8 keeps the order of code points.
 */
export function byCodePoint(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

const SURROGATE = /[\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped.
const ESCAPED = /["\\\u0000-\u001f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped.
const EVERY_ESCAPED = /["\\\u0000-\u001f]/g;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function canonicalText(text: string): string {
  if (!ESCAPED.test(text)) return `"${text}"`;
  return `"${text.replace(EVERY_ESCAPED, (character) => SHORT_ESCAPES[character] ?? `\\u${hex4(character)}`)}"`;
}

function hex4(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
}

/** A number as Python's `repr` writes it: ints with all their digits, floats with the fewest that read back to the same double. */
export function pythonNumber(number: JsonNumber): string {
  if (isInteger(number)) return number.lexeme === "-0" ? "0" : number.lexeme;
  return pythonFloat(Number(number.lexeme));
}

/** Python writes an exponent below 1e-4 and from 1e16 on, with at least two digits; JavaScript below 1e-6 and from 1e21 on. */
function pythonFloat(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [mantissa = "0", exponentText = "0"] = Math.abs(value).toExponential().split("e");
  const exponent = Number(exponentText);
  const digits = mantissa.replace(".", "");
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}
