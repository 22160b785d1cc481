import { sign } from "#storage/crypto/keys.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { findValidator } from "#storage/types/validatorSet.ts";
import type { Vote, VoteType } from "#storage/types/vote.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";
import type { TestNet } from "./testNet.ts";

/**
 * Makes a validator sign, beside each of its votes of `type` at heights that `when` picks, one for nil, and send both to one other
 * node: the network decides which arrives first.
 */
export function signConflictingVotes(
  net: TestNet,
  index: number,
  type: VoteType,
  when: (height: number) => boolean,
): void {
  const honest = net.send;
  const key = net.keys[index];
  const validator = net.genesis.validators[index];
  if (key === undefined || validator === undefined) throw new TypeError("no such validator");
  net.send = (from, to, bytes) => {
    const message = decodeMessage(bytes);
    if (from === index && "type" in message && message.type === "vote" && to === (index + 1) % net.nodes.length) {
      const { vote } = message;
      const isOwn = Buffer.compare(vote.validatorAddress, validator.address) === 0;
      if (isOwn && vote.type === type && when(vote.height)) {
        const other = signedVote(net, index, { ...vote, blockId: NIL_BLOCK_ID });
        honest(from, to, encodeMessage({ type: "vote", vote: other }));
      }
    }
    honest(from, to, bytes);
  };
}

/** `vote` signed with the key of node `index`, whatever it says. */
export function signedVote(net: TestNet, index: number, vote: Vote): Vote {
  const key = net.keys[index];
  if (key === undefined) throw new TypeError("no such key");
  return { ...vote, signature: sign(key, voteSignBytes(vote, net.genesis.chainId)) };
}

/** A vote of node `index` for the present height of node `of`. */
export function voteFor(net: TestNet, index: number, of: number, changes: Partial<Vote>): Vote {
  const state = net.nodes[of]?.disk.state;
  const set = state?.validators;
  const address = net.genesis.validators[index]?.address;
  if (set === undefined || address === undefined) throw new TypeError("no state yet");
  return signedVote(net, index, {
    type: "prevote",
    height: (state?.lastBlockHeight ?? 0) + 1,
    round: 0,
    blockId: NIL_BLOCK_ID,
    timestamp: { seconds: 1_700_000_100n, nanos: 0 },
    validatorAddress: address,
    validatorIndex: findValidator(set, address)?.index ?? 0,
    signature: new Uint8Array(0),
    ...changes,
  });
}
