import { type BlockId, encodeBlockId, isNilBlockId, NIL_BLOCK_ID, readBlockId } from "./blockId.ts";
import { FormatError } from "./formatError.ts";
import { EPOCH, encodeTimestamp, readTimestamp, type Timestamp } from "./time.ts";
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

/** A signed vote takes at most 209 bytes (CometBFT MaxVoteBytes, without extensions). */
export const MAX_VOTE_BYTES = 256;

/** CometBFT SignedMsgType: prevote 1, precommit 2, proposal 32. */
export type VoteType = "prevote" | "precommit";

/** A validator's signed vote; a nil block id votes for nil. */
export interface Vote {
  readonly type: VoteType;
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockId;
  readonly timestamp: Timestamp;
  /** 20 bytes. */
  readonly validatorAddress: Uint8Array;
  /** Position in the validator set of this height, from 0. */
  readonly validatorIndex: number;
  /** 64 bytes Ed25519; empty while unsigned. */
  readonly signature: Uint8Array;
}

/** The round's proposer proposes a block; `polRound` is the round of the polka it rests on, -1 for none. */
export interface Proposal {
  readonly height: number;
  readonly round: number;
  readonly polRound: number;
  readonly blockId: BlockId;
  readonly timestamp: Timestamp;
  readonly signature: Uint8Array;
}

const VOTE_TYPE_NUMBERS = { prevote: 1, precommit: 2 } as const;

/** Height and round go into sign bytes as fixed 64-bit integers, and a nil block id is left out: the one place where it is. */
export function canonicalBlockIdInto(writer: FieldWriter, field: number, blockId: BlockId): FieldWriter {
  return isNilBlockId(blockId) ? writer : writer.message(field, encodeBlockId(blockId));
}

/** Bytes a validator signs: length-prefixed CanonicalVote (CometBFT types/canonical.go). The signature itself is not among them. */
export function voteSignBytes(
  vote: Omit<Vote, "signature" | "validatorAddress" | "validatorIndex">,
  chainId: string,
): Uint8Array {
  const writer = new FieldWriter().int(1, VOTE_TYPE_NUMBERS[vote.type]).fixed64(2, vote.height).fixed64(3, vote.round);
  return canonicalBlockIdInto(writer, 4, vote.blockId)
    .message(5, encodeTimestamp(vote.timestamp))
    .text(6, chainId)
    .finishDelimited();
}

/** tendermint.types.Vote without extensions, which this ledger leaves disabled. */
export function encodeVote(vote: Vote): Uint8Array {
  return new FieldWriter()
    .int(1, VOTE_TYPE_NUMBERS[vote.type])
    .int(2, vote.height)
    .int(3, vote.round)
    .message(4, encodeBlockId(vote.blockId))
    .message(5, encodeTimestamp(vote.timestamp))
    .bytes(6, vote.validatorAddress)
    .int(7, vote.validatorIndex)
    .bytes(8, vote.signature)
    .finish();
}

/** @throws FormatError when `bytes` are not the one encoding of a vote */
export function decodeVote(bytes: Uint8Array): Vote {
  return decodeCanonical("vote", MAX_VOTE_BYTES, bytes, readVote, encodeVote);
}

/** Like decodeVote, for a vote inside another message whose decoder checks that the encoding is canonical. */
export function readVote(bytes: Uint8Array): Vote {
  let type: VoteType | undefined;
  const vote: Mutable<Omit<Vote, "type">> = {
    height: 0,
    round: 0,
    blockId: NIL_BLOCK_ID,
    timestamp: EPOCH,
    validatorAddress: EMPTY_BYTES,
    validatorIndex: 0,
    signature: EMPTY_BYTES,
  };
  const fields = new FieldReader("vote", bytes);
  while (fields.next()) {
    if (fields.number === 1) type = voteTypeOf(fields.count("vote.type", 0xff));
    else if (fields.number === 2) vote.height = fields.count("vote.height");
    else if (fields.number === 3) vote.round = fields.count("vote.round", MAX_INT32);
    else if (fields.number === 4) vote.blockId = readBlockId(fields.message());
    else if (fields.number === 5) vote.timestamp = readTimestamp(fields.message());
    else if (fields.number === 6) vote.validatorAddress = fields.bytesOf("vote.validatorAddress", ADDRESS_BYTES);
    else if (fields.number === 7) vote.validatorIndex = fields.count("vote.validatorIndex", MAX_INT32);
    else if (fields.number === 8) vote.signature = fields.bytesUpTo("vote.signature", SIGNATURE_BYTES);
    else fields.refuse();
  }
  if (type === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "vote.type" });
  return { type, ...vote };
}

function voteTypeOf(number: number): VoteType {
  if (number === VOTE_TYPE_NUMBERS.prevote) return "prevote";
  if (number === VOTE_TYPE_NUMBERS.precommit) return "precommit";
  throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "vote.type", value: String(number) });
}
