import { decodeMessage } from "#consensus/engine/messages.ts";
import { createNetwork, type Network } from "#node/network/network.ts";
import { generatePrivateKey } from "#storage/crypto/keys.ts";
import { type Vote, voteSignBytes } from "#storage/types/vote.ts";

/** Two signatures of one validator for one height, round and type over different content. */
export interface DoubleSign {
  /** Address in hex. */
  readonly validator: string;
  readonly height: number;
  readonly round: number;
  readonly type: string;
}

export interface VoteNotes {
  note(vote: Vote): void;
  /** Places (validator, height, round, type) at which a vote was seen. */
  readonly seen: number;
  readonly doubleSigned: readonly DoubleSign[];
}

/** What every validator signed first at every place. The time is signed with the block: a correct signer repeats its vote to the letter. */
export function createVoteNotes(chainId: string): VoteNotes {
  const signed = new Map<string, string>();
  const doubleSigned: DoubleSign[] = [];
  return {
    note(vote) {
      const validator = Buffer.from(vote.validatorAddress).toString("hex");
      const { height, round, type } = vote;
      const place = `${validator} ${height} ${round} ${type}`;
      const content = Buffer.from(voteSignBytes(vote, chainId)).toString("latin1");
      const first = signed.get(place);
      if (first === undefined) signed.set(place, content);
      else if (first !== content) doubleSigned.push({ validator, height, round, type });
    },
    get seen() {
      return signed.size;
    },
    doubleSigned,
  };
}

export interface VoteWatch extends AsyncDisposable {
  readonly network: Network;
  readonly notes: VoteNotes;
}

/** A node that only listens: it notes every vote that validators send it, across all their lives. */
export async function watchVotes(chainId: string, validators: readonly string[]): Promise<VoteWatch> {
  const notes = createVoteNotes(chainId);

  const network = await createNetwork(
    {
      nodeKey: generatePrivateKey("ed25519").bytes,
      role: "full",
      chainId,
      listen: [],
      agent: "vote-watch",
      discover: false,
      seeds: [],
      persistentPeers: validators,
    },
    {
      status: () => ({ height: 0, earliestHeight: 0 }),
      onTxs: async () => ({ decision: "ignore" }),
      onHeader: async () => "ignore",
      onConsensusMessage(_peer, bytes) {
        const message = decodeMessage(bytes);
        if (!("code" in message) && message.type === "vote") notes.note(message.vote);
      },
    },
  );
  return {
    network,
    notes,
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}
