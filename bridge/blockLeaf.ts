import { merkleLeafHash, merkleRoot } from "#storage/crypto/merkle.ts";
import type { Header } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { txId } from "#storage/types/transaction.ts";
import { HASH_BYTES } from "#storage/types/wire.ts";
import { BridgeError } from "./bridgeError.ts";

/** One block in an anchor's tree (contracts/src/interfaces/IBridge.sol). */
export interface BlockLeaf {
  readonly height: number;
  /** Unix ms. */
  readonly time: number;
  /** Transactions of the block that succeeded. */
  readonly txCount: number;
  /** RFC 6962 root over their ids, 32 bytes; equal to the header's data hash when none failed. */
  readonly txRoot: Uint8Array;
  /** The header's, 32 bytes: the state after the block before. */
  readonly appHash: Uint8Array;
}

const LEAF_BYTES = 88;

/** What a leaf is made of: a block, and the codes its transactions were executed with. */
export interface ExecutedBlock {
  readonly header: Pick<Header, "height" | "time" | "appHash">;
  readonly txs: readonly Uint8Array[];
  readonly results: readonly { readonly code: number }[];
}

/**
 * The leaf of a block. A transaction that failed is in the block too, with a code and no effect: it is left out here, so that a contract cannot
 * be shown it as if it had happened.
 * @throws BridgeError BRIDGE_RESULTS_COUNT, BRIDGE_APP_HASH
 */
export function blockLeafOf(block: ExecutedBlock): BlockLeaf {
  const ids = succeededTxIds(block);
  const { height, time, appHash } = block.header;
  if (appHash.length !== HASH_BYTES && appHash.length !== 0)
    throw new BridgeError({ code: "BRIDGE_APP_HASH", bytes: appHash.length });
  return {
    height,
    time: timestampToMs(time),
    txCount: ids.length,
    txRoot: merkleRoot(ids),
    // The first block of a ledger has none: there was no state before it that could be proved.
    appHash: appHash.length === 0 ? new Uint8Array(HASH_BYTES) : appHash,
  };
}

/** Ids of the transactions that succeeded, in their order. @throws BridgeError BRIDGE_RESULTS_COUNT */
export function succeededTxIds({ txs, results }: Pick<ExecutedBlock, "txs" | "results">): readonly Uint8Array[] {
  if (txs.length !== results.length)
    throw new BridgeError({ code: "BRIDGE_RESULTS_COUNT", txs: txs.length, results: results.length });
  return txs.filter((_, index) => results[index]?.code === 0).map(txId);
}

/** height ‖ time ‖ txCount (uint64 each) ‖ txRoot ‖ appHash, big-endian, 88 bytes: the item of the tree. */
export function encodeBlockLeaf({ height, time, txCount, txRoot, appHash }: BlockLeaf): Uint8Array {
  const item = Buffer.alloc(LEAF_BYTES);
  item.writeBigUInt64BE(BigInt(height), 0);
  item.writeBigUInt64BE(BigInt(time), 8);
  item.writeBigUInt64BE(BigInt(txCount), 16);
  item.set(txRoot, 24);
  item.set(appHash, 56);
  return new Uint8Array(item);
}

/** SHA256(0x00 ‖ item), 32 bytes. */
export function blockLeafHash(leaf: BlockLeaf): Uint8Array {
  return merkleLeafHash(encodeBlockLeaf(leaf));
}
