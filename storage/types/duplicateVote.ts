import { verifyVoteSignature } from "../crypto/keys.ts";
import { ACCEPTED, type ErrorDetails, LedgerError, rejected, type Verdict } from "../error.ts";
import { blockIdKey } from "./blockId.ts";
import type { VerifySignature } from "./commitVerify.ts";
import type { DuplicateVoteEvidence } from "./evidence.ts";
import type { Timestamp } from "./time.ts";
import { findValidator, type ValidatorSet } from "./validatorSet.ts";
import { type Vote, voteSignBytes } from "./vote.ts";

export type EvidenceErrorDetails = ErrorDetails & { code: "EVIDENCE_VALIDATOR_UNKNOWN"; address: Uint8Array };

export class EvidenceError extends LedgerError<EvidenceErrorDetails> {}

/**
 * Puts two conflicting votes in order and adds what the application is told about them.
 * blockTime and set: of the height the votes are for. Taking them from anywhere else makes evidence nobody can verify (CVE-2021-21271).
 * @throws EvidenceError EVIDENCE_VALIDATOR_UNKNOWN
 */
export function makeDuplicateVoteEvidence(
  first: Vote,
  second: Vote,
  blockTime: Timestamp,
  set: ValidatorSet,
): DuplicateVoteEvidence {
  const found = findValidator(set, first.validatorAddress);
  if (found === undefined) {
    throw new EvidenceError({ code: "EVIDENCE_VALIDATOR_UNKNOWN", address: first.validatorAddress });
  }
  const inOrder = Buffer.compare(blockIdKey(first.blockId), blockIdKey(second.blockId)) < 0;
  return {
    type: "duplicateVote",
    voteA: inOrder ? first : second,
    voteB: inOrder ? second : first,
    totalVotingPower: set.totalVotingPower,
    validatorPower: found.validator.votingPower,
    timestamp: blockTime,
  };
}

/**
 * Verifies that one validator of `set` signed both votes. `set` and `blockTime` are those of the height of the votes.
 *  a) same height, round and type — EVIDENCE_VOTES_UNRELATED
 *  b) same validator, which is in the set, at its place there — EVIDENCE_VALIDATOR_MISMATCH, EVIDENCE_VALIDATOR_UNKNOWN. The place is not
 *     signed: with any other, one misbehaviour would make evidence without end (CometBFT does not look at it)
 *  c) different block ids, the smaller key first — EVIDENCE_ORDER
 *  d) powers and time are those of that height — EVIDENCE_POWER_MISMATCH, EVIDENCE_TIME_MISMATCH
 *  e) both signatures are good — EVIDENCE_SIGNATURE_INVALID
 * Whether it is too old is for the evidence pool to say: that needs the present height and time.
 */
export function verifyDuplicateVote(
  evidence: DuplicateVoteEvidence,
  chainId: string,
  set: ValidatorSet,
  blockTime: Timestamp,
  verify: VerifySignature = verifyVoteSignature,
): Verdict {
  const { voteA, voteB } = evidence;
  if (voteA.height !== voteB.height || voteA.round !== voteB.round || voteA.type !== voteB.type) {
    return rejected("EVIDENCE_VOTES_UNRELATED", "the votes differ in height, round or type");
  }
  if (Buffer.compare(voteA.validatorAddress, voteB.validatorAddress) !== 0) {
    return rejected("EVIDENCE_VALIDATOR_MISMATCH", "the votes name different validators");
  }
  const found = findValidator(set, voteA.validatorAddress);
  if (found === undefined)
    return rejected("EVIDENCE_VALIDATOR_UNKNOWN", "the validator is not in the set of that height");
  if (voteA.validatorIndex !== found.index || voteB.validatorIndex !== found.index) {
    return rejected("EVIDENCE_VALIDATOR_MISMATCH", `the votes are not those of the validator at place ${found.index}`);
  }
  if (Buffer.compare(blockIdKey(voteA.blockId), blockIdKey(voteB.blockId)) >= 0) {
    return rejected("EVIDENCE_ORDER", "the block ids are equal or in the wrong order");
  }
  if (evidence.validatorPower !== found.validator.votingPower || evidence.totalVotingPower !== set.totalVotingPower) {
    return rejected("EVIDENCE_POWER_MISMATCH", "the powers are not those of the set");
  }
  if (evidence.timestamp.seconds !== blockTime.seconds || evidence.timestamp.nanos !== blockTime.nanos) {
    return rejected("EVIDENCE_TIME_MISMATCH", "the time is not the block's");
  }
  for (const vote of [voteA, voteB]) {
    if (!verify(found.validator.publicKey, voteSignBytes(vote, chainId), vote.signature)) {
      return rejected(
        "EVIDENCE_SIGNATURE_INVALID",
        `the signature of the vote at round ${vote.round} is not the validator's`,
      );
    }
  }
  return ACCEPTED;
}
