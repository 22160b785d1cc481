import type { Verdict } from "#storage/error.ts";
import { LedgerError, rejected } from "#storage/error.ts";
import { BLOCK_PART_BYTES, MAX_PROOF_AUNTS } from "#storage/limits.ts";
import type { Commit } from "#storage/types/commit.ts";
import { decodeCommit, encodeCommit, MAX_COMMIT_BYTES } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import { decodeEvidence, encodeEvidence, MAX_EVIDENCE_BYTES } from "#storage/types/evidence.ts";
import type { Part } from "#storage/types/partSet.ts";
import { decodePart, encodePart } from "#storage/types/partSet.ts";
import { decodeProposal, encodeProposal, MAX_PROPOSAL_BYTES } from "#storage/types/proposal.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { decodeVote, encodeVote, MAX_VOTE_BYTES } from "#storage/types/vote.ts";
import { HASH_BYTES } from "#storage/types/wire.ts";
import type { PeerStatus } from "./status.ts";
import { decodeStatus, encodeStatus, MAX_STATUS_BYTES } from "./status.ts";

/** What validators and full nodes say to each other. On the wire: one tag byte, then the encoding of the content. */
export type ConsensusMessage =
  | { readonly type: "status"; readonly status: PeerStatus }
  | { readonly type: "proposal"; readonly proposal: Proposal }
  | { readonly type: "part"; readonly height: number; readonly partSetHash: Uint8Array; readonly part: Part }
  | { readonly type: "vote"; readonly vote: Vote }
  /** The decided commit of the height a peer is still at. */
  | { readonly type: "commit"; readonly commit: Commit }
  | { readonly type: "evidence"; readonly evidence: Evidence };

const TAGS = { status: 1, proposal: 2, part: 3, vote: 4, commit: 5, evidence: 6 } as const;

/** A part is preceded by its height (8 bytes big-endian) and the root of its part set. */
const PART_PREFIX_BYTES = 8 + HASH_BYTES;

/** A full part with the longest proof. */
const MAX_PART_BYTES = BLOCK_PART_BYTES + MAX_PROOF_AUNTS * (HASH_BYTES + 2) + 128;

/** Content bytes by tag, checked before anything is decoded. */
const MAX_CONTENT_BYTES: Readonly<Record<number, number>> = {
  [TAGS.status]: MAX_STATUS_BYTES,
  [TAGS.proposal]: MAX_PROPOSAL_BYTES,
  [TAGS.part]: PART_PREFIX_BYTES + MAX_PART_BYTES,
  [TAGS.vote]: MAX_VOTE_BYTES,
  [TAGS.commit]: MAX_COMMIT_BYTES,
  [TAGS.evidence]: MAX_EVIDENCE_BYTES,
};

/** Largest message of all: a transport may refuse longer ones unread. */
export const MAX_MESSAGE_BYTES = 1 + Math.max(...Object.values(MAX_CONTENT_BYTES));

export function encodeMessage(message: ConsensusMessage): Uint8Array {
  const content = encodeContent(message);
  const bytes = Buffer.allocUnsafe(1 + content.length);
  bytes[0] = TAGS[message.type];
  bytes.set(content, 1);
  return bytes;
}

/** Never throws: what cannot be read is MESSAGE_EMPTY, MESSAGE_TAG_UNKNOWN, MESSAGE_TOO_LARGE or MESSAGE_MALFORMED. */
export function decodeMessage(bytes: Uint8Array): ConsensusMessage | (Verdict & { readonly accepted: false }) {
  const tag = bytes[0];
  if (tag === undefined) return refuse("MESSAGE_EMPTY", "no tag");
  const maxBytes = MAX_CONTENT_BYTES[tag];
  if (maxBytes === undefined) return refuse("MESSAGE_TAG_UNKNOWN", `tag ${tag}`);
  const content = bytes.subarray(1);
  if (content.length > maxBytes)
    return refuse("MESSAGE_TOO_LARGE", `tag ${tag} bytes ${content.length} max ${maxBytes}`);
  try {
    return decodeContent(tag, content);
  } catch (error) {
    if (error instanceof LedgerError) return refuse("MESSAGE_MALFORMED", error.message);
    throw error;
  }
}

function encodeContent(message: ConsensusMessage): Uint8Array {
  switch (message.type) {
    case "status":
      return encodeStatus(message.status);
    case "proposal":
      return encodeProposal(message.proposal);
    case "part": {
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64BE(BigInt(message.height));
      return Buffer.concat([prefix, message.partSetHash, encodePart(message.part)]);
    }
    case "vote":
      return encodeVote(message.vote);
    case "commit":
      return encodeCommit(message.commit);
    case "evidence":
      return encodeEvidence(message.evidence);
  }
}

function decodeContent(tag: number, content: Uint8Array): ConsensusMessage | (Verdict & { readonly accepted: false }) {
  switch (tag) {
    case TAGS.status:
      return { type: "status", status: decodeStatus(content) };
    case TAGS.proposal:
      return { type: "proposal", proposal: decodeProposal(content) };
    case TAGS.part: {
      if (content.length <= PART_PREFIX_BYTES) return refuse("MESSAGE_MALFORMED", "part without content");
      const view = new DataView(content.buffer, content.byteOffset, 8);
      const height = view.getUint32(0) * 2 ** 32 + view.getUint32(4);
      if (!Number.isSafeInteger(height)) return refuse("MESSAGE_MALFORMED", "part of a height beyond 2^53 - 1");
      const partSetHash = content.subarray(8, PART_PREFIX_BYTES);
      return { type: "part", height, partSetHash, part: decodePart(content.subarray(PART_PREFIX_BYTES)) };
    }
    case TAGS.vote:
      return { type: "vote", vote: decodeVote(content) };
    case TAGS.commit:
      return { type: "commit", commit: decodeCommit(content) };
    default:
      return { type: "evidence", evidence: decodeEvidence(content) };
  }
}

function refuse(code: string, reason: string): Verdict & { readonly accepted: false } {
  const verdict = rejected(code, reason);
  if (verdict.accepted) throw new TypeError("unreachable: a refusal is not accepted");
  return verdict;
}
