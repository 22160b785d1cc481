/**
 * floor(a × factor / b), at most `max`, as an exact integer. a and b are safe integers, a >= 0, b > 0. Numbers where the product is exact,
 * bigints beyond.
 */
export function scaledRatio(a: number, factor: number, b: number, max: number): number {
  const product = a * factor;
  // The rest is taken off first: a float division alone would round.
  if (Number.isSafeInteger(product)) return Math.min(max, (product - (product % b)) / b);
  const quotient = (BigInt(a) * BigInt(factor)) / BigInt(b);
  return quotient > BigInt(max) ? max : Number(quotient);
}

/** a / b rounded half to even; b > 0. */
export function divideHalfEven(a: bigint, b: bigint): bigint {
  const negative = a < 0n;
  const magnitude = negative ? -a : a;
  let quotient = magnitude / b;
  const twice = 2n * (magnitude % b);
  if (twice > b || (twice === b && quotient % 2n === 1n)) quotient += 1n;
  return negative ? -quotient : quotient;
}

/** a / b in thousandths, rounded half to even; undefined when b is 0. */
export function thousandths(a: bigint, b: bigint): number | undefined {
  if (b === 0n) return undefined;
  return Number(b < 0n ? divideHalfEven(-a * 1000n, -b) : divideHalfEven(a * 1000n, b));
}
