import { FieldReader, FieldWriter, HASH_BYTES } from "./wire.ts";

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

/** PartSetHeader {total = 1 uint32, hash = 2}. */
export function encodePartSetHeader(header: PartSetHeader): Uint8Array {
  return new FieldWriter().int(1, header.total).bytes(2, header.hash).finish();
}

/** BlockID {hash = 1, part_set_header = 2}: the part set header is written even when empty, so the nil block id is `1200`. */
export function encodeBlockId(blockId: BlockId): Uint8Array {
  return new FieldWriter().bytes(1, blockId.hash).message(2, encodePartSetHeader(blockId.partSetHeader)).finish();
}

/** Orders conflicting votes and keys vote tables: hash ‖ PartSetHeader bytes (CometBFT BlockID.Key). */
export function blockIdKey(blockId: BlockId): Uint8Array {
  return Buffer.concat([blockId.hash, encodePartSetHeader(blockId.partSetHeader)]);
}

export function readPartSetHeader(bytes: Uint8Array): PartSetHeader {
  let total = 0;
  let hash: Uint8Array = EMPTY;
  const fields = new FieldReader("partSetHeader", bytes);
  while (fields.next()) {
    if (fields.number === 1) total = fields.count("partSetHeader.total", 0xffff_ffff);
    else if (fields.number === 2) hash = fields.bytesOf("partSetHeader.hash", HASH_BYTES);
    else fields.refuse();
  }
  return { total, hash };
}

export function readBlockId(bytes: Uint8Array): BlockId {
  let hash: Uint8Array = EMPTY;
  let partSetHeader: PartSetHeader = { total: 0, hash: EMPTY };
  const fields = new FieldReader("blockId", bytes);
  while (fields.next()) {
    if (fields.number === 1) hash = fields.bytesOf("blockId.hash", HASH_BYTES);
    else if (fields.number === 2) partSetHeader = readPartSetHeader(fields.message());
    else fields.refuse();
  }
  return { hash, partSetHeader };
}
