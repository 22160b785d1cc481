import { type ErrorDetails, LedgerError } from "../error.ts";
import { type Block, decodeBlock } from "../types/block.ts";
import { type BlockId, encodeBlockId, readBlockId } from "../types/blockId.ts";
import { type Commit, decodeCommit, encodeCommit } from "../types/commit.ts";
import { FormatError } from "../types/formatError.ts";
import { encodeHeader, type Header, readHeader } from "../types/header.ts";
import type { SignedHeader } from "../types/lightBlock.ts";
import { FieldReader, FieldWriter } from "../types/wire.ts";
import { bucketKey, heightKey } from "./buckets.ts";
import { decodeNumbers, encodeNumbers, loadRecord, present } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";

/** Blocks removed by one call of `pruneOperations`: a batch of some 10 000 operations. */
export const MAX_PRUNED_BLOCKS = 1000;

const HASH_BYTES = 32;
const RANGE_KEY = bucketKey("blockRange");

export type BlockStoreErrorDetails = ErrorDetails & {
  readonly code: "BLOCK_NOT_NEXT";
  readonly height: number;
  readonly expected: number;
};

export class BlockStoreError extends LedgerError<BlockStoreErrorDetails> {}

export interface BlockMeta {
  readonly blockId: BlockId;
  readonly header: Header;
  /** Of the Block as protobuf. */
  readonly blockBytes: number;
  readonly txs: number;
}

export interface SavedBlock {
  readonly block: Block;
  /** The bytes the block's parts were cut from. */
  readonly blockBytes: Uint8Array;
  readonly blockId: BlockId;
  /** A commit for this block, as this node saw it. */
  readonly seenCommit: Commit;
}

/**
 * The chain of blocks. Heights `base` to `height` are whole; from `headerBase` on there are header and commit; of older ones the hash.
 * Loading gives undefined outside of these, and throws STORE_VALUE_MISSING for a gap within.
 */
export interface BlockStore {
  /** Lowest height with a header, lowest and highest with a block; 0 when there are none. */
  headerBase(): number;
  base(): number;
  height(): number;
  /** What a block changes, for the batch of its height; `reload` after that batch. @throws BlockStoreError BLOCK_NOT_NEXT */
  blockOperations(saved: SavedBlock): readonly StoreOperation[];
  /**
   * Removes blocks below `retainHeight`, never the last one, MAX_PRUNED_BLOCKS of them at most. Their headers and commits stay when
   * `keepHeaders`; otherwise only their hashes, which the mountain range is made of. Call `reload` after the batch.
   */
  pruneOperations(options: {
    readonly retainHeight: number;
    readonly keepHeaders: boolean;
  }): Promise<readonly StoreOperation[]>;
  /** Reads base and height anew. */
  reload(): Promise<void>;
  loadBlockBytes(height: number): Promise<Uint8Array | undefined>;
  loadBlock(height: number): Promise<Block | undefined>;
  loadBlockByHash(hash: Uint8Array): Promise<Block | undefined>;
  loadHeightByHash(hash: Uint8Array): Promise<number | undefined>;
  loadMeta(height: number): Promise<BlockMeta | undefined>;
  loadHeader(height: number): Promise<Header | undefined>;
  /** Of pruned blocks too. */
  loadBlockHash(height: number): Promise<Uint8Array | undefined>;
  /** The commit for `height` that block `height` + 1 carries; undefined for the last block. */
  loadCommit(height: number): Promise<Commit | undefined>;
  /** The commit this node saw for the last block; undefined for others. */
  loadSeenCommit(height: number): Promise<Commit | undefined>;
  /** A commit that proves block `height`: the canonical one, for the last block the seen one. */
  loadProvingCommit(height: number): Promise<Commit | undefined>;
  /** Header and proving commit. */
  loadSignedHeader(height: number): Promise<SignedHeader | undefined>;
}

