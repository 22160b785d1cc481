import type { BlockId } from "./blockId.ts";
import type { Timestamp } from "./time.ts";

/** CometBFT SignedMsgType: prevote 1, precommit 2, proposal 32. */
export type VoteType = "prevote" | "precommit";

/** A validator's signed vote; a nil block id votes for nil. */
export interface Vote {
  readonly type: VoteType;
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockId;
  readonly timestamp: Timestamp;
  /** 20 bytes. */
  readonly validatorAddress: Uint8Array;
  /** Position in the validator set of this height, from 0. */
  readonly validatorIndex: number;
  /** 64 bytes Ed25519; empty while unsigned. */
  readonly signature: Uint8Array;
}

/** The round's proposer proposes a block; `polRound` is the round of the polka it rests on, -1 for none. */
export interface Proposal {
  readonly height: number;
  readonly round: number;
  readonly polRound: number;
  readonly blockId: BlockId;
  readonly timestamp: Timestamp;
  readonly signature: Uint8Array;
}
