/** Why a decimal text is not an integer quantity. */
export type DecimalFault = "NOT_A_NUMBER" | "OUT_OF_RANGE";

export type DecimalResult = { readonly value: number } | { readonly fault: DecimalFault };

/** Characters of a decimal text: the longest register seen has 16 digits; more is refused before it is looked at. */
export const MAX_DECIMAL_CHARS = 64;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?$/;

/**
 * `text` times 10^`scale` as an exact integer, rounded half to even, by digits: no float is ever formed, so "0.285" kWh is
 * 285 Wh and "00052185.7825309" kWh is 52 185 782 531 mWh. Leading zeros, a sign, a missing integer or fraction part are fine;
 * exponents, separators, NaN, Infinity and an empty text are not. Surrounding spaces are the caller's to trim.
 * value: |value| <= 2^53 - 1. Never throws.
 */
export function parseScaledDecimal(text: string, scale: number): DecimalResult {
  if (text.length > MAX_DECIMAL_CHARS) return { fault: "NOT_A_NUMBER" };
  const match = DECIMAL.exec(text);
  if (match === null) return { fault: "NOT_A_NUMBER" };
  const [, sign, whole = "", fraction = ""] = match;
  if (whole === "" && fraction === "") return { fault: "NOT_A_NUMBER" };

  const kept = fraction.slice(0, scale).padEnd(scale, "0");
  const digits = (whole + kept).replace(/^0+/, "") || "0";
  // 2^53 - 1 has 16 digits: longer is out of range, and up to 16 digits Number() of a digit string is exact below 2^53.
  if (digits.length > 16) return { fault: "OUT_OF_RANGE" };
  const truncated = Number(digits);
  const magnitude = truncated + roundUp(fraction.slice(scale), truncated % 2 === 1);
  if (!Number.isSafeInteger(magnitude)) return { fault: "OUT_OF_RANGE" };
  return { value: sign === "-" && magnitude !== 0 ? -magnitude : magnitude };
}

/**
 * Energy in kWh as printed by a meter or a file, as integer mWh.
 * roundToWh: the resolution of the source is 1 Wh and further digits are float dirt (0.17 % of the Low Carbon London values
 * read like "1.2920001", research/data.md §1), so the value is rounded to a whole Wh.
 */
export function parseKwhToMwh(text: string, options: { readonly roundToWh: boolean }): DecimalResult {
  if (!options.roundToWh) return parseScaledDecimal(text, 6);
  const wattHours = parseScaledDecimal(text, 3);
  if ("fault" in wattHours) return wattHours;
  const value = wattHours.value * 1000;
  return Number.isSafeInteger(value) ? { value } : { fault: "OUT_OF_RANGE" };
}

/** 1 when the digits cut off are more than a half, or exactly a half behind an odd digit. */
function roundUp(cut: string, odd: boolean): 0 | 1 {
  if (cut === "" || cut[0]! < "5") return 0;
  if (cut[0]! > "5" || /[1-9]/.test(cut.slice(1))) return 1;
  return odd ? 1 : 0;
}
