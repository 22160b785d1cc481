import type { LightBlock } from "#storage/types/lightBlock.ts";
import { LightError } from "./lightError.ts";
import { type LightRules, verify } from "./verify.ts";

/**
 * Verifications of one bisection. A set that changes completely with every block needs one step per block; networks change far
 * slower: halving needs about log2 of the distance for each complete change.
 */
export const MAX_BISECT_STEPS = 1_000;

/** The pivot lies at 9/16 of the way, as in CometBFT: a little beyond the middle, since half the way often just fails. */
const PIVOT_NUMERATOR = 9;
const PIVOT_DENOMINATOR = 16;

/**
 * Verifies `target` from `trusted` with as few blocks between as the overlap of validator sets allows: whenever too little of
 * the trusted power signed, a block nearer by is fetched and verified first.
 * Returns the verified blocks in ascending order, without `trusted`, the last one being `target`.
 * @throws LightError LIGHT_BLOCK_REJECTED with the failed check, LIGHT_STEPS_EXCEEDED, and what `fetch` throws
 */
export async function bisect(
  trusted: LightBlock,
  target: LightBlock,
  fetch: (height: number) => Promise<LightBlock>,
  rules: LightRules,
  nowMs: number,
  maxSteps = MAX_BISECT_STEPS,
): Promise<readonly LightBlock[]> {
  const path: LightBlock[] = [];
  /** Blocks waiting for a nearer one to be verified; the nearest is the last. */
  const waiting: LightBlock[] = [target];
  let verified = trusted;
  for (let steps = 0; waiting.length > 0; steps++) {
    const candidate = waiting[waiting.length - 1] as LightBlock;
    const height = heightOf(candidate);
    if (steps === maxSteps) {
      throw new LightError({ code: "LIGHT_STEPS_EXCEEDED", from: heightOf(trusted), to: heightOf(target), maxSteps });
    }
    const verdict = verify(verified, candidate, rules, nowMs);
    if (verdict.accepted) {
      path.push(candidate);
      waiting.pop();
      verified = candidate;
    } else if (verdict.code === "LIGHT_TRUST_INSUFFICIENT") {
      // The distance is at least 2 here, so the pivot lies strictly between.
      const distance = height - heightOf(verified);
      const pivot = heightOf(verified) + Math.floor((distance * PIVOT_NUMERATOR) / PIVOT_DENOMINATOR);
      const block = await fetch(pivot);
      if (heightOf(block) !== pivot) throw wrongHeight(pivot, heightOf(block));
      waiting.push(block);
    } else {
      throw new LightError({ code: "LIGHT_BLOCK_REJECTED", height, check: verdict.code, reason: verdict.reason });
    }
  }
  return path;
}

function wrongHeight(asked: number, height: number): LightError {
  const reason = `asked for height ${asked}`;
  return new LightError({ code: "LIGHT_BLOCK_REJECTED", height, check: "LIGHT_WRONG_HEIGHT", reason });
}

function heightOf(block: LightBlock): number {
  return block.signedHeader.header.height;
}
