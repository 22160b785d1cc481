/**
 * The key space of the node's store: the first byte of every key is its bucket. Heights are 8 bytes big-endian, so that keys sort by height.
 * A number is never given to another bucket later; a retired one stays here with a note.
 */
export const BUCKETS = {
  /** (none) -> lowest header, lowest and highest block */
  blockRange: 0x01,
  /** height -> block id, size in bytes, number of transactions, header */
  blockMeta: 0x02,
  /** height -> Block as protobuf, the bytes its parts are cut from */
  block: 0x03,
  /** block hash -> height */
  blockHeight: 0x04,
  /** height -> Commit for that height, as the next block carries it; kept as long as the header */
  commit: 0x05,
  /** height -> Commit for the last block, as this node saw it */
  seenCommit: 0x06,
  /** height -> block hash, of blocks whose header was pruned: the leaves of the mountain range */
  prunedBlockHash: 0x07,

  /** (none) -> ChainState after the last block */
  chainState: 0x10,
  /** height from which the set is in force -> ValidatorSet, written when members or powers change */
  validatorSet: 0x11,
  /** height -> proposer and proposer priorities of that height's set, when it has the members and powers of the height before */
  validatorPriorities: 0x12,
  /** height from which they are in force -> ConsensusParams, written when they change */
  consensusParams: 0x13,
  /** height -> results of the block's transactions, events, validator updates, app hash */
  blockResults: 0x14,
  /** evidence hash -> height and time of the misbehaviour, for evidence that a block carries */
  committedEvidence: 0x15,

  /** state key of the application -> its value */
  appState: 0x20,

  /** tx id -> height, index */
  txById: 0x30,
  /** height, index -> tx id, and the attributes it is indexed under */
  txByPosition: 0x31,
  /** attribute name, value, height, index -> tx id */
  txByAttribute: 0x32,
  /** attribute name, value, height -> (none): events of blocks, not of their transactions */
  blockByAttribute: 0x33,
  /** height -> the attributes its block is indexed under */
  blockAttributes: 0x34,

  /** height -> compact header of a light node */
  compactHeader: 0x40,
  /** (none) -> the latest light block this node trusts */
  trustedLightBlock: 0x41,
  /** (none) -> number and bytes of the compact headers */
  headerTotals: 0x42,

  /** meter id, end of the interval -> interval a light node closed, and what became of it */
  ownInterval: 0x43,
  /** tx id -> proof that the light node's own transaction is in a block */
  ownProof: 0x44,
  /** meter id, end of the interval, number -> amendment a light node closed, and what became of it */
  ownAmendment: 0x45,
  /** meter id, end of the interval, for an amendment its number -> leaf hashes of its readings, 32 bytes each */
  ownLeaves: 0x46,
  /** tx id -> TxRaw of the light node's own transaction that is in a block */
  ownTransaction: 0x47,
  /** meter id, timestamp, series -> leaf hash of a reading that was erased from the light node's log */
  ownTombstone: 0x48,
  /** meter id -> the light node's transaction of that meter that may be on its way, and the rows it has */
  ownFlight: 0x49,

  /** name -> value, for what the process itself remembers */
  nodeMeta: 0x50,

  /** series, timestamp -> reading, or what its erasure left; storage/offchain/levelReadingKeys.ts has the layout */
  storedReading: 0x60,
  /** series, timestamp, value -> the reading that came second */
  readingConflict: 0x61,
  /** series -> (none) */
  readingSeries: 0x62,

  /** id of a BigchainDB transaction -> place, time, the ledger's transaction, JSON; storage/assets/assetIndexRecords.ts */
  assetTx: 0x70,
  /** height, index -> id */
  assetOrder: 0x71,
  /** asset id, height, index -> 1 for CREATE, 2 for TRANSFER */
  assetHistory: 0x72,
  /** public key, height, index, output -> id */
  assetOutput: 0x73,
  /** id, output -> id of the transaction that spent it */
  assetSpent: 0x74,
  /** 1 for assets or 2 for metadata, word, height, index -> what it counts for there, IEEE 754 double, big-endian (8) */
  assetToken: 0x75,
  /** path and value of a metadata field, height, index -> (none) */
  assetField: 0x76,
  /** block time, height -> (none), of blocks with BigchainDB transactions */
  assetTime: 0x77,
  /** (none) -> the last block indexed, its hash, and the first one */
  assetCursor: 0x78,
} as const;

export type BucketName = keyof typeof BUCKETS;

const NAMES = new Map<number, BucketName>(
  (Object.keys(BUCKETS) as BucketName[]).map((name) => [BUCKETS[name], name] as const),
);

/** Name of the bucket a key is in, for messages. */
export function bucketNameOf(key: Uint8Array): string {
  return NAMES.get(key[0] ?? -1) ?? "unknown";
}

/** The part of a key after its bucket byte, as hex, for messages. */
export function keyWithinBucketHex(key: Uint8Array): string {
  return Buffer.from(key.subarray(1)).toString("hex");
}

export function bucketKey(bucket: BucketName, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const part of parts) length += part.length;
  const key = new Uint8Array(length);
  key[0] = BUCKETS[bucket];
  let at = 1;
  for (const part of parts) {
    key.set(part, at);
    at += part.length;
  }
  return key;
}

/** Key of a height within a bucket. */
export function heightKey(bucket: BucketName, height: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = BUCKETS[bucket];
  writeHeight(key, 1, height);
  return key;
}

/** The height in a key made by `heightKey`. */
export function heightOfKey(key: Uint8Array): number {
  return readHeight(key, 1);
}

/** All keys of a bucket. */
export function bucketRange(bucket: BucketName): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: Uint8Array.of(BUCKETS[bucket]), lt: Uint8Array.of(BUCKETS[bucket] + 1) };
}

/** Keys of a bucket from height `from` up to, not including, height `to`. */
export function heightRange(bucket: BucketName, from: number, to: number) {
  return { gte: heightKey(bucket, from), lt: heightKey(bucket, to) };
}

/** 8 bytes big-endian of a height below 2^53. */
export function writeHeight(bytes: Uint8Array, offset: number, height: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(offset, Math.floor(height / 2 ** 32));
  view.setUint32(offset + 4, height % 2 ** 32);
}

export function readHeight(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(offset) * 2 ** 32 + view.getUint32(offset + 4);
}
