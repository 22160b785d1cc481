import type { BlockId } from "#storage/types/blockId.ts";
import type { ConsensusParams } from "#storage/types/params.ts";
import type { Timestamp } from "#storage/types/time.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";

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
  /** Hash of the last block's transaction results. */
  readonly lastResultsHash: Uint8Array;
  /** Application state after the last block. */
  readonly appHash: Uint8Array;
}
