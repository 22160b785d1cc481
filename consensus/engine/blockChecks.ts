import type { ChainState } from "#storage/db/chainState.ts";
import type { Verdict } from "#storage/error.ts";
import { ACCEPTED, rejected } from "#storage/error.ts";
import type { Block } from "#storage/types/block.ts";
import { dataHash } from "#storage/types/block.ts";
import { equalBlockIds } from "#storage/types/blockId.ts";
import { hashCommit } from "#storage/types/commit.ts";
import { verifyCommit } from "#storage/types/commitVerify.ts";
import { encodeEvidence, hashEvidenceList } from "#storage/types/evidence.ts";
import { medianTime } from "#storage/types/medianTime.ts";
import { hashConsensusParams } from "#storage/types/params.ts";
import type { Timestamp } from "#storage/types/time.ts";
import { compareTimestamps } from "#storage/types/time.ts";
import { findValidator, hashValidatorSet } from "#storage/types/validatorSet.ts";

/** CometBFT's block protocol version. */
export const BLOCK_PROTOCOL = 11n;

/** Whether precommits for nil count for the next block's time too. */
export interface MedianRule {
  readonly countNil: boolean;
}

/** Only precommits for the block count for its time (CometBFT 0.40, #5901). */
export const MEDIAN_RULE: MedianRule = { countNil: false };

/**
 * Checks a block against the chain it would extend (CometBFT state/validation.go and Block.ValidateBasic), everything but its evidence,
 * which the evidence pool judges:
 * a) version: BLOCK_VERSION                    b) chain id: BLOCK_CHAIN_ID
 * c) height: BLOCK_HEIGHT                      d) previous block id: BLOCK_LAST_BLOCK_ID
 * e) hashes of its own content: BLOCK_DATA_HASH, BLOCK_LAST_COMMIT_HASH, BLOCK_EVIDENCE_HASH
 * f) hashes of the state: BLOCK_APP_HASH, BLOCK_CONSENSUS_HASH, BLOCK_RESULTS_HASH, BLOCK_VALIDATORS_HASH, BLOCK_NEXT_VALIDATORS_HASH
 * g) proposer is a validator: BLOCK_PROPOSER   h) evidence bytes: BLOCK_EVIDENCE_TOO_LARGE
 * i) the previous commit, all signatures: BLOCK_LAST_COMMIT or the code of verifyCommit
 * j) time: BLOCK_TIME
 * Signatures come last, because they cost the most.
 */
export function checkBlock(block: Block, state: ChainState, rule: MedianRule = MEDIAN_RULE): Verdict {
  const { header } = block;
  if (header.version.block !== BLOCK_PROTOCOL || header.version.app !== BigInt(state.consensusParams.version.app))
    return rejected("BLOCK_VERSION", `block ${header.version.block} app ${header.version.app}`);
  if (header.chainId !== state.chainId) return rejected("BLOCK_CHAIN_ID", header.chainId);
  const height = nextHeight(state);
  if (header.height !== height) return rejected("BLOCK_HEIGHT", `height ${header.height}, expected ${height}`);
  if (!equalBlockIds(header.lastBlockId, state.lastBlockId))
    return rejected("BLOCK_LAST_BLOCK_ID", `height ${height} does not extend this chain`);

  const hashes: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
    ["BLOCK_APP_HASH", header.appHash, state.appHash],
    ["BLOCK_CONSENSUS_HASH", header.consensusHash, hashConsensusParams(state.consensusParams)],
    ["BLOCK_RESULTS_HASH", header.lastResultsHash, state.lastResultsHash],
    ["BLOCK_VALIDATORS_HASH", header.validatorsHash, hashValidatorSet(state.validators)],
    ["BLOCK_NEXT_VALIDATORS_HASH", header.nextValidatorsHash, hashValidatorSet(state.nextValidators)],
    ["BLOCK_LAST_COMMIT_HASH", header.lastCommitHash, hashCommit(block.lastCommit)],
    ["BLOCK_EVIDENCE_HASH", header.evidenceHash, hashEvidenceList(block.evidence)],
    ["BLOCK_DATA_HASH", header.dataHash, dataHash(block.txs)],
  ];
  for (const [code, claimed, computed] of hashes)
    if (Buffer.compare(claimed, computed) !== 0)
      return rejected(code, `claimed ${hex(claimed)}, computed ${hex(computed)}`);

  if (findValidator(state.validators, header.proposerAddress) === undefined)
    return rejected("BLOCK_PROPOSER", `${hex(header.proposerAddress)} is no validator`);
  const evidenceBytes = block.evidence.reduce((sum, evidence) => sum + encodeEvidence(evidence).length, 0);
  if (evidenceBytes > state.consensusParams.evidence.maxBytes)
    return rejected("BLOCK_EVIDENCE_TOO_LARGE", `${evidenceBytes} bytes`);
  return checkCommitAndTime(block, state, rule);
}

/** Height of the block that would extend `state`. */
export function nextHeight(state: ChainState): number {
  return state.lastBlockHeight === 0 ? state.initialHeight : state.lastBlockHeight + 1;
}

/** BFT time: genesis time at the first block, then the weighted median of the previous commit's timestamps. */
export function blockTimeAfter(
  state: ChainState,
  lastCommit: Block["lastCommit"],
  rule: MedianRule = MEDIAN_RULE,
): Timestamp {
  if (state.lastValidators === undefined) return state.lastBlockTime;
  return medianTime(lastCommit, state.lastValidators, rule);
}

function checkCommitAndTime(block: Block, state: ChainState, rule: MedianRule): Verdict {
  const { header, lastCommit } = block;
  if (state.lastValidators === undefined) {
    if (lastCommit.signatures.length !== 0)
      return rejected("BLOCK_LAST_COMMIT", "the first block has no commit before it");
    if (compareTimestamps(header.time, state.lastBlockTime) !== 0)
      return rejected("BLOCK_TIME", "the first block carries the genesis time");
    return ACCEPTED;
  }
  const verdict = verifyCommit(
    state.chainId,
    state.lastValidators,
    state.lastBlockId,
    state.lastBlockHeight,
    lastCommit,
  );
  if (!verdict.accepted) return verdict;
  if (compareTimestamps(header.time, blockTimeAfter(state, lastCommit, rule)) !== 0)
    return rejected("BLOCK_TIME", "not the median of the previous commit");
  if (compareTimestamps(header.time, state.lastBlockTime) <= 0)
    return rejected("BLOCK_TIME", "not later than the previous block");
  return ACCEPTED;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
