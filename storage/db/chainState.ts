import { MAX_CHAIN_ID_BYTES } from "../limits.ts";
import { type BlockId, encodeBlockId, NIL_BLOCK_ID, readBlockId } from "../types/blockId.ts";
import { FormatError } from "../types/formatError.ts";
import { type ConsensusParams, decodeConsensusParams, encodeConsensusParams } from "../types/params.ts";
import { encodeTimestamp, readTimestamp, type Timestamp, ZERO_TIME } from "../types/time.ts";
import { encodeValidatorSet, readValidatorSet, type ValidatorSet } from "../types/validatorSet.ts";
import { EMPTY_BYTES, FieldReader, FieldWriter } from "../types/wire.ts";
import { bucketKey, heightKey, heightRange } from "./buckets.ts";
import { decodeRecord, loadRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";
import { validatorSetOperation } from "./validatorHistory.ts";

const CHAIN_STATE_KEY = bucketKey("chainState");
const HASH_BYTES = 32;

/** What the next block is checked against: the chain after `lastBlockHeight` (CometBFT state/state.go State). */
export interface ChainState {
  readonly chainId: string;
  readonly initialHeight: number;
  /** 0 before the first block. */
  readonly lastBlockHeight: number;
  readonly lastBlockId: BlockId;
  /** Genesis time before the first block. */
  readonly lastBlockTime: Timestamp;
  /** Signed the last block; undefined before the first block. */
  readonly lastValidators: ValidatorSet | undefined;
  /** Decides the next block. */
  readonly validators: ValidatorSet;
  /** Decides the block after the next. */
  readonly nextValidators: ValidatorSet;
  readonly lastHeightValidatorsChanged: number;
  readonly consensusParams: ConsensusParams;
  /** Hash of the last block's transaction results; 32 bytes, or empty before the first block. */
  readonly lastResultsHash: Uint8Array;
  /** Application state after the last block. */
  readonly appHash: Uint8Array;
}

/**
 * What a new chain state changes, for the batch of its height: the state, the validators of the height after the next, and consensus
 * parameters that changed. `before` is the state it follows; undefined for the one made from genesis.
 */
export function chainStateOperations(after: ChainState, before: ChainState | undefined): readonly StoreOperation[] {
  const nextHeight = after.lastBlockHeight === 0 ? after.initialHeight : after.lastBlockHeight + 1;
  const operations: StoreOperation[] = [{ type: "put", key: CHAIN_STATE_KEY, value: encodeChainState(after) }];
  if (before === undefined) operations.push(validatorSetOperation(nextHeight, after.validators, undefined));
  operations.push(validatorSetOperation(nextHeight + 1, after.nextValidators, after.validators));
  const params = encodeConsensusParams(after.consensusParams);
  if (before === undefined || Buffer.compare(params, encodeConsensusParams(before.consensusParams)) !== 0)
    operations.push({ type: "put", key: heightKey("consensusParams", nextHeight), value: params });
  return operations;
}

/** The chain after the last committed block; undefined in a new store. */
export async function loadChainState(store: Store): Promise<ChainState | undefined> {
  return loadRecord(store, CHAIN_STATE_KEY, decodeChainState);
}

/** The parameters in force at `height`; undefined below the first height kept. */
export async function loadConsensusParams(store: Store, height: number): Promise<ConsensusParams | undefined> {
  const range = { ...heightRange("consensusParams", 0, height + 1), reverse: true, limit: 1 };
  for await (const [key, bytes] of store.iterate(range)) return decodeRecord(key, bytes, decodeConsensusParams);
  return undefined;
}

export function encodeChainState(state: ChainState): Uint8Array {
  const writer = new FieldWriter()
    .text(1, state.chainId)
    .int(2, state.initialHeight)
    .int(3, state.lastBlockHeight)
    .message(4, encodeBlockId(state.lastBlockId))
    .message(5, encodeTimestamp(state.lastBlockTime));
  if (state.lastValidators !== undefined) writer.message(6, encodeValidatorSet(state.lastValidators));
  return writer
    .message(7, encodeValidatorSet(state.validators))
    .message(8, encodeValidatorSet(state.nextValidators))
    .int(9, state.lastHeightValidatorsChanged)
    .message(10, encodeConsensusParams(state.consensusParams))
    .bytes(11, state.lastResultsHash)
    .bytes(12, state.appHash)
    .finish();
}

/** @throws FormatError, ValidatorSetError */
export function decodeChainState(bytes: Uint8Array): ChainState {
  let chainId = "";
  let initialHeight = 0;
  let lastBlockHeight = 0;
  let lastBlockId = NIL_BLOCK_ID;
  let lastBlockTime = ZERO_TIME;
  let lastValidators: ValidatorSet | undefined;
  let validators: ValidatorSet | undefined;
  let nextValidators: ValidatorSet | undefined;
  let lastHeightValidatorsChanged = 0;
  let consensusParams: ConsensusParams | undefined;
  let lastResultsHash: Uint8Array = EMPTY_BYTES;
  let appHash: Uint8Array = EMPTY_BYTES;
  const fields = new FieldReader("chainState", bytes);
  while (fields.next()) {
    if (fields.number === 1) chainId = fields.text("chainState.chainId", MAX_CHAIN_ID_BYTES);
    else if (fields.number === 2) initialHeight = fields.count("chainState.initialHeight");
    else if (fields.number === 3) lastBlockHeight = fields.count("chainState.lastBlockHeight");
    else if (fields.number === 4) lastBlockId = readBlockId(fields.message());
    else if (fields.number === 5) lastBlockTime = readTimestamp(fields.message());
    else if (fields.number === 6) lastValidators = readValidatorSet(fields.message());
    else if (fields.number === 7) validators = readValidatorSet(fields.message());
    else if (fields.number === 8) nextValidators = readValidatorSet(fields.message());
    else if (fields.number === 9) lastHeightValidatorsChanged = fields.count("chainState.lastHeightValidatorsChanged");
    else if (fields.number === 10) consensusParams = decodeConsensusParams(fields.message());
    else if (fields.number === 11) lastResultsHash = fields.bytesOf("chainState.lastResultsHash", HASH_BYTES);
    else if (fields.number === 12) appHash = fields.bytesUpTo("chainState.appHash", HASH_BYTES);
    else fields.refuse();
  }
  if (validators === undefined || nextValidators === undefined || consensusParams === undefined)
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "chainState.validators" });
  return {
    chainId,
    initialHeight,
    lastBlockHeight,
    lastBlockId,
    lastBlockTime,
    lastValidators,
    validators,
    nextValidators,
    lastHeightValidatorsChanged,
    consensusParams,
    lastResultsHash,
    appHash,
  };
}
