import type { BlockId } from "./blockId.ts";
import type { Timestamp } from "./time.ts";

/** A block header with CometBFT 0.38's fields (types/block.go Header). All hashes are 32 bytes or empty. */
export interface Header {
  /** Block protocol, 11, and the application's own version. */
  readonly version: { readonly block: bigint; readonly app: bigint };
  readonly chainId: string;
  readonly height: number;
  readonly time: Timestamp;
  readonly lastBlockId: BlockId;
  readonly lastCommitHash: Uint8Array;
  /** Merkle root over SHA256(tx) of the block's transactions: the root that a Merkle proof of D5.1 Fig. 9 leads to. */
  readonly dataHash: Uint8Array;
  readonly validatorsHash: Uint8Array;
  readonly nextValidatorsHash: Uint8Array;
  readonly consensusHash: Uint8Array;
  /** State after the block BEFORE this one. */
  readonly appHash: Uint8Array;
  readonly lastResultsHash: Uint8Array;
  readonly evidenceHash: Uint8Array;
  /** 20 bytes. */
  readonly proposerAddress: Uint8Array;
}
