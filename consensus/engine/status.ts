import { BLOCK_PART_BYTES, MAX_BLOCK_BYTES, MAX_VALIDATORS } from "#storage/limits.ts";
import { FormatError } from "#storage/types/formatError.ts";
import type { VoteType } from "#storage/types/vote.ts";
import { decodeCanonical, FieldReader, FieldWriter, HASH_BYTES, MAX_INT32 } from "#storage/types/wire.ts";
import type { Bitmap } from "./bitmap.ts";

/** What a node has and lacks of the height it is at. Peers answer with just what is missing. */
export interface PeerStatus {
  /** Height being decided; the last committed block is one below. */
  readonly height: number;
  /** Lowest block this node can serve; 0 when it has none. */
  readonly base: number;
  readonly round: number;
  /** It has the proposal of `round`. */
  readonly hasProposal: boolean;
  /** Blocks it is still collecting. */
  readonly parts: readonly PartsStatus[];
  /** Votes of its round, of the round its proposal rests on, and of later rounds it heard of. */
  readonly votes: readonly VotesStatus[];
  /** Precommits for the previous block that it has; empty at the first height. */
  readonly lastCommit: Bitmap;
}

export interface PartsStatus {
  /** 32 bytes: root of the part set. */
  readonly partSetHash: Uint8Array;
  readonly have: Bitmap;
}

/** Votes of one round and type for one value: a list per value, so that an equivocator's other vote is still missed. */
export interface VotesStatus {
  readonly round: number;
  readonly type: VoteType;
  /** First VALUE_TAG_BYTES bytes of the block hash; empty for nil. */
  readonly valueTag: Uint8Array;
  readonly have: Bitmap;
}

/** Enough to tell the few values of one round apart; a collision only delays a vote. */
export const VALUE_TAG_BYTES = 8;

/** Blocks a node collects at once: one per open round in bad times. */
export const STATUS_PARTS_MAX = 8;

/** Vote tallies listed in one status; the current round comes first. */
export const STATUS_VOTES_MAX = 64;

const PARTS_BITMAP_BYTES = Math.ceil((MAX_BLOCK_BYTES / BLOCK_PART_BYTES + 1) / 8);
const VOTES_BITMAP_BYTES = Math.ceil(MAX_VALIDATORS / 8);

export const MAX_STATUS_BYTES =
  64 + STATUS_PARTS_MAX * (PARTS_BITMAP_BYTES + HASH_BYTES + 16) + STATUS_VOTES_MAX * (VOTES_BITMAP_BYTES + 40);

export function encodeStatus(status: PeerStatus): Uint8Array {
  const writer = new FieldWriter()
    .int(1, status.height)
    .int(2, status.base)
    .int(3, status.round)
    .int(4, status.hasProposal ? 1 : 0);
  for (const { partSetHash, have } of status.parts)
    writer.message(5, new FieldWriter().bytes(1, partSetHash).bytes(2, have).finish());
  for (const { round, type, valueTag, have } of status.votes)
    writer.message(
      6,
      new FieldWriter()
        .int(1, round)
        .int(2, type === "prevote" ? 1 : 2)
        .bytes(3, valueTag)
        .bytes(4, have)
        .finish(),
    );
  return writer.bytes(7, status.lastCommit).finish();
}

/** @throws FormatError, CodecError */
export function decodeStatus(bytes: Uint8Array): PeerStatus {
  return decodeCanonical("status", MAX_STATUS_BYTES, bytes, readStatus, encodeStatus);
}

function readStatus(bytes: Uint8Array): PeerStatus {
  let height = 0;
  let base = 0;
  let round = 0;
  let hasProposal = false;
  let lastCommit: Bitmap = new Uint8Array(0);
  const parts: PartsStatus[] = [];
  const votes: VotesStatus[] = [];
  const fields = new FieldReader("status", bytes);
  while (fields.next()) {
    if (fields.number === 1) height = fields.count("status.height");
    else if (fields.number === 2) base = fields.count("status.base");
    else if (fields.number === 3) round = fields.count("status.round", MAX_INT32);
    else if (fields.number === 4) hasProposal = fields.count("status.hasProposal", 1) === 1;
    else if (fields.number === 5) push(parts, readParts(fields.message()), STATUS_PARTS_MAX, "status.parts");
    else if (fields.number === 6) push(votes, readVotes(fields.message()), STATUS_VOTES_MAX, "status.votes");
    else if (fields.number === 7) lastCommit = fields.bytesUpTo("status.lastCommit", VOTES_BITMAP_BYTES);
    else fields.refuse();
  }
  return { height, base, round, hasProposal, parts, votes, lastCommit };
}

function readParts(bytes: Uint8Array): PartsStatus {
  let partSetHash: Uint8Array = new Uint8Array(0);
  let have: Bitmap = new Uint8Array(0);
  const fields = new FieldReader("status.parts", bytes);
  while (fields.next()) {
    if (fields.number === 1) partSetHash = fields.bytesOf("status.parts.hash", HASH_BYTES);
    else if (fields.number === 2) have = fields.bytesUpTo("status.parts.have", PARTS_BITMAP_BYTES);
    else fields.refuse();
  }
  return { partSetHash, have };
}

function readVotes(bytes: Uint8Array): VotesStatus {
  let round = 0;
  let type: VoteType = "prevote";
  let valueTag: Uint8Array = new Uint8Array(0);
  let have: Bitmap = new Uint8Array(0);
  const fields = new FieldReader("status.votes", bytes);
  while (fields.next()) {
    if (fields.number === 1) round = fields.count("status.votes.round", MAX_INT32);
    else if (fields.number === 2) type = fields.count("status.votes.type", 2) === 2 ? "precommit" : "prevote";
    else if (fields.number === 3) valueTag = fields.bytesUpTo("status.votes.valueTag", VALUE_TAG_BYTES);
    else if (fields.number === 4) have = fields.bytesUpTo("status.votes.have", VOTES_BITMAP_BYTES);
    else fields.refuse();
  }
  return { round, type, valueTag, have };
}

function push<T>(list: T[], item: T, max: number, field: string): void {
  if (list.length === max) throw new FormatError({ code: "FORMAT_TOO_MANY", field, max });
  list.push(item);
}
