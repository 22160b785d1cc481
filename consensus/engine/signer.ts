import type { PrivateKey } from "#storage/crypto/keys.ts";
import { addressOf, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { LedgerError } from "#storage/error.ts";
import { proposalSignBytes } from "#storage/types/proposal.ts";
import type { Timestamp } from "#storage/types/time.ts";
import { encodeTimestamp, readTimestamp } from "#storage/types/time.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import type { SignerPort } from "./ports.ts";

/** The last signature given, as in CometBFT's priv_validator_state.json. */
export interface SignRecord {
  readonly height: number;
  readonly round: number;
  /** 1 proposal, 2 prevote, 3 precommit. */
  readonly step: number;
  readonly signBytes: Uint8Array;
  readonly signature: Uint8Array;
}

export interface SignRecordStore {
  /** The last record; undefined when this key has never signed. */
  load(): SignRecord | undefined;
  /** On disk, with its directory entry, when it is done. */
  save(record: SignRecord): void | Promise<void>;
}

const STEPS = { proposal: 1, prevote: 2, precommit: 3 } as const;

/**
 * Signs with a key in memory, and never contradicts itself (CometBFT privval/file.go): an earlier height, round or step is refused; for
 * the same one the same content gets the signature it already has, with the timestamp it was given for, and any other content is
 * refused. The record is saved before the signature is returned, so no crash lets a signature out that is not remembered.
 */
export function createSigner(key: PrivateKey, chainId: string, store: SignRecordStore): SignerPort {
  async function signOnce<T extends { height: number; round: number; timestamp: Timestamp }>(
    content: T,
    step: number,
    signBytesOf: (content: T) => Uint8Array,
  ): Promise<(T & { signature: Uint8Array }) | undefined> {
    const signBytes = signBytesOf(content);
    const last = store.load();
    const order = last === undefined ? 1 : compareSteps({ height: content.height, round: content.round, step }, last);
    if (order < 0) return undefined;
    if (last !== undefined && order === 0) {
      const timestamp = timestampOfSame(last.signBytes, signBytes, content.timestamp, chainId);
      return timestamp === undefined ? undefined : { ...content, timestamp, signature: last.signature };
    }
    const signature = sign(key, signBytes);
    await store.save({ height: content.height, round: content.round, step, signBytes, signature });
    return { ...content, signature };
  }

  return {
    address: addressOf(publicKeyOf(key)),
    signVote: (vote: Vote) => signOnce(vote, STEPS[vote.type], (content) => voteSignBytes(content, chainId)),
    signProposal: (proposal: Proposal) =>
      signOnce(proposal, STEPS.proposal, (content) => proposalSignBytes(content, chainId)),
  };
}

type SignStep = Pick<SignRecord, "height" | "round" | "step">;

function compareSteps(a: SignStep, b: SignStep): number {
  return a.height - b.height || a.round - b.round || a.step - b.step;
}

/**
 * The timestamp in `old` when it equals `fresh` in everything else; undefined when the content differs. Both end with the timestamp
 * and the chain id (votes: fields 5 and 6, proposals: 6 and 7), so what lies before and behind the timestamp can be compared as bytes.
 */
function timestampOfSame(
  old: Uint8Array,
  fresh: Uint8Array,
  freshTime: Timestamp,
  chainId: string,
): Timestamp | undefined {
  const oldBody = old.subarray(prefixLength(old));
  const freshBody = fresh.subarray(prefixLength(fresh));
  const tailLength = 2 + Buffer.byteLength(chainId);
  const freshTimeLength = encodeTimestamp(freshTime).length;
  // Tag and one length byte stand before the timestamp: it has at most 16 bytes.
  const headLength = freshBody.length - tailLength - freshTimeLength - 1;
  const oldTime = oldBody.subarray(headLength + 1, Math.max(headLength + 1, oldBody.length - tailLength));
  const isSameHead = Buffer.compare(oldBody.subarray(0, headLength), freshBody.subarray(0, headLength)) === 0;
  const isSameTail = Buffer.compare(oldBody.subarray(-tailLength), freshBody.subarray(-tailLength)) === 0;
  if (!isSameHead || !isSameTail || oldBody[headLength] !== oldTime.length) return undefined;
  try {
    return readTimestamp(oldTime);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

/** Bytes of the varint in front. */
function prefixLength(bytes: Uint8Array): number {
  let length = 1;
  while (((bytes[length - 1] ?? 0) & 0x80) !== 0) length++;
  return length;
}
