import { encodeBlockId, NIL_BLOCK_ID, readBlockId } from "./blockId.ts";
import { FormatError } from "./formatError.ts";
import { EPOCH, encodeTimestamp, readTimestamp } from "./time.ts";
import { canonicalBlockIdInto, type Proposal } from "./vote.ts";
import {
  decodeCanonical,
  EMPTY_BYTES,
  FieldReader,
  FieldWriter,
  MAX_INT32,
  type Mutable,
  SIGNATURE_BYTES,
} from "./wire.ts";

/** SignedMsgType of a proposal. */
const PROPOSAL_TYPE_NUMBER = 32;

/** A signed proposal takes under 200 bytes. */
export const MAX_PROPOSAL_BYTES = 256;

/** Bytes the proposer signs: length-prefixed CanonicalProposal; polRound -1 takes ten bytes as a negative int64. */
export function proposalSignBytes(proposal: Omit<Proposal, "signature">, chainId: string): Uint8Array {
  const writer = new FieldWriter()
    .int(1, PROPOSAL_TYPE_NUMBER)
    .fixed64(2, proposal.height)
    .fixed64(3, proposal.round)
    .int(4, proposal.polRound);
  return canonicalBlockIdInto(writer, 5, proposal.blockId)
    .message(6, encodeTimestamp(proposal.timestamp))
    .text(7, chainId)
    .finishDelimited();
}

/** tendermint.types.Proposal. */
export function encodeProposal(proposal: Proposal): Uint8Array {
  return new FieldWriter()
    .int(1, PROPOSAL_TYPE_NUMBER)
    .int(2, proposal.height)
    .int(3, proposal.round)
    .int(4, proposal.polRound)
    .message(5, encodeBlockId(proposal.blockId))
    .message(6, encodeTimestamp(proposal.timestamp))
    .bytes(7, proposal.signature)
    .finish();
}

/** @throws FormatError when `bytes` are not the one encoding of a proposal */
export function decodeProposal(bytes: Uint8Array): Proposal {
  return decodeCanonical("proposal", MAX_PROPOSAL_BYTES, bytes, readProposal, encodeProposal);
}

function readProposal(bytes: Uint8Array): Proposal {
  let type = 0;
  const proposal: Mutable<Proposal> = {
    height: 0,
    round: 0,
    polRound: 0,
    blockId: NIL_BLOCK_ID,
    timestamp: EPOCH,
    signature: EMPTY_BYTES,
  };
  const fields = new FieldReader("proposal", bytes);
  while (fields.next()) {
    if (fields.number === 1) type = fields.count("proposal.type", 0xff);
    else if (fields.number === 2) proposal.height = fields.count("proposal.height");
    else if (fields.number === 3) proposal.round = fields.count("proposal.round", MAX_INT32);
    else if (fields.number === 4) proposal.polRound = polRoundOf(fields.int64("proposal.polRound"));
    else if (fields.number === 5) proposal.blockId = readBlockId(fields.message());
    else if (fields.number === 6) proposal.timestamp = readTimestamp(fields.message());
    else if (fields.number === 7) proposal.signature = fields.bytesUpTo("proposal.signature", SIGNATURE_BYTES);
    else fields.refuse();
  }
  if (type !== PROPOSAL_TYPE_NUMBER) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "proposal.type", value: String(type) });
  }
  return proposal;
}

function polRoundOf(value: bigint): number {
  if (value < -1n || value > BigInt(MAX_INT32)) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "proposal.polRound", value: value.toString() });
  }
  return Number(value);
}
