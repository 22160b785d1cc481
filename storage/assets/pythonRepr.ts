import { pythonNumber } from "./canonicalJson.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "./jsonLossless.ts";

/** A value as Python's `repr` shows it: BigchainDB's refusals quote values so. */
export function pythonRepr(value: JsonValue): string {
  if (value === null) return "None";
  if (typeof value === "string") return reprText(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (isJsonArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (isJsonObject(value))
    return `{${Array.from(value, ([name, member]) => `${reprText(name)}: ${pythonRepr(member)}`).join(", ")}}`;
  return pythonNumber(value);
}

/** A value as Python's `str` shows it: texts without quotes. */
export function pythonStr(value: JsonValue): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

/** What Python does not print: controls, formats, unassigned and private characters, and separators but the space itself. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Single quotes, unless there are single ones inside and no double ones. */
function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/\\/g, "\\\\").replace(UNPRINTABLE, escapeCharacter);
  return `${quote}${quote === "'" ? escaped.replace(/'/g, "\\'") : escaped}${quote}`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) as number;
  const hex = code.toString(16);
  if (code < 0x100) return NAMED[character] ?? `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
