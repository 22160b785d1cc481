/** A decimal number, exactly: whole · 10^-places. Event values are amounts in mWh and heights, which a float would round. */
export interface Decimal {
  readonly whole: bigint;
  readonly places: number;
}

/** Digits of one number: more cost time and mean nothing. */
const MAX_DIGITS = 100;

/** `5`, `5.`, `5.25`, `-5`; undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^([+-]?\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null || text.length > MAX_DIGITS) return undefined;
  const [, integer = "", fraction = ""] = match;
  return { whole: BigInt(integer + fraction), places: fraction.length };
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  const left = a.whole * 10n ** BigInt(Math.max(0, b.places - a.places));
  const right = b.whole * 10n ** BigInt(Math.max(0, a.places - b.places));
  return left < right ? -1 : left > right ? 1 : 0;
}
