import { merkleRoot } from "../crypto/merkle.ts";
import { MAX_VALIDATORS } from "../limits.ts";
import { type BlockId, encodeBlockId, NIL_BLOCK_ID, readBlockId } from "./blockId.ts";
import { FormatError } from "./formatError.ts";
import { EPOCH, encodeTimestamp, isZeroTime, readTimestamp, type Timestamp, ZERO_TIME } from "./time.ts";
import { type Vote, voteSignBytes } from "./vote.ts";
import {
  ADDRESS_BYTES,
  decodeCanonical,
  EMPTY_BYTES,
  FieldReader,
  FieldWriter,
  MAX_INT32,
  type Mutable,
  SIGNATURE_BYTES,
} from "./wire.ts";

/** A commit of MAX_VALIDATORS: 94 bytes without signatures, 111 per signature (CometBFT MaxCommitBytes). */
export const MAX_COMMIT_BYTES = 94 + 111 * MAX_VALIDATORS;

/** absent 1: no vote received; commit 2: voted for the block; nil 3: voted for nil. */
export type BlockIdFlag = "absent" | "commit" | "nil";

/** One validator's part of a commit, at its index in the validator set of the commit's height. */
export interface CommitSig {
  readonly blockIdFlag: BlockIdFlag;
  /** 20 bytes; empty when absent. */
  readonly validatorAddress: Uint8Array;
  readonly timestamp: Timestamp;
  readonly signature: Uint8Array;
}

/** More than 2/3 of the voting power precommitted `blockId` at `height` and `round`. */
export interface Commit {
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockId;
  readonly signatures: readonly CommitSig[];
}

export const ABSENT_COMMIT_SIG: CommitSig = {
  blockIdFlag: "absent",
  validatorAddress: EMPTY_BYTES,
  timestamp: ZERO_TIME,
  signature: EMPTY_BYTES,
};

/** What the first block of a chain carries as its last commit. */
export const EMPTY_COMMIT: Commit = { height: 0, round: 0, blockId: NIL_BLOCK_ID, signatures: [] };

const FLAG_NUMBERS = { absent: 1, commit: 2, nil: 3 } as const;

/** tendermint.types.CommitSig; also a leaf of the last commit hash. An absent one is `08011a0b088092b8c398feffffff01`. */
export function encodeCommitSig(signature: CommitSig): Uint8Array {
  return new FieldWriter()
    .int(1, FLAG_NUMBERS[signature.blockIdFlag])
    .bytes(2, signature.validatorAddress)
    .message(3, encodeTimestamp(signature.timestamp))
    .bytes(4, signature.signature)
    .finish();
}

/** tendermint.types.Commit. */
export function encodeCommit(commit: Commit): Uint8Array {
  const writer = new FieldWriter().int(1, commit.height).int(2, commit.round).message(3, encodeBlockId(commit.blockId));
  for (const signature of commit.signatures) writer.message(4, encodeCommitSig(signature));
  return writer.finish();
}

/** last_commit_hash of the next header: Merkle root over the encoded signatures. Height, round and block id are not hashed. */
export function hashCommit(commit: Commit): Uint8Array {
  return merkleRoot(commit.signatures.map(encodeCommitSig));
}

/** The precommit that `signatures[index]` came from. Its signature covers the vote's own time, so each has its own sign bytes. */
export function voteOfCommit(commit: Commit, index: number): Vote {
  const signature = commit.signatures[index] as CommitSig;
  return {
    type: "precommit",
    height: commit.height,
    round: commit.round,
    blockId: signature.blockIdFlag === "commit" ? commit.blockId : NIL_BLOCK_ID,
    timestamp: signature.timestamp,
    validatorAddress: signature.validatorAddress,
    validatorIndex: index,
    signature: signature.signature,
  };
}

export function commitSignBytes(commit: Commit, index: number, chainId: string): Uint8Array {
  return voteSignBytes(voteOfCommit(commit, index), chainId);
}

/** @throws FormatError when `bytes` are not the one encoding of a commit of at most MAX_VALIDATORS signatures */
export function decodeCommit(bytes: Uint8Array): Commit {
  return decodeCanonical("commit", MAX_COMMIT_BYTES, bytes, readCommit, encodeCommit);
}

/** Like decodeCommit, for a commit inside another message whose decoder checks that the encoding is canonical. */
export function readCommit(bytes: Uint8Array): Commit {
  const signatures: CommitSig[] = [];
  const commit: Mutable<Commit> = { height: 0, round: 0, blockId: NIL_BLOCK_ID, signatures };
  const fields = new FieldReader("commit", bytes);
  while (fields.next()) {
    if (fields.number === 1) commit.height = fields.count("commit.height");
    else if (fields.number === 2) commit.round = fields.count("commit.round", MAX_INT32);
    else if (fields.number === 3) commit.blockId = readBlockId(fields.message());
    else if (fields.number === 4) {
      if (signatures.length === MAX_VALIDATORS) {
        throw new FormatError({ code: "FORMAT_TOO_MANY", field: "commit.signatures", max: MAX_VALIDATORS });
      }
      signatures.push(readCommitSig(fields.message()));
    } else fields.refuse();
  }
  return commit;
}

/** What is wrong with the shape of a commit signature, or undefined: an absent one is empty, any other has an address and a signature. */
export function commitSigProblem(signature: CommitSig): string | undefined {
  const { blockIdFlag, validatorAddress } = signature;
  if (blockIdFlag === "absent") {
    const empty = validatorAddress.length === 0 && signature.signature.length === 0 && isZeroTime(signature.timestamp);
    return empty ? undefined : "an absent signature carries an address, a time or a signature";
  }
  if (validatorAddress.length !== ADDRESS_BYTES) return `the address has ${validatorAddress.length} bytes`;
  const { length } = signature.signature;
  return length === 0 || length > SIGNATURE_BYTES ? `the signature has ${length} bytes` : undefined;
}

function readCommitSig(bytes: Uint8Array): CommitSig {
  let flag = 0;
  let validatorAddress: Uint8Array = EMPTY_BYTES;
  let timestamp = EPOCH;
  let signature: Uint8Array = EMPTY_BYTES;
  const fields = new FieldReader("commitSig", bytes);
  while (fields.next()) {
    if (fields.number === 1) flag = fields.count("commitSig.blockIdFlag", 0xff);
    else if (fields.number === 2) validatorAddress = fields.bytesOf("commitSig.validatorAddress", ADDRESS_BYTES);
    else if (fields.number === 3) timestamp = readTimestamp(fields.message());
    else if (fields.number === 4) signature = fields.bytesUpTo("commitSig.signature", SIGNATURE_BYTES);
    else fields.refuse();
  }
  const commitSig = { blockIdFlag: flagOf(flag), validatorAddress, timestamp, signature };
  const problem = commitSigProblem(commitSig);
  if (problem !== undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "commitSig", value: problem });
  }
  return commitSig;
}

function flagOf(number: number): BlockIdFlag {
  if (number === FLAG_NUMBERS.commit) return "commit";
  if (number === FLAG_NUMBERS.absent) return "absent";
  if (number === FLAG_NUMBERS.nil) return "nil";
  throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "commitSig.blockIdFlag", value: String(number) });
}
