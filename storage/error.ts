/** Every error of this program has a code and the facts that explain it; the message is built from both. */
export type ErrorDetails = { readonly code: string; readonly [fact: string]: unknown };

/**
 * Base of every error thrown on purpose. `details.code` is stable and documented in the README of the folder that throws it;
 * the other fields of `details` are the facts, so that tests and callers never parse messages.
 */
export class LedgerError<D extends ErrorDetails = ErrorDetails> extends Error {
  readonly details: D;

  constructor(details: D, options?: { cause?: unknown }) {
    super(formatDetails(details), options);
    this.name = new.target.name;
    this.details = details;
  }

  get code(): D["code"] {
    return this.details.code;
  }
}

/** `CODE fact=value fact=value`; bytes are shown as hex, bigints as decimal. */
export function formatDetails(details: ErrorDetails): string {
  const { code, ...facts } = details;
  const shown = Object.entries(facts).map(([name, value]) => `${name}=${formatFact(value)}`);
  return [code, ...shown].join(" ");
}

function formatFact(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "string") return /\s/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === "object" && value !== null) return jsonOf(value);
  return String(value);
}

/** A fact may be a value from outside: nested deeper than JSON.stringify can follow, it is left out. */
function jsonOf(value: object): string {
  try {
    return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));
  } catch {
    return Array.isArray(value) ? "[…]" : "{…}";
  }
}

/** A verdict on untrusted input where a throw would cost too much: about 3 µs against 0.03 µs (STYLE.md §4.5). */
export type Verdict =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly code: string; readonly reason: string };

export const ACCEPTED: Verdict = { accepted: true };

export function rejected(code: string, reason: string): Verdict {
  return { accepted: false, code, reason };
}
