import type { Quantity } from "#storage/types/reading.ts";
import { parseScaledDecimal } from "#storage/types/readingDecimal.ts";
import type { RejectionReason } from "../source.ts";
import { unitExponent } from "../units.ts";

export type MeasuredValue = { readonly value: number } | { readonly rejected: RejectionReason };

/** "000004.426*kWh" in the unit of the quantity. The unit is the one that stands there, whatever the object usually has. */
export function readMeasuredValue(text: string, quantity: Quantity): MeasuredValue {
  if (text === "") return { rejected: "empty-value" };
  const star = text.indexOf("*");
  const exponent = star < 0 ? undefined : unitExponent(quantity, text.slice(star + 1));
  if (exponent === undefined || exponent < 0) return { rejected: "unknown-unit" };
  const parsed = parseScaledDecimal(text.slice(0, star), exponent);
  if (!("fault" in parsed)) return parsed;
  return { rejected: parsed.fault === "OUT_OF_RANGE" ? "over-limit" : "not-a-number" };
}

/** Whether a value in parentheses has a unit, as all measurements have. */
export function hasUnit(text: string): boolean {
  return /\*[A-Za-z]/.test(text);
}
