import { merkleRoot } from "../crypto/merkle.ts";
import { MAX_CHAIN_ID_BYTES } from "../limits.ts";
import { type BlockId, encodeBlockId, NIL_BLOCK_ID, readBlockId } from "./blockId.ts";
import { encodeTimestamp, readTimestamp, type Timestamp } from "./time.ts";
import {
  ADDRESS_BYTES,
  decodeCanonical,
  EMPTY_BYTES,
  FieldReader,
  FieldWriter,
  HASH_BYTES,
  type Mutable,
} from "./wire.ts";

/** Upper bound of any header's encoding (CometBFT MaxHeaderBytes). */
export const MAX_HEADER_BYTES = 626;

/** Block protocol of CometBFT 0.38 to 0.40. */
export const BLOCK_PROTOCOL = 11n;

/** CometBFT lets the application choose the length of its hash; ours has 32 bytes. */
const MAX_APP_HASH_BYTES = 64;

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

/** Also what a decoder starts from: fields that are not on the wire have these values, and the time is 1970. */
const EMPTY_HEADER: Header = {
  version: { block: 0n, app: 0n },
  chainId: "",
  height: 0,
  time: { seconds: 0n, nanos: 0 },
  lastBlockId: NIL_BLOCK_ID,
  lastCommitHash: EMPTY_BYTES,
  dataHash: EMPTY_BYTES,
  validatorsHash: EMPTY_BYTES,
  nextValidatorsHash: EMPTY_BYTES,
  consensusHash: EMPTY_BYTES,
  appHash: EMPTY_BYTES,
  lastResultsHash: EMPTY_BYTES,
  evidenceHash: EMPTY_BYTES,
  proposerAddress: EMPTY_BYTES,
};

/** Version leaf and message tendermint.version.Consensus {block = 1, app = 2}. */
function encodeVersion(version: Header["version"]): Uint8Array {
  return new FieldWriter().int(1, version.block).int(2, version.app).finish();
}

/** tendermint.types.Header; version, time and last_block_id are written even when empty. */
export function encodeHeader(header: Header): Uint8Array {
  return new FieldWriter()
    .message(1, encodeVersion(header.version))
    .text(2, header.chainId)
    .int(3, header.height)
    .message(4, encodeTimestamp(header.time))
    .message(5, encodeBlockId(header.lastBlockId))
    .bytes(6, header.lastCommitHash)
    .bytes(7, header.dataHash)
    .bytes(8, header.validatorsHash)
    .bytes(9, header.nextValidatorsHash)
    .bytes(10, header.consensusHash)
    .bytes(11, header.appHash)
    .bytes(12, header.lastResultsHash)
    .bytes(13, header.evidenceHash)
    .bytes(14, header.proposerAddress)
    .finish();
}

/**
 * The block hash: Merkle root of 14 leaves, one per field in order. Scalars and hashes are wrapped as protobuf StringValue,
 * Int64Value and BytesValue, whose encoding is empty for empty values (types/encoding_helper.go cdcEncode).
 * 32 bytes, or empty when validatorsHash is empty: such a header names no block.
 */
export function hashHeader(header: Header): Uint8Array {
  if (header.validatorsHash.length === 0) return EMPTY_BYTES;
  return merkleRoot([
    encodeVersion(header.version),
    new FieldWriter().text(1, header.chainId).finish(),
    new FieldWriter().int(1, header.height).finish(),
    encodeTimestamp(header.time),
    encodeBlockId(header.lastBlockId),
    wrappedBytes(header.lastCommitHash),
    wrappedBytes(header.dataHash),
    wrappedBytes(header.validatorsHash),
    wrappedBytes(header.nextValidatorsHash),
    wrappedBytes(header.consensusHash),
    wrappedBytes(header.appHash),
    wrappedBytes(header.lastResultsHash),
    wrappedBytes(header.evidenceHash),
    wrappedBytes(header.proposerAddress),
  ]);
}

/** @throws FormatError when `bytes` are not the one encoding of a header */
export function decodeHeader(bytes: Uint8Array): Header {
  return decodeCanonical("header", MAX_HEADER_BYTES, bytes, readHeader, encodeHeader);
}

