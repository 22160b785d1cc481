import type { Answer } from "./connection.ts";
import type { Identity } from "./registerMap.ts";

/**
 * Which meter it is, as a text: a number in decimal, or what stands in the text. Undefined when the meter has no such register, or when it holds nothing:
 * zeros, ones, spaces. A meter may answer 0 for a register that it does not have.
 */
export function readIdentity({ words }: Answer, identity: Identity): string | undefined {
  if (typeof words === "number" || words.length < identity.words * 2) return undefined;
  if (identity.type !== "ascii") {
    const hex = words.subarray(0, identity.words * 2).toString("hex");
    return /^(0+|f+)$/.test(hex) ? undefined : BigInt(`0x${hex}`).toString();
  }
  const text = words
    .toString("latin1")
    .replace(/[\0\s]+$/, "")
    .trimStart();
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}
