import { type ErrorDetails, LedgerError } from "../error.ts";
import type { Commit } from "./commit.ts";
import { compareTimestamps, type Timestamp } from "./time.ts";
import type { ValidatorSet } from "./validatorSet.ts";

export type MedianTimeErrorDetails = ErrorDetails &
  (
    | { code: "MEDIAN_TIME_SIZE_MISMATCH"; signatures: number; validators: number }
    | { code: "MEDIAN_TIME_ADDRESS_MISMATCH"; index: number }
    | { code: "MEDIAN_TIME_NO_VOTES" }
  );

export class MedianTimeError extends LedgerError<MedianTimeErrorDetails> {}

/**
 * The block time that follows from the previous block's commit: the median of the precommits' timestamps, each weighted with the
 * voting power behind it, so that less than 1/3 of the power cannot move it out of the honest validators' range.
 *
 * A validator is found by index and must carry the address the signature names: looking it up by the unsigned address field let
 * one validator weigh with another's power (CometBFT advisory GHSA-c32p-wcqj-j677).
 *
 * `countNil`: precommits for nil count too, which is CometBFT's rule up to 0.39; from 0.40 on only precommits for the block
 * count (#5901). Networks of the embedded engine use false.
 * @throws MedianTimeError
 */
export function medianTime(commit: Commit, set: ValidatorSet, rule: { readonly countNil: boolean }): Timestamp {
  if (commit.signatures.length !== set.validators.length) {
    const signatures = commit.signatures.length;
    throw new MedianTimeError({ code: "MEDIAN_TIME_SIZE_MISMATCH", signatures, validators: set.validators.length });
  }
  const votes: { readonly time: Timestamp; readonly power: bigint }[] = [];
  let total = 0n;
  for (const [index, signature] of commit.signatures.entries()) {
    if (signature.blockIdFlag === "absent" || (signature.blockIdFlag === "nil" && !rule.countNil)) continue;
    const validator = set.validators[index];
    if (validator === undefined || Buffer.compare(validator.address, signature.validatorAddress) !== 0) {
      throw new MedianTimeError({ code: "MEDIAN_TIME_ADDRESS_MISMATCH", index });
    }
    votes.push({ time: signature.timestamp, power: validator.votingPower });
    total += validator.votingPower;
  }
  votes.sort((a, b) => compareTimestamps(a.time, b.time));
  let rest = total / 2n;
  for (const vote of votes) {
    if (rest <= vote.power) return vote.time;
    rest -= vote.power;
  }
  throw new MedianTimeError({ code: "MEDIAN_TIME_NO_VOTES" });
}