export async function openBlockStore(store: Store): Promise<BlockStore> {
  let range = { headerBase: 0, base: 0, height: 0 };
  await reload();

  async function loadProvingCommit(height: number): Promise<Commit | undefined> {
    // The last block may have got a successor between the two.
    return (await loadSeenCommit(height)) ?? loadCommit(height);
  }

  async function reload(): Promise<void> {
    const numbers = await loadRecord(store, RANGE_KEY, (bytes) => decodeNumbers(bytes, 3));
    const [headerBase = 0, base = 0, height = 0] = numbers ?? [];
    // A reader's look that began before a batch may end after its writer's: the range only grows upwards.
    range = {
      headerBase: Math.max(headerBase, range.headerBase),
      base: Math.max(base, range.base),
      height: Math.max(height, range.height),
    };
  }

  /** A value that every height within `bounds` has. */
  async function loadWithin<T>(
    key: Uint8Array,
    height: number,
    bounds: () => readonly [from: number, to: number],
    decode: (bytes: Uint8Array) => T,
  ): Promise<T | undefined> {
    const isWithin = () => range.height > 0 && height >= bounds()[0] && height <= bounds()[1];
    // The index may know a height already of which its writer has not read the range anew.
    if (height > range.height) await reload();
    if (!isWithin()) return undefined;
    const value = await loadRecord(store, key, decode);
    if (value !== undefined) return value;
    // A batch on disk may have moved the range, which its writer reads anew only afterwards.
    await reload();
    return isWithin() ? present(key, value) : undefined;
  }

  const ofBlocks = () => [range.base, range.height] as const;
  const loadBlockBytes = (height: number) => loadWithin(heightKey("block", height), height, ofBlocks, (bytes) => bytes);
  const loadBlock = (height: number) =>
    loadWithin(heightKey("block", height), height, ofBlocks, (bytes) => decodeBlock(bytes));
  const loadMeta = (height: number) =>
    loadWithin(heightKey("blockMeta", height), height, () => [range.headerBase, range.height], decodeBlockMeta);
  const loadCommit = (height: number) =>
    loadWithin(heightKey("commit", height), height, () => [range.headerBase, range.height - 1], decodeCommit);
  const loadSeenCommit = (height: number) =>
    loadWithin(heightKey("seenCommit", height), height, () => [range.height, range.height], decodeCommit);
  const loadHeightByHash = (hash: Uint8Array) =>
    loadRecord(store, bucketKey("blockHeight", hash), (bytes) => decodeNumbers(bytes, 1)[0] as number);

  return {
    headerBase: () => range.headerBase,
    base: () => range.base,
    height: () => range.height,
    reload,
    loadBlockBytes,
    loadBlock,
    loadHeightByHash,
    loadMeta,
    loadCommit,
    loadSeenCommit,

    blockOperations({ block, blockBytes, blockId, seenCommit }) {
      const { height } = block.header;
      if (range.height > 0 && height !== range.height + 1)
        throw new BlockStoreError({ code: "BLOCK_NOT_NEXT", height, expected: range.height + 1 });
      const isFirst = range.height === 0;
      const meta = { blockId, header: block.header, blockBytes: blockBytes.length, txs: block.txs.length };
      const operations: StoreOperation[] = [
        put(RANGE_KEY, encodeNumbers(isFirst ? height : range.headerBase, isFirst ? height : range.base, height)),
        put(heightKey("blockMeta", height), encodeBlockMeta(meta)),
        put(heightKey("block", height), blockBytes),
        put(bucketKey("blockHeight", blockId.hash), encodeNumbers(height)),
        put(heightKey("seenCommit", height), encodeCommit(seenCommit)),
      ];
      if (!isFirst)
        operations.push(
          put(heightKey("commit", height - 1), encodeCommit(block.lastCommit)),
          del(heightKey("seenCommit", height - 1)),
        );
      return operations;
    },

    async pruneOperations({ retainHeight, keepHeaders }) {
      const from = keepHeaders ? range.base : range.headerBase;
      const to = Math.min(retainHeight, range.height, from + MAX_PRUNED_BLOCKS);
      if (to <= from) return [];
      const operations: StoreOperation[] = [];
      for (let height = from; height < to; height++) {
        if (height >= range.base) operations.push(del(heightKey("block", height)));
        if (keepHeaders) continue;
        const { hash } = present(heightKey("blockMeta", height), await loadMeta(height)).blockId;
        operations.push(
          put(heightKey("prunedBlockHash", height), hash),
          del(heightKey("blockMeta", height)),
          del(bucketKey("blockHeight", hash)),
          del(heightKey("commit", height)),
        );
      }
      const headerBase = keepHeaders ? range.headerBase : to;
      operations.push(put(RANGE_KEY, encodeNumbers(headerBase, Math.max(range.base, to), range.height)));
      return operations;
    },

    async loadBlockByHash(hash) {
      const height = await loadHeightByHash(hash);
      return height === undefined ? undefined : loadBlock(height);
    },

    async loadHeader(height) {
      return (await loadMeta(height))?.header;
    },

    async loadBlockHash(height) {
      if (height >= range.headerBase) return (await loadMeta(height))?.blockId.hash;
      return store.get(heightKey("prunedBlockHash", height));
    },

    loadProvingCommit,

    async loadSignedHeader(height) {
      const [meta, commit] = await Promise.all([loadMeta(height), loadProvingCommit(height)]);
      return meta === undefined || commit === undefined ? undefined : { header: meta.header, commit };
    },
  };
}

/** CometBFT's BlockMeta {block_id = 1, block_size = 2, header = 3, num_txs = 4}. */
function encodeBlockMeta(meta: BlockMeta): Uint8Array {
  return new FieldWriter()
    .message(1, encodeBlockId(meta.blockId))
    .int(2, meta.blockBytes)
    .message(3, encodeHeader(meta.header))
    .int(4, meta.txs)
    .finish();
}

function decodeBlockMeta(bytes: Uint8Array): BlockMeta {
  let blockId: BlockId | undefined;
  let header: Header | undefined;
  let blockBytes = 0;
  let txs = 0;
  const fields = new FieldReader("blockMeta", bytes);
  while (fields.next()) {
    if (fields.number === 1) blockId = readBlockId(fields.message());
    else if (fields.number === 2) blockBytes = fields.count("blockMeta.blockSize");
    else if (fields.number === 3) header = readHeader(fields.message());
    else if (fields.number === 4) txs = fields.count("blockMeta.numTxs");
    else fields.refuse();
  }
  if (blockId?.hash.length !== HASH_BYTES || header === undefined)
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "blockMeta.header" });
  return { blockId, header, blockBytes, txs };
}

function put(key: Uint8Array, value: Uint8Array): StoreOperation {
  return { type: "put", key, value };
}

function del(key: Uint8Array): StoreOperation {
  return { type: "del", key };
}
