import { ACCEPTED, rejected, type Verdict } from "#storage/error.ts";
import { isNilBlockId } from "#storage/types/blockId.ts";
import { commitSigProblem } from "#storage/types/commit.ts";
import {
  DEFAULT_TRUST_LEVEL,
  type Fraction,
  type VerifySignature,
  verifyCommitLight,
  verifyCommitLightTrusting,
} from "#storage/types/commitVerify.ts";
import { type Header, hashHeader, headerProblem } from "#storage/types/header.ts";
import type { LightBlock, SignedHeader } from "#storage/types/lightBlock.ts";
import { addMs, compareTimestamps, timestampFromMs } from "#storage/types/time.ts";
import { hashValidatorSet } from "#storage/types/validatorSet.ts";

export interface LightRules {
  /** How long a verified header may be built on; shorter than the chain keeps evidence, so that liars can still be punished. */
  readonly trustingPeriodMs: number;
  /** How far a header's time may lie in the future. */
  readonly maxClockDriftMs: number;
  /** Share of the trusted power that must have signed a header that is not adjacent; within [1/3, 1]. */
  readonly trustLevel: Fraction;
  /** How signatures are checked; absent: ZIP-215 as CometBFT does. */
  readonly verifySignature?: VerifySignature;
}

/** Two weeks of trust, for a chain that keeps evidence for three; 10 s of drift and 1/3 as in CometBFT's light client. */
export const DEFAULT_LIGHT_RULES: LightRules = {
  trustingPeriodMs: 14 * 24 * 3600 * 1000,
  maxClockDriftMs: 10_000,
  trustLevel: DEFAULT_TRUST_LEVEL,
};

/**
 * Verifies the block right after `trusted` (CometBFT light/verifier.go VerifyAdjacent). Checks in order, a code each:
 *  a) heights are adjacent — LIGHT_NOT_ADJACENT
 *  b) `trusted` has not expired — LIGHT_TRUSTED_EXPIRED
 *  c) the block is sound, see verifyNewBlock
 *  d) its validators are those that `trusted` announced — LIGHT_NEXT_VALIDATORS_MISMATCH
 *  e) more than 2/3 of them signed — COMMIT_*
 */
export function verifyAdjacent(
  trusted: SignedHeader,
  untrusted: LightBlock,
  rules: LightRules,
  nowMs: number,
): Verdict {
  const { header, commit } = untrusted.signedHeader;
  if (header.height !== trusted.header.height + 1) {
    return rejected("LIGHT_NOT_ADJACENT", `height ${header.height} does not follow ${trusted.header.height}`);
  }
  if (isExpired(trusted.header, rules.trustingPeriodMs, nowMs)) return expired(trusted.header);
  const sound = verifyNewBlock(trusted.header, untrusted, rules, nowMs);
  if (!sound.accepted) return sound;
  if (Buffer.compare(header.validatorsHash, trusted.header.nextValidatorsHash) !== 0) {
    return rejected("LIGHT_NEXT_VALIDATORS_MISMATCH", "the validators are not those the trusted header announced");
  }
  const { validatorSet } = untrusted;
  return verifyCommitLight(header.chainId, validatorSet, commit.blockId, header.height, commit, rules.verifySignature);
}

/**
 * Verifies a block further ahead, without those between (VerifyNonAdjacent). Checks in order, a code each:
 *  a) heights are not adjacent — LIGHT_ADJACENT
 *  b) `trusted` has not expired — LIGHT_TRUSTED_EXPIRED
 *  c) the block is sound, see verifyNewBlock
 *  d) more than the trust level of the trusted validators signed — LIGHT_TRUST_INSUFFICIENT, which means: try a nearer
 *     block first; a false signature or a double vote is COMMIT_*
 *  e) more than 2/3 of the block's own validators signed — COMMIT_*; last, because an attacker chooses how large that set is
 */
export function verifyNonAdjacent(
  trusted: LightBlock,
  untrusted: LightBlock,
  rules: LightRules,
  nowMs: number,
): Verdict {
  const { header, commit } = untrusted.signedHeader;
  const trustedHeader = trusted.signedHeader.header;
  if (header.height === trustedHeader.height + 1) {
    return rejected("LIGHT_ADJACENT", `height ${header.height} follows ${trustedHeader.height}`);
  }
  if (isExpired(trustedHeader, rules.trustingPeriodMs, nowMs)) return expired(trustedHeader);
  const sound = verifyNewBlock(trustedHeader, untrusted, rules, nowMs);
  if (!sound.accepted) return sound;
  const { chainId } = trustedHeader;
  const overlap = verifyCommitLightTrusting(
    chainId,
    trusted.validatorSet,
    commit,
    rules.trustLevel,
    rules.verifySignature,
  );
  if (!overlap.accepted) {
    return overlap.code === "COMMIT_POWER_INSUFFICIENT"
      ? rejected("LIGHT_TRUST_INSUFFICIENT", overlap.reason)
      : overlap;
  }
  const { validatorSet } = untrusted;
  return verifyCommitLight(chainId, validatorSet, commit.blockId, header.height, commit, rules.verifySignature);
}

