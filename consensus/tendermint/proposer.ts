import assert from "node:assert";
import type { Validator, ValidatorSet } from "#storage/types/validatorSet.ts";
import { findValidator, incrementProposerPriority } from "#storage/types/validatorSet.ts";

/**
 * proposer(h, round) of one height: the set's own proposer in round 0, then one priority increment per round. CometBFT increments by
 * the number of rounds it jumps; one by one gives every node the same proposer whichever rounds it skipped (research/cometbft.md §5.1).
 * Asking for rounds in rising order costs one increment each; the proposers found are kept.
 */
export function createProposerSchedule(
  validators: ValidatorSet,
): (round: number) => { index: number; validator: Validator } {
  const found: { index: number; validator: Validator }[] = [];
  let last = validators;
  return (round) => {
    assert(Number.isSafeInteger(round) && round >= 0, "a round is a natural number");
    while (found.length <= round) {
      if (found.length > 0) last = incrementProposerPriority(last, 1);
      const proposer = findValidator(last, last.proposer.address);
      assert(proposer !== undefined, "the proposer is a member of its set");
      found.push(proposer);
    }
    const proposer = found[round];
    assert(proposer !== undefined);
    return proposer;
  };
}
