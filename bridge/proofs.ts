import { merkleLeafHash, merkleRoot, proveMerkle, verifyMerkle } from "#storage/crypto/merkle.ts";
import { decodeStateProof } from "#storage/crypto/stateProof.ts";
import { ACCEPTED, rejected, type Verdict } from "#storage/error.ts";
import { AppHashProofSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";
import type { BlockLeaf } from "./blockLeaf.ts";
import { encodeBlockLeaf } from "./blockLeaf.ts";
import { type BlockMessage, messageItem } from "./blockMessages.ts";
import { BridgeError } from "./bridgeError.ts";
import type { Anchor } from "./typedData.ts";

/** Blocks of one anchor at most (contracts/src/Bridge.sol, MAX_ANCHOR_BLOCKS). */
export const MAX_ANCHOR_BLOCKS = 2 ** 20;

/** As the contract takes it: every field by the name it has in contracts/src/interfaces/IBridge.sol. */
export interface BlockProof {
  readonly anchor: Anchor;
  readonly leaf: BlockLeaf;
  readonly path: readonly Uint8Array[];
}

export interface TxProof {
  readonly blockProof: BlockProof;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export interface MessageProof {
  readonly blockProof: BlockProof;
  readonly txId: Uint8Array;
  readonly messageIndex: number;
  /** Among all messages of the block's successful transactions. */
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export interface StateProof {
  readonly blockProof: BlockProof;
  readonly stateRoot: Uint8Array;
  readonly mountainRoot: Uint8Array;
  readonly ancestorCount: bigint;
  /** From the root down; 32 zero bytes for an empty place. */
  readonly siblings: readonly Uint8Array[];
}

/** Root over the leaves of consecutive blocks, 32 bytes. @throws BridgeError BRIDGE_RANGE */
export function anchorRoot(leaves: readonly BlockLeaf[]): Uint8Array {
  checkRange(leaves);
  return merkleRoot(leaves.map(encodeBlockLeaf));
}

/** leaves: of all blocks of the anchor. O(blocks) hashes. @throws BridgeError BRIDGE_RANGE, BRIDGE_HEIGHT_OUTSIDE */
export function proveBlock(anchor: Anchor, leaves: readonly BlockLeaf[], height: number): BlockProof {
  checkRange(leaves);
  const leaf = leaves[height - anchor.fromHeight];
  if (leaf?.height !== height || leaves.length !== anchor.toHeight - anchor.fromHeight + 1)
    throw new BridgeError({ code: "BRIDGE_HEIGHT_OUTSIDE", height });
  const { aunts } = proveMerkle(leaves.map(encodeBlockLeaf), height - anchor.fromHeight);
  return { anchor, leaf, path: aunts };
}

/** succeeded: the ids of all transactions of that block that succeeded (`succeededTxIds`). @throws BridgeError BRIDGE_TX_ABSENT */
export function proveTx(blockProof: BlockProof, succeeded: readonly Uint8Array[], txId: Uint8Array): TxProof {
  const index = succeeded.findIndex((id) => Buffer.compare(id, txId) === 0);
  if (index < 0) throw new BridgeError({ code: "BRIDGE_TX_ABSENT", txId });
  return { blockProof, index, path: proveMerkle(succeeded, index).aunts };
}

/** succeeded: all messages of that block's successful transactions (`succeededMessages`). @throws BridgeError BRIDGE_MESSAGE_ABSENT */
export function proveMessage(
  blockProof: BlockProof,
  succeeded: readonly BlockMessage[],
  txId: Uint8Array,
  messageIndex: number,
): MessageProof {
  const index = succeeded.findIndex((one) => one.messageIndex === messageIndex && Buffer.compare(one.txId, txId) === 0);
  if (index < 0) throw new BridgeError({ code: "BRIDGE_MESSAGE_ABSENT", txId, messageIndex });
  return { blockProof, txId, messageIndex, index, path: proveMerkle(succeeded.map(messageItem), index).aunts };
}

/**
 * From the proof bytes of a query at height h (consensus/application/appHash.ts); the block proof is of h + 1, whose header has that app hash.
 * Whether it proves anything is the contract's to say. @throws BridgeError BRIDGE_STATE_PROOF, StateProofError
 */
export function stateProofFrom(blockProof: BlockProof, proofBytes: Uint8Array): StateProof {
  const decoded = decodeStrict(AppHashProofSchema, proofBytes);
  if ("fault" in decoded) throw new BridgeError({ code: "BRIDGE_STATE_PROOF", reason: decoded.fault });
  const { stateRoot, mountainRoot, ancestorCount, path } = decoded.message;
  if (path.case !== "state") throw new BridgeError({ code: "BRIDGE_STATE_PROOF", reason: "not of a state key" });
  const siblings = decodeStateProof(path.value).siblings.map((hash) => Buffer.from(hash, "latin1"));
  return { blockProof, stateRoot, mountainRoot, ancestorCount, siblings };
}

/**
 * Verifies a proof as the contract does, under an anchor that the caller trusts. Checks in order, with the code of each:
 * a) the block's height is in the anchor's range: BRIDGE_HEIGHT_OUTSIDE
 * b) its leaf is at that place under the anchor's root: the codes of `verifyMerkle`
 * c) the transaction is under the leaf's root, at its index of the leaf's count: the codes of `verifyMerkle`
 */
export function verifyTxProof(txId: Uint8Array, { blockProof, index, path }: TxProof): Verdict {
  const block = verifyBlockProof(blockProof);
  if (!block.accepted) return block;
  const { txCount, txRoot } = blockProof.leaf;
  return verifyMerkle(txRoot, { total: txCount, index, leafHash: leafHashOf(txId), aunts: path }, txId);
}

/** As verifyTxProof, of one message under the leaf's message root, at its index of the leaf's message count. */
export function verifyMessageProof(message: BlockMessage, { blockProof, index, path }: MessageProof): Verdict {
  const block = verifyBlockProof(blockProof);
  if (!block.accepted) return block;
  const { messageCount, messageRoot } = blockProof.leaf;
  const item = messageItem(message);
  return verifyMerkle(messageRoot, { total: messageCount, index, leafHash: leafHashOf(item), aunts: path }, item);
}

function verifyBlockProof({ anchor, leaf, path }: BlockProof): Verdict {
  const { fromHeight, toHeight, root } = anchor;
  if (!Number.isSafeInteger(leaf.height) || leaf.height < fromHeight || leaf.height > toHeight)
    return rejected("BRIDGE_HEIGHT_OUTSIDE", `height ${leaf.height}, anchored ${fromHeight} to ${toHeight}`);
  const item = encodeBlockLeaf(leaf);
  const total = toHeight - fromHeight + 1;
  const place = { total, index: leaf.height - fromHeight, leafHash: leafHashOf(item), aunts: path };
  const verdict = verifyMerkle(root, place, item);
  return verdict.accepted ? ACCEPTED : verdict;
}

function leafHashOf(item: Uint8Array): Uint8Array {
  return merkleLeafHash(item);
}

function checkRange(leaves: readonly BlockLeaf[]): void {
  const fromHeight = leaves[0]?.height ?? 0;
  const isConsecutive = leaves.every(({ height }, index) => height === fromHeight + index);
  if (leaves.length === 0 || leaves.length > MAX_ANCHOR_BLOCKS || !isConsecutive)
    throw new BridgeError({ code: "BRIDGE_RANGE", fromHeight, blocks: leaves.length });
}