/** Like decodeHeader, for a header inside another message: the outer decoder checks that the encoding is canonical. */
export function readHeader(bytes: Uint8Array): Header {
  const header: Mutable<Header> = { ...EMPTY_HEADER };
  const fields = new FieldReader("header", bytes);
  while (fields.next()) {
    if (fields.number === 1) header.version = readVersion(fields.message());
    else if (fields.number === 2) header.chainId = fields.text("header.chainId", MAX_CHAIN_ID_BYTES);
    else if (fields.number === 3) header.height = fields.count("header.height");
    else if (fields.number === 4) header.time = readTimestamp(fields.message());
    else if (fields.number === 5) header.lastBlockId = readBlockId(fields.message());
    else if (fields.number === 6) header.lastCommitHash = fields.bytesOf("header.lastCommitHash", HASH_BYTES);
    else if (fields.number === 7) header.dataHash = fields.bytesOf("header.dataHash", HASH_BYTES);
    else if (fields.number === 8) header.validatorsHash = fields.bytesOf("header.validatorsHash", HASH_BYTES);
    else if (fields.number === 9) header.nextValidatorsHash = fields.bytesOf("header.nextValidatorsHash", HASH_BYTES);
    else if (fields.number === 10) header.consensusHash = fields.bytesOf("header.consensusHash", HASH_BYTES);
    else if (fields.number === 11) header.appHash = fields.bytesUpTo("header.appHash", MAX_APP_HASH_BYTES);
    else if (fields.number === 12) header.lastResultsHash = fields.bytesOf("header.lastResultsHash", HASH_BYTES);
    else if (fields.number === 13) header.evidenceHash = fields.bytesOf("header.evidenceHash", HASH_BYTES);
    else if (fields.number === 14) header.proposerAddress = fields.bytesOf("header.proposerAddress", ADDRESS_BYTES);
    else fields.refuse();
  }
  return header;
}

/**
 * What is wrong with a header that needs no state to see, or undefined (CometBFT Header.ValidateBasic): for headers that came as
 * JSON or were built, where no decoder has checked the lengths.
 */
export function headerProblem(header: Header): string | undefined {
  if (header.version.block !== BLOCK_PROTOCOL) return `the block protocol is ${header.version.block}`;
  const chainIdBytes = Buffer.byteLength(header.chainId, "utf8");
  if (chainIdBytes === 0 || chainIdBytes > MAX_CHAIN_ID_BYTES) return `the chain id has ${chainIdBytes} bytes`;
  if (!Number.isSafeInteger(header.height) || header.height < 1) return `the height is ${header.height}`;
  for (const [name, hash] of [
    ["lastBlockId.hash", header.lastBlockId.hash],
    ["lastBlockId.partSetHeader.hash", header.lastBlockId.partSetHeader.hash],
    ["lastCommitHash", header.lastCommitHash],
    ["dataHash", header.dataHash],
    ["nextValidatorsHash", header.nextValidatorsHash],
    ["consensusHash", header.consensusHash],
    ["lastResultsHash", header.lastResultsHash],
    ["evidenceHash", header.evidenceHash],
  ] as const) {
    if (hash.length !== HASH_BYTES && hash.length !== 0) return `${name} has ${hash.length} bytes`;
  }
  if (header.validatorsHash.length !== HASH_BYTES) return `validatorsHash has ${header.validatorsHash.length} bytes`;
  if (header.appHash.length > MAX_APP_HASH_BYTES) return `appHash has ${header.appHash.length} bytes`;
  const proposerBytes = header.proposerAddress.length;
  return proposerBytes === ADDRESS_BYTES ? undefined : `proposerAddress has ${proposerBytes} bytes`;
}

function readVersion(bytes: Uint8Array): Header["version"] {
  let block = 0n;
  let app = 0n;
  const fields = new FieldReader("header.version", bytes);
  while (fields.next()) {
    if (fields.number === 1) block = fields.uint64("header.version.block");
    else if (fields.number === 2) app = fields.uint64("header.version.app");
    else fields.refuse();
  }
  return { block, app };
}

function wrappedBytes(value: Uint8Array): Uint8Array {
  return new FieldWriter().bytes(1, value).finish();
}
