/**
 * The two thresholds of arXiv 1807.04938 for voting power instead of process counts: "2f + 1" is strictly more than 2/3 of the
 * total, "f + 1" strictly more than 1/3. Both multiply instead of dividing, so that no rounding can move the border.
 */

/** Strictly more than 2/3 of `total`. */
export function isQuorum(weight: bigint, total: bigint): boolean {
  return 3n * weight > 2n * total;
}

/** Strictly more than 1/3 of `total`: at least one correct validator is among them. */
export function isHonestMinority(weight: bigint, total: bigint): boolean {
  return 3n * weight > total;
}
