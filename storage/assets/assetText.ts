import { scoreText } from "./textTokens.ts";

/** Words of one transaction's asset, and of its metadata, that are found by text search; what comes after them is not. */
export const MAX_INDEXED_TOKENS = 1024;

/** Fields of one transaction's metadata that are found by value. */
export const MAX_INDEXED_FIELDS = 64;

/** Bytes of a metadata field's path and value together; longer ones are not found. */
export const MAX_FIELD_BYTES = 512;

/** Levels of a document that are looked at. */
const MAX_DEPTH = 100;

/** A JSON document: as JSON.parse answers it, with `exactJson` also numbers as their digits. */
export type Json = unknown;

/** A number, or what looks like one inside a text, that JavaScript might write with other digits than it has: fractions, exponents, minus zero, from 16 digits on. */
const OTHER_DIGITS = /(?:^|[:,[])\s*-?(?:\d+[.eE]|\d{16}|(?<=-)0)/;

/**
 * Parses JSON so that JSON.stringify writes every number with the digits it had. Where these are the ones that JavaScript writes anyway, which is nearly
 * always, a plain parse does, in a fifth of the time. @throws SyntaxError
 */
export function parseWithDigits(text: string): Json {
  if (!OTHER_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(text, ((_key: string, value: unknown, context: { readonly source?: string }) =>
    typeof value === "number" && context.source !== undefined ? rawJson(context.source) : value) as (
    key: string,
    value: unknown,
  ) => unknown);
}

// ECMAScript's JSON.parse source text access, which the compiler's library does not declare yet.
const { rawJSON: rawJson, isRawJSON: isRawJson } = JSON as unknown as {
  readonly rawJSON: (text: string) => { readonly rawJSON: string };
  readonly isRawJSON: (value: unknown) => value is { readonly rawJSON: string };
};

/** The texts of a document; numbers and names of members are no text (MongoDB's text index over `$**` has it so). Read as they are taken. */
export function* textsOf(document: Json, depth = 0): Generator<string> {
  if (typeof document === "string") yield document;
  if (typeof document !== "object" || document === null || isRawJson(document) || depth >= MAX_DEPTH) return;
  for (const inner of Object.values(document)) yield* textsOf(inner, depth + 1);
}

/** What each word of a document counts for, over all of its texts. At most MAX_INDEXED_TOKENS different words. */
export function scoreDocument(document: Json): ReadonlyMap<string, number> {
  const scores = new Map<string, number>();
  for (const text of textsOf(document))
    for (const [token, score] of scoreText(text)) {
      const known = scores.get(token);
      if (known === undefined && scores.size >= MAX_INDEXED_TOKENS) return scores;
      scores.set(token, (known ?? 0) + score);
    }
  return scores;
}

/** A member of a document: its path with dots, and its value as text; numbers by their digits. */
export interface DocumentField {
  readonly path: string;
  readonly value: string;
}

/** The plain values of a document, at most MAX_INDEXED_FIELDS; those of a list share the list's path. */
export function fieldsOf(document: Json): readonly DocumentField[] {
  const fields = new Map<string, DocumentField>();
  walk(document, "", 0, (path, value) => {
    const text = plainText(value);
    if (text === undefined || Buffer.byteLength(path) + Buffer.byteLength(text) > MAX_FIELD_BYTES) return true;
    fields.set(`${path}\0${text}`, { path, value: text });
    return fields.size < MAX_INDEXED_FIELDS;
  });
  return [...fields.values()];
}

/** Undefined for null, lists and objects. */
function plainText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (isRawJson(value)) return value.rawJSON;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** Visits every value that is neither list nor object; answers false when the visitor has enough. */
function walk(value: Json, path: string, depth: number, visit: (path: string, value: unknown) => boolean): boolean {
  if (typeof value !== "object" || value === null || isRawJson(value)) return visit(path, value);
  if (depth >= MAX_DEPTH) return true;
  const isList = Array.isArray(value);
  for (const [name, inner] of Object.entries(value)) {
    const innerPath = isList ? path : path === "" ? name : `${path}.${name}`;
    if (!walk(inner, innerPath, depth + 1, visit)) return false;
  }
  return true;
}
