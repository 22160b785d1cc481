/** Names a block: the hash of its header, and the root and number of the parts its bytes are cut into (CometBFT types/block.go BlockID). */
export interface BlockId {
  /** 32 bytes, or empty for the nil block. */
  readonly hash: Uint8Array;
  readonly partSetHeader: PartSetHeader;
}

export interface PartSetHeader {
  /** Number of 65 536-byte parts; 0 for the nil block. */
  readonly total: number;
  /** 32 bytes: Merkle root over the raw parts; empty for the nil block. */
  readonly hash: Uint8Array;
}

const EMPTY = new Uint8Array(0);

export const NIL_BLOCK_ID: BlockId = { hash: EMPTY, partSetHeader: { total: 0, hash: EMPTY } };

export function isNilBlockId(blockId: BlockId): boolean {
  return blockId.hash.length === 0 && blockId.partSetHeader.total === 0 && blockId.partSetHeader.hash.length === 0;
}

export function equalBlockIds(a: BlockId, b: BlockId): boolean {
  return (
    a.partSetHeader.total === b.partSetHeader.total &&
    Buffer.compare(a.hash, b.hash) === 0 &&
    Buffer.compare(a.partSetHeader.hash, b.partSetHeader.hash) === 0
  );
}
