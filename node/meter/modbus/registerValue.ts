import type { RejectionReason } from "../source.ts";
import { type Register, type RegisterType, type WordOrder, wordsOf } from "./registerMap.ts";

export type RegisterResult = { readonly value: number } | { readonly reason: RejectionReason };

/** The raw bits of a register; words: at least as many bytes as its type needs, each word big-endian as Modbus sends it. */
export function registerBits(words: Buffer, type: RegisterType, wordOrder: WordOrder): bigint {
  const count = wordsOf(type);
  let bits = 0n;
  for (let index = 0; index < count; index++) {
    const word = wordOrder === "big" ? index : count - 1 - index;
    bits = (bits << 16n) | BigInt(words.readUInt16BE(word * 2));
  }
  return bits;
}

/**
 * A register as an integer in the ledger's unit, half to even. No float is formed: integers are scaled as integers, and a float's own value m × 2^e is a
 * fraction of integers, so 52185.78125 (the float32 next to 52185.78) is 52 185 781 250 mWh exactly.
 * reason: sentinel for the type's own, not-a-number for NaN and the infinities, over-limit beyond 2^53 - 1.
 */
export function registerValue(
  words: Buffer,
  register: Register,
  sentinels: ReadonlyMap<RegisterType, bigint>,
): RegisterResult {
  const { type } = register;
  const bits = registerBits(words, type, register.wordOrder);
  if (sentinels.get(type) === bits) return { reason: "sentinel" };
  const number = type.startsWith("float")
    ? floatFraction(bits, type === "float32" ? FLOAT32 : FLOAT64)
    : integerOf(bits, type);
  if (number === undefined) return { reason: "not-a-number" };
  const { exponent, factor } = register;
  const numerator = number.numerator * factor * (exponent > 0 ? 10n ** BigInt(exponent) : 1n);
  const denominator = number.denominator * (exponent < 0 ? 10n ** BigInt(-exponent) : 1n);
  const value = Number(divideHalfEven(numerator, denominator));
  return Number.isSafeInteger(value) ? { value } : { reason: "over-limit" };
}

interface Fraction {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

function integerOf(bits: bigint, type: RegisterType): Fraction {
  const width = wordsOf(type) * 16;
  return { numerator: type.startsWith("u") ? bits : BigInt.asIntN(width, bits), denominator: 1n };
}

/** IEEE 754 binary32 and binary64. */
const FLOAT32 = { fractionBits: 23, exponentBits: 8 };
const FLOAT64 = { fractionBits: 52, exponentBits: 11 };

/** Undefined for NaN and the infinities. */
function floatFraction(bits: bigint, { fractionBits, exponentBits }: typeof FLOAT32): Fraction | undefined {
  const fraction = BigInt.asUintN(fractionBits, bits);
  const biased = Number(BigInt.asUintN(exponentBits, bits >> BigInt(fractionBits)));
  const maxBiased = 2 ** exponentBits - 1;
  if (biased === maxBiased) return undefined;
  const sign = bits >> BigInt(fractionBits + exponentBits) === 0n ? 1n : -1n;
  const significand = biased === 0 ? fraction : fraction | (1n << BigInt(fractionBits));
  const exponent = Math.max(biased, 1) - (maxBiased >> 1) - fractionBits;
  return exponent >= 0
    ? { numerator: sign * (significand << BigInt(exponent)), denominator: 1n }
    : { numerator: sign * significand, denominator: 1n << BigInt(-exponent) };
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const quotient = magnitude / denominator;
  const twice = (magnitude % denominator) * 2n;
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  const rounded = isUp ? quotient + 1n : quotient;
  return numerator < 0n ? -rounded : rounded;
}
