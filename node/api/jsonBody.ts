import { apiError } from "./errors.ts";

/** Nesting of a request's JSON; ours needs 2. A recursive reader of deeper input could exhaust its stack. */
export const MAX_JSON_DEPTH = 16;

/**
 * Parses a request body. Depth is counted on the text before anything is built; `__proto__` keys are refused, since objects of
 * request bodies are spread into others.
 * @throws ApiError BAD_JSON, JSON_TOO_DEEP
 */
export function parseJsonBody(text: string): unknown {
  const depth = jsonDepth(text);
  if (depth > MAX_JSON_DEPTH)
    throw apiError("JSON_TOO_DEEP", `JSON is nested ${depth} deep, ${MAX_JSON_DEPTH} is allowed`);
  let poisoned = false;
  let value: unknown;
  try {
    value = JSON.parse(text, (key, inner: unknown) => {
      if (key === "__proto__") poisoned = true;
      return inner;
    });
  } catch (error) {
    throw apiError("BAD_JSON", `the body is not JSON: ${(error as Error).message}`);
  }
  if (poisoned) throw apiError("BAD_JSON", "the key __proto__ is not allowed");
  return value;
}

/** Deepest nesting of brackets outside of strings, whether or not the text is JSON. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (inString) {
      if (character === 0x5c) i++;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x7b || character === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (character === 0x7d || character === 0x5d) depth--;
  }
  return deepest;
}
