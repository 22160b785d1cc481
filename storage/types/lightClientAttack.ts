import { verifyVoteSignature } from "../crypto/keys.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { type VerifySignature, verifyCommit, verifyCommitLightTrusting } from "./commitVerify.ts";
import type { LightClientAttackEvidence } from "./evidence.ts";
import { type Header, hashHeader } from "./header.ts";
import type { LightBlock, SignedHeader } from "./lightBlock.ts";
import { findValidator, hashValidatorSet, type Validator, type ValidatorSet } from "./validatorSet.ts";

/**
 * A block of this chain that the two sides of an attack have in common, with the set of its height: for a lunatic attack the last block
 * below the forged one that both agree on, else the true block at the same height.
 */
export interface CommonBlock {
  readonly signedHeader: SignedHeader;
  readonly validatorSet: ValidatorSet;
}

/**
 * The three attacks of the light client specification (CometBFT spec/light-client/attacks): lunatic, where the forged header says of the state
 * what no correct validator could have derived; equivocation, where the same validators signed two blocks in one round; amnesia, two
 * blocks in different rounds, which does not show who is to blame.
 */
export function isLunatic(trusted: Header, conflicting: Header): boolean {
  const derived = ["validatorsHash", "nextValidatorsHash", "consensusHash", "appHash", "lastResultsHash"] as const;
  return derived.some((name) => Buffer.compare(trusted[name], conflicting[name]) !== 0);
}

/** Who is to blame, the most powerful first, equal power by address (CometBFT GetByzantineValidators). Empty for amnesia. */
export function byzantineValidators(
  conflicting: LightBlock,
  commonSet: ValidatorSet,
  trusted: SignedHeader,
): readonly Validator[] {
  const { header, commit } = conflicting.signedHeader;
  const signers = commit.signatures.filter(({ blockIdFlag }) => blockIdFlag === "commit");
  let guilty: Validator[];
  if (isLunatic(trusted.header, header))
    guilty = signers.flatMap(({ validatorAddress }) => findValidator(commonSet, validatorAddress)?.validator ?? []);
  else if (trusted.commit.round === commit.round)
    guilty = commit.signatures.flatMap(({ blockIdFlag, validatorAddress }, index) => {
      const other = trusted.commit.signatures[index];
      if (blockIdFlag !== "commit" || other?.blockIdFlag !== "commit") return [];
      return findValidator(conflicting.validatorSet, validatorAddress)?.validator ?? [];
    });
  else return [];
  return guilty.sort((a, b) =>
    a.votingPower === b.votingPower ? Buffer.compare(a.address, b.address) : a.votingPower > b.votingPower ? -1 : 1,
  );
}

/**
 * Evidence that validators signed `conflicting`, which is not the block of its height. `below`: the last block under it that both sides have;
 * `trusted`: the true block at its height.
 */
export function makeLightClientAttackEvidence(
  conflicting: LightBlock,
  below: CommonBlock,
  trusted: CommonBlock,
): LightClientAttackEvidence {
  const isForged = isLunatic(trusted.signedHeader.header, conflicting.signedHeader.header);
  const common = isForged ? below : trusted;
  const { height, time } = common.signedHeader.header;
  return {
    type: "lightClientAttack",
    conflictingBlock: conflicting,
    commonHeight: height,
    byzantineValidators: byzantineValidators(conflicting, common.validatorSet, trusted.signedHeader),
    totalVotingPower: common.validatorSet.totalVotingPower,
    timestamp: time,
  };
}

/**
 * Verifies an attack against this chain. `common` is our block at the evidence's common height, `trusted` ours at the conflicting height. In
 * this order:
 *  a) the conflicting block is of this chain, not ours, not below the common height — EVIDENCE_BLOCK_MISMATCH
 *  b) its set and commit are the header's — EVIDENCE_BLOCK_MALFORMED
 *  c) at one height its header is one that could have been derived; else more than a third of the common set signed it —
 *     EVIDENCE_HEADER_UNRELATED, COMMIT_POWER_INSUFFICIENT
 *  d) more than 2/3 of its own set signed it, and every signature is good, because each of them blames somebody — codes of verifyCommit
 *  e) power and time are those of the common block — EVIDENCE_POWER_MISMATCH, EVIDENCE_TIME_MISMATCH
 *  f) exactly those are blamed who are to blame — EVIDENCE_VALIDATORS_MISMATCH
 */
export function verifyLightClientAttack(
  evidence: LightClientAttackEvidence,
  chainId: string,
  common: CommonBlock,
  trusted: SignedHeader,
  verify: VerifySignature = verifyVoteSignature,
): Verdict {
  const { conflictingBlock, commonHeight } = evidence;
  const { header, commit } = conflictingBlock.signedHeader;
  const set = conflictingBlock.validatorSet;
  const hash = hashHeader(header);
  if (header.chainId !== chainId || header.height < commonHeight || header.height !== trusted.header.height)
    return rejected("EVIDENCE_BLOCK_MISMATCH", `block ${header.height} of ${header.chainId}`);
  if (Buffer.compare(hash, hashHeader(trusted.header)) === 0)
    return rejected("EVIDENCE_BLOCK_MISMATCH", "the block is the one of this chain");
  if (Buffer.compare(header.validatorsHash, hashValidatorSet(set)) !== 0)
    return rejected("EVIDENCE_BLOCK_MALFORMED", "the validator set is not the header's");
  if (Buffer.compare(commit.blockId.hash, hash) !== 0)
    return rejected("EVIDENCE_BLOCK_MALFORMED", "the commit is for another header");

  if (header.height === commonHeight) {
    if (isLunatic(trusted.header, header))
      return rejected("EVIDENCE_HEADER_UNRELATED", "at the common height the header must follow from this chain");
  } else {
    const trusting = verifyCommitLightTrusting(chainId, common.validatorSet, commit, undefined, verify);
    if (!trusting.accepted) return trusting;
  }
  const committed = verifyCommit(chainId, set, commit.blockId, header.height, commit, verify);
  if (!committed.accepted) return committed;

  const { time } = common.signedHeader.header;
  if (evidence.totalVotingPower !== common.validatorSet.totalVotingPower)
    return rejected("EVIDENCE_POWER_MISMATCH", "the power is not that of the common height");
  if (evidence.timestamp.seconds !== time.seconds || evidence.timestamp.nanos !== time.nanos)
    return rejected("EVIDENCE_TIME_MISMATCH", "the time is not that of the common block");
  const guilty = byzantineValidators(conflictingBlock, common.validatorSet, trusted);
  const blamed = evidence.byzantineValidators;
  if (blamed.length !== guilty.length || !blamed.every((validator, i) => isSame(validator, guilty[i])))
    return rejected("EVIDENCE_VALIDATORS_MISMATCH", `${blamed.length} are blamed, ${guilty.length} are to blame`);
  return ACCEPTED;
}

function isSame(a: Validator, b: Validator | undefined): boolean {
  return b !== undefined && Buffer.compare(a.address, b.address) === 0 && a.votingPower === b.votingPower;
}
