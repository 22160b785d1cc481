import type { BlockId } from "./blockId.ts";
import type { Timestamp } from "./time.ts";

/** absent 1: no vote received; commit 2: voted for the block; nil 3: voted for nil. */
export type BlockIdFlag = "absent" | "commit" | "nil";

/** One validator's part of a commit, at its index in the validator set of the commit's height. */
export interface CommitSig {
  readonly blockIdFlag: BlockIdFlag;
  /** 20 bytes; empty when absent. */
  readonly validatorAddress: Uint8Array;
  readonly timestamp: Timestamp;
  readonly signature: Uint8Array;
}

/** More than 2/3 of the voting power precommitted `blockId` at `height` and `round`. */
export interface Commit {
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockId;
  readonly signatures: readonly CommitSig[];
}
