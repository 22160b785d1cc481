import { type PublicKey, verifyVoteSignature } from "../crypto/keys.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { type BlockId, equalBlockIds, isNilBlockId } from "./blockId.ts";
import { type Commit, commitSignBytes, commitSigProblem } from "./commit.ts";
import { findValidator, type Validator, type ValidatorSet } from "./validatorSet.ts";

/** How vote signatures are checked; by default ZIP-215 as CometBFT does. Callers may answer from a cache of verified votes. */
export type VerifySignature = (publicKey: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean;

export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/** At least one honest validator is among any third of the power. */
export const DEFAULT_TRUST_LEVEL: Fraction = { numerator: 1, denominator: 3 };

const TWO_THIRDS: Fraction = { numerator: 2, denominator: 3 };

/** A signature that counts or must be checked, with the validator who gave it. */
interface Signed {
  readonly index: number;
  readonly validator: Validator;
}

/**
 * Verifies that more than 2/3 of `set` committed `blockId` at `height`, and that EVERY signature in the commit is good: the
 * commit decides the block time and who is told to have signed, so stopping at 2/3 would let a proposer smuggle in false
 * witnesses (Tendermint 0.33.6). Used for the last commit of a block.
 *  a) one signature per validator — COMMIT_SIZE_MISMATCH
 *  b) height and block id as expected, not nil — COMMIT_HEIGHT_MISMATCH, COMMIT_BLOCK_ID_MISMATCH, COMMIT_BLOCK_ID_NIL
 *  c) every signature well-formed — COMMIT_SIGNATURE_MALFORMED
 *  d) signature i names validator i: power is counted for the key that is checked, never for an address that is only
 *     claimed (GHSA-c32p-wcqj-j677, tendermint-rs GHSA-6jrf-4jv4-r9mw) — COMMIT_ADDRESS_MISMATCH
 *  e) the power behind `blockId` exceeds 2/3; votes for nil count for nothing — COMMIT_POWER_INSUFFICIENT
 *  f) the signatures, last because they are dear — COMMIT_SIGNATURE_INVALID
 */
export function verifyCommit(
  chainId: string,
  set: ValidatorSet,
  blockId: BlockId,
  height: number,
  commit: Commit,
  verify: VerifySignature = verifyVoteSignature,
): Verdict {
  return verifyByIndex(chainId, set, blockId, height, commit, verify, { allSignatures: true });
}

/** Like verifyCommit, but looks only at signatures for the block and stops at 2/3: for light nodes, never for executing a block. */
export function verifyCommitLight(
  chainId: string,
  set: ValidatorSet,
  blockId: BlockId,
  height: number,
  commit: Commit,
  verify: VerifySignature = verifyVoteSignature,
): Verdict {
  return verifyByIndex(chainId, set, blockId, height, commit, verify, { allSignatures: false });
}

/**
 * Verifies that more than `level` of the TRUSTED set's power signed a commit of another, later set. Validators are found by
 * address, since positions differ between sets; the signature is checked with the trusted set's own key for that address.
 *  a) 1/3 <= level <= 1 — COMMIT_TRUST_LEVEL_INVALID
 *  b) the commit is for a block — COMMIT_BLOCK_ID_NIL
 *  c) no address signs twice — COMMIT_DOUBLE_VOTE; well-formed signatures — COMMIT_SIGNATURE_MALFORMED
 *  d) enough power — COMMIT_POWER_INSUFFICIENT
 *  e) the signatures — COMMIT_SIGNATURE_INVALID
 */
export function verifyCommitLightTrusting(
  chainId: string,
  trustedSet: ValidatorSet,
  commit: Commit,
  level: Fraction = DEFAULT_TRUST_LEVEL,
  verify: VerifySignature = verifyVoteSignature,
): Verdict {
  if (!isTrustLevel(level)) {
    return rejected("COMMIT_TRUST_LEVEL_INVALID", `${level.numerator}/${level.denominator} is not within [1/3, 1]`);
  }
  if (isNilBlockId(commit.blockId)) return rejected("COMMIT_BLOCK_ID_NIL", "the commit is for no block");
  const needed = powerNeeded(trustedSet, level);
  const signed: Signed[] = [];
  const seen = new Set<Validator>();
  let power = 0n;
  for (const [index, signature] of commit.signatures.entries()) {
    if (signature.blockIdFlag !== "commit") continue;
    const problem = commitSigProblem(signature);
    if (problem !== undefined) return rejected("COMMIT_SIGNATURE_MALFORMED", `signature ${index}: ${problem}`);
    const validator = findValidator(trustedSet, signature.validatorAddress)?.validator;
    if (validator === undefined) continue;
    if (seen.has(validator)) return rejected("COMMIT_DOUBLE_VOTE", `signature ${index} repeats a validator`);
    seen.add(validator);
    signed.push({ index, validator });
    power += validator.votingPower;
    if (power > needed) break;
  }
  if (power <= needed) return insufficient(power, needed);
  return verifySignatures(chainId, commit, signed, verify);
}

/** Whether a trust level lies within [1/3, 1]. */
export function isTrustLevel(level: Fraction): boolean {
  const { numerator, denominator } = level;
  if (!Number.isSafeInteger(numerator) || !Number.isSafeInteger(denominator) || denominator <= 0) return false;
  return BigInt(numerator) * 3n >= BigInt(denominator) && numerator <= denominator;
}

function verifyByIndex(
  chainId: string,
  set: ValidatorSet,
  blockId: BlockId,
  height: number,
  commit: Commit,
  verify: VerifySignature,
  scope: { readonly allSignatures: boolean },
): Verdict {
  if (commit.signatures.length !== set.validators.length) {
    const counts = `${commit.signatures.length} signatures for ${set.validators.length} validators`;
    return rejected("COMMIT_SIZE_MISMATCH", counts);
  }
  if (commit.height !== height) {
    return rejected("COMMIT_HEIGHT_MISMATCH", `the commit is for height ${commit.height}, not ${height}`);
  }
  if (!equalBlockIds(commit.blockId, blockId)) {
    return rejected("COMMIT_BLOCK_ID_MISMATCH", "the commit is for another block");
  }
  if (isNilBlockId(blockId)) return rejected("COMMIT_BLOCK_ID_NIL", "the commit is for no block");
  const needed = powerNeeded(set, TWO_THIRDS);
  const signed: Signed[] = [];
  let power = 0n;
  for (const [index, signature] of commit.signatures.entries()) {
    if (!scope.allSignatures && signature.blockIdFlag !== "commit") continue;
    const problem = commitSigProblem(signature);
    if (problem !== undefined) return rejected("COMMIT_SIGNATURE_MALFORMED", `signature ${index}: ${problem}`);
    if (signature.blockIdFlag === "absent") continue;
    const validator = set.validators[index] as Validator;
    if (Buffer.compare(validator.address, signature.validatorAddress) !== 0) {
      return rejected("COMMIT_ADDRESS_MISMATCH", `signature ${index} names another validator`);
    }
    signed.push({ index, validator });
    if (signature.blockIdFlag === "commit") power += validator.votingPower;
    if (!scope.allSignatures && power > needed) break;
  }
  if (power <= needed) return insufficient(power, needed);
  return verifySignatures(chainId, commit, signed, verify);
}

function verifySignatures(
  chainId: string,
  commit: Commit,
  signed: readonly Signed[],
  verify: VerifySignature,
): Verdict {
  for (const { index, validator } of signed) {
    const { signature } = commit.signatures[index] as Commit["signatures"][number];
    if (!verify(validator.publicKey, commitSignBytes(commit, index, chainId), signature)) {
      return rejected("COMMIT_SIGNATURE_INVALID", `signature ${index} is not validator ${index}'s`);
    }
  }
  return ACCEPTED;
}

/** The power that must be exceeded. The total is summed from the validators, so a wrong cached total cannot lower the bar. */
function powerNeeded(set: ValidatorSet, level: Fraction): bigint {
  const total = set.validators.reduce((sum, validator) => sum + validator.votingPower, 0n);
  return (total * BigInt(level.numerator)) / BigInt(level.denominator);
}

function insufficient(power: bigint, needed: bigint): Verdict {
  return rejected("COMMIT_POWER_INSUFFICIENT", `power ${power} does not exceed ${needed}`);
}
