import { generatePrivateKey, publicKeyOf } from "../crypto/keys.ts";
import { type Block, dataHash, encodeBlock } from "../types/block.ts";
import { type BlockId, NIL_BLOCK_ID } from "../types/blockId.ts";
import { type Commit, EMPTY_COMMIT, hashCommit } from "../types/commit.ts";
import { hashEvidenceList } from "../types/evidence.ts";
import { hashHeader } from "../types/header.ts";
import { DEFAULT_CONSENSUS_PARAMS, hashConsensusParams } from "../types/params.ts";
import { partSetHeaderOf } from "../types/partSet.ts";
import { hashResults } from "../types/results.ts";
import { timestampFromMs } from "../types/time.ts";
import {
  hashValidatorSet,
  incrementProposerPriority,
  newValidatorSet,
  updateValidatorSet,
  type ValidatorSet,
} from "../types/validatorSet.ts";
import type { ChainState } from "./chainState.ts";
import type { SavedHeight } from "./ledgerStore.ts";

/** Fixture of the store's tests: a chain that is consistent in everything but its signatures, which the store never looks at. */
export const TEST_CHAIN_ID = "test-chain";

const keyOf = (index: number) =>
  publicKeyOf(generatePrivateKey("ed25519", (length) => new Uint8Array(length).fill(index + 1)));
const POWERS = [10n, 20n, 30n, 45n];

export function testGenesis(): ChainState {
  const validators = newValidatorSet(POWERS.map((power, index) => ({ publicKey: keyOf(index), power })));
  return {
    chainId: TEST_CHAIN_ID,
    initialHeight: 1,
    lastBlockHeight: 0,
    lastBlockId: NIL_BLOCK_ID,
    lastBlockTime: timestampFromMs(1_700_000_000_000),
    lastValidators: undefined,
    validators,
    nextValidators: incrementProposerPriority(validators, 1),
    lastHeightValidatorsChanged: 1,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    lastResultsHash: hashResults([]),
    appHash: new Uint8Array(32).fill(9),
  };
}

/** The next height, with `txs`; validators change at heights divisible by 5, consensus parameters at those divisible by 7. */
export function nextTestHeight(
  before: ChainState,
  seenLast: Commit | undefined,
  txs: readonly Uint8Array[],
): SavedHeight {
  const height = before.lastBlockHeight + 1;
  const lastCommit = seenLast ?? EMPTY_COMMIT;
  const block: Block = {
    header: {
      version: { block: 11n, app: 1n },
      chainId: TEST_CHAIN_ID,
      height,
      time: timestampFromMs(1_700_000_000_000 + height * 1000),
      lastBlockId: before.lastBlockId,
      lastCommitHash: hashCommit(lastCommit),
      dataHash: dataHash(txs),
      validatorsHash: hashValidatorSet(before.validators),
      nextValidatorsHash: hashValidatorSet(before.nextValidators),
      consensusHash: hashConsensusParams(before.consensusParams),
      appHash: before.appHash,
      lastResultsHash: before.lastResultsHash,
      evidenceHash: hashEvidenceList([]),
      proposerAddress: before.validators.proposer.address,
    },
    txs,
    evidence: [],
    lastCommit,
  };
  const blockBytes = encodeBlock(block);
  const blockId: BlockId = { hash: hashHeader(block.header), partSetHeader: partSetHeaderOf(blockBytes) };
  const txResults = txs.map((tx, index) => ({
    code: index % 3 === 2 ? 7 : 0,
    codespace: index % 3 === 2 ? "ledger" : "",
    data: tx.slice(0, 2),
    log: "",
    gasWanted: 0n,
    gasUsed: BigInt(index),
    events: [
      {
        type: "seal",
        attributes: [
          { key: "meter", value: `meter-${index % 4}`, index: true },
          { key: "note", value: "not looked up", index: false },
        ],
      },
    ],
  }));
  const changed =
    height % 5 === 0
      ? updateValidatorSet(before.nextValidators, [{ publicKey: keyOf(height), power: 5n }])
      : before.nextValidators;
  const { block: blockParams } = before.consensusParams;
  const stateAfter: ChainState = {
    ...before,
    lastBlockHeight: height,
    lastBlockId: blockId,
    lastBlockTime: block.header.time,
    lastValidators: before.validators,
    validators: before.nextValidators,
    nextValidators: incrementProposerPriority(changed, 1),
    lastHeightValidatorsChanged: height % 5 === 0 ? height + 2 : before.lastHeightValidatorsChanged,
    consensusParams:
      height % 7 === 0
        ? { ...before.consensusParams, block: { ...blockParams, maxBytes: blockParams.maxBytes - height } }
        : before.consensusParams,
    lastResultsHash: hashResults(txResults),
    appHash: new Uint8Array(32).fill(height),
  };
  return {
    block,
    blockBytes,
    blockId,
    seenCommit: commitOf(height, blockId, before.validators),
    response: { txResults, events: [], validatorUpdates: [], appHash: stateAfter.appHash },
    stateBefore: before,
    stateAfter,
    appWrites: [
      { key: Buffer.from(`entry/${height}`), value: Uint8Array.of(height & 0xff) },
      { key: Buffer.from(`entry/${height - 3}`), value: undefined },
    ],
    committedEvidence:
      height % 4 === 0 ? [{ hash: new Uint8Array(32).fill(height), height: height - 1, time: block.header.time }] : [],
  };
}

/** Heights 1 to `count`, each with `txsPerBlock` transactions. */
export function testChain(count: number, txsPerBlock = 3): readonly SavedHeight[] {
  const heights: SavedHeight[] = [];
  let state = testGenesis();
  for (let height = 1; height <= count; height++) {
    const txs = Array.from({ length: txsPerBlock }, (_, index) => Buffer.from(`tx ${height} ${index}`));
    const saved = nextTestHeight(state, heights.at(-1)?.seenCommit, txs);
    heights.push(saved);
    state = saved.stateAfter;
  }
  return heights;
}

function commitOf(height: number, blockId: BlockId, set: ValidatorSet): Commit {
  return {
    height,
    round: 0,
    blockId,
    signatures: set.validators.map((validator, index) => ({
      blockIdFlag: "commit",
      validatorAddress: validator.address,
      timestamp: timestampFromMs(1_700_000_000_500 + height * 1000 + index),
      signature: new Uint8Array(64).fill(height + index),
    })),
  };
}
