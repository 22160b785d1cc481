import type { PrivateKey } from "#storage/crypto/keys.ts";
import { addressOf, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { splitSignBytes } from "#storage/db/signBytes.ts";
import type { SignState } from "#storage/db/signState.ts";
import { SignStateError } from "#storage/db/signStateError.ts";
import { SIGN_STEPS } from "#storage/db/signStateFile.ts";
import { proposalSignBytes } from "#storage/types/proposal.ts";
import type { Timestamp } from "#storage/types/time.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import type { SignerPort } from "./ports.ts";

/**
 * Signs with a key in memory, never contradicting what `signState` remembers: an earlier height, round or step and other content for
 * the last one are refused; the same content at another time gets the signature, and with it the timestamp, it already has.
 */
export function createSigner(
  key: PrivateKey,
  chainId: string,
  signState: Pick<SignState, "checkAndRecord">,
): SignerPort {
  async function signOnce<T extends { height: number; round: number; timestamp: Timestamp }>(
    content: T,
    step: number,
    signBytes: Uint8Array,
  ): Promise<(T & { signature: Uint8Array }) | undefined> {
    const { height, round } = content;
    try {
      const signed = signState.checkAndRecord({ height, round, step, signBytes }, (bytes) => sign(key, bytes));
      const timestamp =
        signed.signBytes === signBytes ? content.timestamp : splitSignBytes(signed.signBytes)?.timestamp;
      return timestamp === undefined ? undefined : { ...content, timestamp, signature: signed.signature };
    } catch (error) {
      if (error instanceof SignStateError && REFUSALS.has(error.details.code)) return undefined;
      throw error;
    }
  }

  return {
    address: addressOf(publicKeyOf(key)),
    signVote: (vote) => signOnce(vote, SIGN_STEPS[vote.type], voteSignBytes(vote, chainId)),
    signProposal: (proposal) => signOnce(proposal, SIGN_STEPS.propose, proposalSignBytes(proposal, chainId)),
  };
}

/** The validator stays silent at this step; anything else that goes wrong with the sign state stops the node. */
const REFUSALS: ReadonlySet<string> = new Set(["SIGN_STATE_REGRESSION", "SIGN_STATE_CONFLICT"]);
