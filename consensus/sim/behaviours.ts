import { sha256Latin1 } from "#storage/crypto/hash.ts";
import type { Block } from "#storage/types/block.ts";
import { blockIdKey, NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { addMs } from "#storage/types/time.ts";
import { findValidator } from "#storage/types/validatorSet.ts";
import type { Vote, VoteType } from "#storage/types/vote.ts";
import type { ConsensusMessage } from "../engine/messages.ts";
import { encodeMessage } from "../engine/messages.ts";
import type { StoredBlock } from "../engine/ports.ts";
import type { Send, Traitor } from "./byzantine.ts";
import {
  BLOCK_FORGERIES,
  COMMIT_FORGERIES,
  forgeLight,
  forgeStored,
  identify,
  randomHash,
  withContent,
  withHeader,
} from "./forge.ts";
import { oversizedTxs } from "./workload.ts";

/** One way to break the rules. A validator may have several; each changes what those before it let out. */
export interface Behaviour {
  readonly does: string;
  /** Only a validator can. */
  readonly needsVote: boolean;
  /** What goes to one peer in place of a message; undefined: the message itself. */
  send?(traitor: Traitor, to: number, message: ConsensusMessage, bytes: Uint8Array): readonly Uint8Array[] | undefined;
  /** The block it proposes. */
  propose?(traitor: Traitor, block: Block): Block;
  /** What it does unasked, a few times a second. */
  tick?(traitor: Traitor, send: Send): void;
  /** What it answers to a request for blocks from a height on. */
  blocks?(traitor: Traitor, fromHeight: number, blocks: readonly StoredBlock[]): readonly StoredBlock[];
  light?(traitor: Traitor, height: number, block: LightBlock | undefined): LightBlock | undefined;
}

/** Larger transactions than this would make the block too large. */
const REPLAYED_TX_BYTES = 2000;

type Tampering = NonNullable<Behaviour["send"]>;

/** A vote for a round in which it will be waited for, or one that will never be. */
function farVote(traitor: Traitor, own: Vote): Vote {
  const { random } = traitor;
  const round = own.round + 1 + random.int(random.chance(0.2) ? 5 : 10_000);
  return traitor.signVote({ ...own, round, blockId: random.chance(0.5) ? NIL_BLOCK_ID : own.blockId });
}

function equivocate(type: VoteType): Tampering {
  return (traitor, to, message, bytes) => {
    if (message.type !== "vote" || !traitor.isOwn(message.vote) || message.vote.type !== type) return undefined;
    const { vote } = message;
    const name = `${vote.height}/${vote.round}/${vote.type}`;
    const other = traitor.once(name, () => conflicting(traitor, vote));
    const both = [bytes, encodeMessage({ type: "vote", vote: other })];
    if (traitor.random.chance(0.3)) return traitor.random.shuffle(both);
    return traitor.isInHalf(to) ? [both[1] as Uint8Array] : [bytes];
  };
}

/** A vote for nil where it voted for a block, for the round's proposal or a made-up block where it voted for nil. */
function conflicting(traitor: Traitor, vote: Vote): Vote {
  const proposed = traitor.proposals.get(`${vote.height}/${vote.round}`)?.blockId;
  const madeUp = { hash: randomHash(traitor), partSetHeader: { total: 1, hash: randomHash(traitor) } };
  const blockId = vote.blockId.hash.length > 0 ? NIL_BLOCK_ID : (proposed ?? madeUp);
  return traitor.signVote({ ...vote, blockId });
}

/** A vote of its own in place of another one, the same for all peers. */
function replaceVotes(change: (traitor: Traitor, vote: Vote) => Vote | undefined): Tampering {
  return (traitor, _to, message) => {
    if (message.type !== "vote" || !traitor.isOwn(message.vote)) return undefined;
    const { vote } = message;
    const changed = change(traitor, vote);
    if (changed === undefined) return undefined;
    const name = `instead ${vote.height}/${vote.round}/${vote.type}`;
    return [encodeMessage({ type: "vote", vote: traitor.once(name, () => traitor.signVote(changed)) })];
  };
}

const TABLE = {
  equivocatePrevotes: {
    does: "prevotes one thing to some and another to others, or both",
    needsVote: true,
    send: equivocate("prevote"),
  },

  equivocatePrecommits: {
    does: "precommits one thing to some and another to others, or both",
    needsVote: true,
    send: equivocate("precommit"),
  },

  equivocateProposals: {
    does: "proposes two valid blocks, one to either half",
    needsVote: true,
    propose(traitor, block) {
      const others = [...traitor.votes.map((vote) => vote.validatorAddress)].filter(
        (address) => Buffer.compare(address, block.header.proposerAddress) !== 0,
      );
      const other =
        block.txs.length > 0
          ? withContent(block, { txs: [] })
          : withHeader(block, { proposerAddress: others.at(-1) ?? block.header.proposerAddress });
      traitor.otherBlocks.set(latin1(identify(block).partSet.header.hash), other);
      return block;
    },
    send(traitor, to, message) {
      if (!traitor.isInHalf(to)) return undefined;
      if (message.type === "part") return traitor.otherBlocks.has(latin1(message.partSetHash)) ? [] : undefined;
      if (message.type !== "proposal") return undefined;
      const { proposal } = message;
      const other = traitor.otherBlocks.get(latin1(proposal.blockId.partSetHeader.hash));
      if (other === undefined) return undefined;
      const { blockId, partSet } = identify(other);
      const { height } = proposal;
      const signed = traitor.signProposal({ ...proposal, blockId });
      return [
        encodeMessage({ type: "proposal", proposal: signed }),
        ...partSet.parts.map((part) => encodeMessage({ type: "part", height, partSetHash: partSet.header.hash, part })),
      ];
    },
  },

  amnesia: {
    does: "votes for every round's proposal, whatever it is locked on",
    needsVote: true,
    send: replaceVotes((traitor, vote) => {
      const proposed = traitor.proposals.get(`${vote.height}/${vote.round}`)?.blockId;
      return proposed === undefined ? undefined : { ...vote, blockId: proposed };
    }),
  },

  withholdParts: {
    does: "sends its proposals, but their parts to nobody or only to some",
    needsVote: false,
    send: (traitor, to, message) =>
      message.type === "part" && (traitor.index % 2 === 0 || traitor.isInHalf(to)) ? [] : undefined,
  },

  withholdVotes: {
    does: "keeps its votes to itself in three rounds of four",
    needsVote: true,
    send: (traitor, _to, message) =>
      message.type === "vote" && traitor.isOwn(message.vote) && (message.vote.height + message.vote.round) % 4 !== 0
        ? []
        : undefined,
  },

  replayOldVotes: {
    does: "sends votes of earlier heights and rounds again, its own and others'",
    needsVote: false,
    tick(traitor, send) {
      for (let left = Math.min(3, traitor.votes.length); left > 0; left--)
        send(traitor.random.pick(traitor.peers), { type: "vote", vote: traitor.random.pick(traitor.votes) });
    },
  },

  lyingPolRound: {
    does: "claims a polka of an earlier round for its proposals, or of one that is still to come",
    needsVote: true,
    send(traitor, _to, message) {
      if (message.type !== "proposal") return undefined;
      const { height, round } = message.proposal;
      // An earlier round where there is one; else, and sometimes all the same, one that is still to come.
      if (round === 0 && height % 3 !== 0) return undefined;
      const polRound = round === 0 || (height + round) % 5 === 0 ? round : (height + round) % round;
      const proposal = traitor.signProposal({ ...message.proposal, polRound });
      return [encodeMessage({ type: "proposal", proposal })];
    },
  },

  invalidAppHash: {
    does: "proposes blocks with a made-up app hash",
    needsVote: true,
    propose: (traitor, block) => withHeader(block, { appHash: randomHash(traitor) }),
  },

  invalidBlock: {
    does: "proposes blocks that break one rule: a hash, the height, the chain, the version, the proposer, a transaction that is none",
    needsVote: true,
    propose: (traitor, block) => traitor.random.pick(BLOCK_FORGERIES)(traitor, block),
  },

  replayTxs: {
    does: "proposes blocks that hold transactions of earlier blocks again",
    needsVote: true,
    propose(traitor, block) {
      const own = new Set(block.txs.map(sha256Latin1));
      const old = [...traitor.txs].filter(([id, tx]) => !own.has(id) && tx.length <= REPLAYED_TX_BYTES);
      return old.length === 0 ? block : withContent(block, { txs: [...block.txs, ...old.map(([, tx]) => tx)] });
    },
  },

  forgedLastCommit: {
    does: "proposes blocks whose last commit has forged, exchanged, missing or late signatures",
    needsVote: true,
    propose(traitor, block) {
      if (block.lastCommit.signatures.length === 0) return block;
      return withContent(block, { lastCommit: traitor.random.pick(COMMIT_FORGERIES)(traitor, block.lastCommit) });
    },
  },

  oversizedBlock: {
    does: "proposes blocks beyond the size limit, or claims more parts than a block may have",
    needsVote: true,
    propose: (traitor, block) =>
      traitor.random.chance(0.5) ? withContent(block, { txs: oversizedTxs(traitor.maxBlockBytes) }) : block,
    send(traitor, _to, message) {
      if (message.type !== "proposal" || message.proposal.height % 2 === 0) return undefined;
      const { blockId } = message.proposal;
      const claimed = { ...blockId, partSetHeader: { ...blockId.partSetHeader, total: 1_000_000 } };
      const proposal = traitor.signProposal({ ...message.proposal, blockId: claimed });
      return [encodeMessage({ type: "proposal", proposal })];
    },
  },

  wrongTime: {
    does: "dates its votes and its blocks long ago or far ahead",
    needsVote: true,
    propose: (traitor, block) =>
      traitor.random.chance(0.5)
        ? withHeader(block, { time: addMs(block.header.time, traitor.random.pick([-5000, -1, 1, 7000])) })
        : block,
    send: replaceVotes((traitor, vote) => ({
      ...vote,
      timestamp: addMs(vote.timestamp, traitor.random.pick([-86_400_000, -3000, 3000, 86_400_000])),
    })),
  },

  selectiveSilence: {
    does: "says nothing at all to one half of the nodes",
    needsVote: false,
    send: (traitor, to) => (traitor.isInHalf(to) ? [] : undefined),
  },

  forgeCommits: {
    does: "answers block sync and light nodes with forged blocks and commits, and claims heights that nobody has to be asked for them",
    needsVote: false,
    blocks(traitor, fromHeight, blocks) {
      const last = blocks.at(-1) ?? traitor.lastServed;
      traitor.lastServed = last;
      if (blocks.length === 0) return last === undefined ? [] : [forgeStored(traitor, last, fromHeight)];
      const victim = traitor.random.int(blocks.length);
      return blocks.map((each, index) => (index === victim ? forgeStored(traitor, each, fromHeight + index) : each));
    },
    light: (traitor, _height, block) => (block === undefined ? undefined : forgeLight(traitor, block)),
    send(traitor, _to, message) {
      if (message.type !== "status" || traitor.random.chance(0.6)) return undefined;
      const { status } = message;
      return [encodeMessage({ type: "status", status: { ...status, height: status.height + 2, base: 1 } })];
    },
  },

  staleLight: {
    does: "tells light nodes and block sync that an old block is the latest, or claims heights it does not have",
    needsVote: false,
    light: (traitor, height, block) => (height === 0 && traitor.random.chance(0.7) ? undefined : block),
    blocks: (traitor, _fromHeight, blocks) => blocks.slice(0, traitor.random.int(2)),
    send(traitor, _to, message) {
      if (message.type !== "status") return undefined;
      const { status } = message;
      const height = Math.max(1, status.height + traitor.random.pick([-3, 0, 2, 1000]));
      return [encodeMessage({ type: "status", status: { ...status, height, base: 1 } })];
    },
  },

  flooding: {
    does: "sends bytes that are no message, votes of far rounds, large messages, the same over and over",
    needsVote: false,
    tick(traitor, send) {
      const { random, votes } = traitor;
      const to = random.pick(traitor.peers);
      for (let left = 4; left > 0; left--)
        send(
          to,
          Uint8Array.from({ length: 1 + random.int(60) }, () => random.int(random.chance(0.5) ? 8 : 256)),
        );
      send(to, Buffer.concat([Uint8Array.of(random.int(8)), new Uint8Array(3000)]));
      const vote = votes.at(-1);
      if (vote === undefined) return;
      for (let left = 4; left > 0; left--) send(to, { type: "vote", vote });
      const own = votes.findLast((each) => traitor.isOwn(each));
      if (own === undefined) return;
      for (let left = 4; left > 0; left--) send(to, { type: "vote", vote: farVote(traitor, own) });
    },
    // While a height is being decided, before the vote that counts.
    send(traitor, _to, message, bytes) {
      if (message.type !== "vote" || !traitor.isOwn(message.vote) || traitor.random.chance(0.3)) return undefined;
      return [encodeMessage({ type: "vote", vote: farVote(traitor, message.vote) }), bytes];
    },
  },

  spoofedVotes: {
    does: "votes in the name of others, beyond the end of the set, or with an index and an address that do not belong together",
    needsVote: false,
    tick(traitor, send) {
      const { random } = traitor;
      const vote = traitor.votes.at(-1);
      if (vote === undefined) return;
      const type: VoteType = random.pick(["prevote", "precommit"]);
      const blockId = random.chance(0.5) ? NIL_BLOCK_ID : vote.blockId;
      const base = { ...vote, type, blockId, round: vote.round + random.int(2) };
      const validatorIndex = random.pick([0, 1, 2, 3, 7, 1000]);
      const forged = random.pick<Vote>([
        {
          ...base,
          validatorIndex,
          validatorAddress: traitor.address.length > 0 ? traitor.address : vote.validatorAddress,
        },
        { ...base, validatorIndex },
        base,
      ]);
      send(random.pick(traitor.peers), { type: "vote", vote: traitor.signVote(forged) });
    },
  },

  tamperedParts: {
    does: "sends one node parts under another index than their proof's, or with other bytes, before the right ones",
    needsVote: false,
    send(traitor, to, message, bytes) {
      // One victim a height, so that the others decide the block that it cannot put together.
      if (message.type !== "part" || traitor.peers[message.height % traitor.peers.length] !== to) return undefined;
      const { part } = message;
      const forged = traitor.random.pick([
        { ...part, index: part.index + 1 },
        { ...part, index: part.index === 0 ? 1 : 0 },
        { ...part, proof: { ...part.proof, index: part.proof.index + 1 } },
        { ...part, proof: { ...part.proof, total: part.proof.total + 1 } },
        { ...part, bytes: part.bytes.map((byte, at) => (at === 3 ? byte ^ 1 : byte)) },
      ]);
      return [encodeMessage({ ...message, part: forged }), bytes];
    },
  },

  falseEvidence: {
    does: "accuses honest validators: of one vote at two times, of votes they did not sign; to its peers and in its blocks",
    needsVote: false,
    tick(traitor, send) {
      void accuse(traitor).then((evidence) => {
        if (evidence !== undefined) send(traitor.random.pick(traitor.peers), { type: "evidence", evidence });
      });
    },
    propose: (traitor, block) =>
      traitor.accusation === undefined
        ? block
        : withContent(block, { evidence: [...block.evidence, traitor.accusation] }),
  },

  twins: {
    does: "runs twice with one key, each twin with a memory of its own",
    needsVote: true,
  },
} as const satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof TABLE;

export const BEHAVIOURS: Readonly<Record<BehaviourName, Behaviour>> = TABLE;

export const BEHAVIOUR_NAMES = Object.keys(TABLE) as BehaviourName[];

export function isBehaviourName(name: unknown): name is BehaviourName {
  return typeof name === "string" && Object.hasOwn(TABLE, name);
}

/** Evidence against somebody whose vote it has: right in all but one thing, mostly the other vote's signature. */
async function accuse(traitor: Traitor): Promise<Evidence | undefined> {
  const { random, votes } = traitor;
  if (votes.length === 0) return undefined;
  const vote = random.pick(votes);
  const decided = await traitor.decidedAt(vote.height);
  if (decided === undefined) return undefined;
  const blockId = { hash: randomHash(traitor), partSetHeader: { total: 1, hash: randomHash(traitor) } };
  const other: Vote = random.pick([
    { ...vote, timestamp: addMs(vote.timestamp, 1) },
    { ...vote, blockId },
    { ...vote, blockId, signature: traitor.signVote({ ...vote, blockId }).signature },
  ]);
  const isInOrder = Buffer.compare(blockIdKey(vote.blockId), blockIdKey(other.blockId)) < 0;
  const [voteA, voteB] = isInOrder === random.chance(0.9) ? [vote, other] : [other, vote];
  const { time, validators } = decided;
  traitor.accusation = {
    type: "duplicateVote",
    voteA,
    voteB,
    totalVotingPower: validators.totalVotingPower,
    validatorPower: findValidator(validators, vote.validatorAddress)?.validator.votingPower ?? 10n,
    timestamp: random.chance(0.8) ? time : vote.timestamp,
  };
  return traitor.accusation;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
