import { merkleLeafHash, merkleRoot } from "#storage/crypto/merkle.ts";
import type { Header } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { txId } from "#storage/types/transaction.ts";
import { HASH_BYTES } from "#storage/types/wire.ts";
import { type BlockMessage, messageItem, messagesOf } from "./blockMessages.ts";
import { BridgeError } from "./bridgeError.ts";

/** One block in an anchor's tree (contracts/src/interfaces/IBridge.sol). */
export interface BlockLeaf {
  readonly height: number;
  /** Unix ms. */
  readonly time: number;
  /** Transactions of the block that succeeded. */
  readonly txCount: number;
  /** Messages of those transactions. */
  readonly messageCount: number;
  /** RFC 6962 root over their ids, 32 bytes; equal to the header's data hash when none failed. */
  readonly txRoot: Uint8Array;
  /** RFC 6962 root over `messageItem` of each of those messages, 32 bytes. */
  readonly messageRoot: Uint8Array;
  /** The header's, 32 bytes: the state after the block before. */
  readonly appHash: Uint8Array;
}

const LEAF_BYTES = 128;

/** What a leaf is made of: a block, and the codes its transactions were executed with. */
export interface ExecutedBlock {
  readonly header: Pick<Header, "height" | "time" | "appHash">;
  readonly txs: readonly Uint8Array[];
  readonly results: readonly { readonly code: number }[];
}

/**
 * The leaf of a block. A transaction that failed is in the block too, with a code and no effect: it is left out here, so that a contract cannot
 * be shown it as if it had happened.
 * @throws BridgeError BRIDGE_RESULTS_COUNT, BRIDGE_APP_HASH, BRIDGE_TX_UNREADABLE
 */
export function blockLeafOf(block: ExecutedBlock): BlockLeaf {
  const ids = succeededTxIds(block);
  const messages = succeededMessages(block).map(messageItem);
  const { height, time, appHash } = block.header;
  if (appHash.length !== HASH_BYTES && appHash.length !== 0)
    throw new BridgeError({ code: "BRIDGE_APP_HASH", bytes: appHash.length });
  return {
    height,
    time: timestampToMs(time),
    txCount: ids.length,
    messageCount: messages.length,
    txRoot: merkleRoot(ids),
    messageRoot: merkleRoot(messages),
    // The first block of a ledger has none: there was no state before it that could be proved.
    appHash: appHash.length === 0 ? new Uint8Array(HASH_BYTES) : appHash,
  };
}

/** Ids of the transactions that succeeded, in their order. @throws BridgeError BRIDGE_RESULTS_COUNT */
export function succeededTxIds(block: Pick<ExecutedBlock, "txs" | "results">): readonly Uint8Array[] {
  return succeededTxs(block).map((tx) => txId(tx));
}

/** Messages of the transactions that succeeded, in their order. @throws BridgeError BRIDGE_RESULTS_COUNT, BRIDGE_TX_UNREADABLE */
export function succeededMessages(block: Pick<ExecutedBlock, "txs" | "results">): readonly BlockMessage[] {
  return succeededTxs(block).flatMap(messagesOf);
}

function succeededTxs({ txs, results }: Pick<ExecutedBlock, "txs" | "results">): readonly Uint8Array[] {
  if (txs.length !== results.length)
    throw new BridgeError({ code: "BRIDGE_RESULTS_COUNT", txs: txs.length, results: results.length });
  return txs.filter((_, index) => results[index]?.code === 0);
}

/** height ‖ time ‖ txCount ‖ messageCount (uint64 each) ‖ txRoot ‖ messageRoot ‖ appHash, big-endian, 128 bytes: the item of the tree. */
export function encodeBlockLeaf(leaf: BlockLeaf): Uint8Array {
  const item = Buffer.alloc(LEAF_BYTES);
  for (const [i, value] of [leaf.height, leaf.time, leaf.txCount, leaf.messageCount].entries())
    item.writeBigUInt64BE(BigInt(value), 8 * i);
  for (const [i, hash] of [leaf.txRoot, leaf.messageRoot, leaf.appHash].entries()) item.set(hash, 32 + 32 * i);
  return new Uint8Array(item);
}

/** SHA256(0x00 ‖ item), 32 bytes. */
export function blockLeafHash(leaf: BlockLeaf): Uint8Array {
  return merkleLeafHash(encodeBlockLeaf(leaf));
}