/** verifyAdjacent or verifyNonAdjacent, as the heights are. */
export function verify(trusted: LightBlock, untrusted: LightBlock, rules: LightRules, nowMs: number): Verdict {
  return untrusted.signedHeader.header.height === trusted.signedHeader.header.height + 1
    ? verifyAdjacent(trusted.signedHeader, untrusted, rules, nowMs)
    : verifyNonAdjacent(trusted, untrusted, rules, nowMs);
}

/**
 * Verifies the header right before one that is verified already: no signatures needed, the newer header names its hash.
 * Codes: LIGHT_HEADER_MALFORMED, LIGHT_CHAIN_ID_MISMATCH, LIGHT_TIME_NOT_BEFORE, LIGHT_LAST_BLOCK_MISMATCH.
 */
export function verifyBackwards(older: Header, newer: Header): Verdict {
  const problem = headerProblem(older);
  if (problem !== undefined) return rejected("LIGHT_HEADER_MALFORMED", problem);
  if (older.chainId !== newer.chainId) return rejected("LIGHT_CHAIN_ID_MISMATCH", "the header is of another chain");
  if (compareTimestamps(older.time, newer.time) >= 0) {
    return rejected("LIGHT_TIME_NOT_BEFORE", "the older header is not older");
  }
  if (older.height !== newer.height - 1 || Buffer.compare(hashHeader(older), newer.lastBlockId.hash) !== 0) {
    return rejected("LIGHT_LAST_BLOCK_MISMATCH", `the header is not the one height ${newer.height} builds on`);
  }
  return ACCEPTED;
}

/**
 * Checks what a light block says about itself, without any trust:
 *  a) header and commit are well-formed — LIGHT_HEADER_MALFORMED, LIGHT_COMMIT_MALFORMED
 *  b) the chain — LIGHT_CHAIN_ID_MISMATCH
 *  c) the commit is for this header — LIGHT_COMMIT_HEIGHT_MISMATCH, LIGHT_COMMIT_HASH_MISMATCH
 *  d) the validator set is the header's — LIGHT_VALIDATORS_HASH_MISMATCH
 */
export function verifyConsistent(block: LightBlock, chainId: string): Verdict {
  const sound = verifySignedHeader(block.signedHeader, chainId);
  return sound.accepted ? verifyValidatorsHash(block) : sound;
}

/** Whether a header is too old to build on: `time + period` must lie after now. */
export function isExpired(header: Header, trustingPeriodMs: number, nowMs: number): boolean {
  return compareTimestamps(addMs(header.time, trustingPeriodMs), timestampFromMs(nowMs)) <= 0;
}

/** a..c of verifyConsistent, then: higher and later than the trusted header, not from the future, and d. */
function verifyNewBlock(trusted: Header, untrusted: LightBlock, rules: LightRules, nowMs: number): Verdict {
  const sound = verifySignedHeader(untrusted.signedHeader, trusted.chainId);
  if (!sound.accepted) return sound;
  const { header } = untrusted.signedHeader;
  if (header.height <= trusted.height) {
    return rejected("LIGHT_HEIGHT_NOT_GREATER", `height ${header.height} is not above ${trusted.height}`);
  }
  if (compareTimestamps(header.time, trusted.time) <= 0) {
    return rejected("LIGHT_TIME_NOT_AFTER", "the header is not later than the trusted one");
  }
  if (compareTimestamps(header.time, addMs(timestampFromMs(nowMs), rules.maxClockDriftMs)) >= 0) {
    return rejected("LIGHT_TIME_FROM_FUTURE", "the header is from the future");
  }
  return verifyValidatorsHash(untrusted);
}

function verifySignedHeader({ header, commit }: SignedHeader, chainId: string): Verdict {
  const problem = headerProblem(header);
  if (problem !== undefined) return rejected("LIGHT_HEADER_MALFORMED", problem);
  if (isNilBlockId(commit.blockId)) return rejected("LIGHT_COMMIT_MALFORMED", "the commit is for no block");
  if (commit.signatures.length === 0) return rejected("LIGHT_COMMIT_MALFORMED", "the commit has no signatures");
  for (const [index, signature] of commit.signatures.entries()) {
    const fault = commitSigProblem(signature);
    if (fault !== undefined) return rejected("LIGHT_COMMIT_MALFORMED", `signature ${index}: ${fault}`);
  }
  if (header.chainId !== chainId)
    return rejected("LIGHT_CHAIN_ID_MISMATCH", `the header is of chain ${header.chainId}`);
  if (commit.height !== header.height) {
    return rejected("LIGHT_COMMIT_HEIGHT_MISMATCH", `the commit is for ${commit.height}, the header ${header.height}`);
  }
  if (Buffer.compare(commit.blockId.hash, hashHeader(header)) !== 0) {
    return rejected("LIGHT_COMMIT_HASH_MISMATCH", "the commit is for another header");
  }
  return ACCEPTED;
}

function verifyValidatorsHash({ signedHeader, validatorSet }: LightBlock): Verdict {
  if (Buffer.compare(hashValidatorSet(validatorSet), signedHeader.header.validatorsHash) !== 0) {
    return rejected("LIGHT_VALIDATORS_HASH_MISMATCH", "the validator set is not the header's");
  }
  return ACCEPTED;
}

function expired(trusted: Header): Verdict {
  return rejected("LIGHT_TRUSTED_EXPIRED", `the trusted header at height ${trusted.height} is too old to build on`);
}
