import type { BlockId } from "#storage/types/blockId.ts";
import { isNilBlockId } from "#storage/types/blockId.ts";
import { HASH_BYTES } from "#storage/types/wire.ts";

/**
 * What is voted on: a block id as one string (header hash ‖ number of parts ‖ part root, 68 characters latin1), so that it can be a
 * map key and be compared with ===; null is nil.
 */
export type Value = string | null;

/** The value a vote for `blockId` counts for. */
export function votedValue(blockId: BlockId): Value {
  return isNilBlockId(blockId) ? null : blockKey(blockId);
}

/** The map key of a block id that is not nil. */
export function blockKey(blockId: BlockId): string {
  const { hash, partSetHeader } = blockId;
  const total = String.fromCharCode(
    partSetHeader.total >>> 24,
    (partSetHeader.total >>> 16) & 255,
    (partSetHeader.total >>> 8) & 255,
    partSetHeader.total & 255,
  );
  return latin1(hash) + total + latin1(partSetHeader.hash);
}

/** The block id that `blockKey` made the key of. */
export function blockIdOfKey(key: string): BlockId {
  const bytes = Buffer.from(key, "latin1");
  return {
    hash: bytes.subarray(0, HASH_BYTES),
    partSetHeader: { total: bytes.readUInt32BE(HASH_BYTES), hash: bytes.subarray(HASH_BYTES + 4) },
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
