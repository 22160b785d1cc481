import { sha256Latin1 } from "#storage/crypto/hash.ts";
import type { PrivateKey, PublicKey } from "#storage/crypto/keys.ts";
import { addressOf, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { ACCEPTED } from "#storage/error.ts";
import type { Block } from "#storage/types/block.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import { proposalSignBytes } from "#storage/types/proposal.ts";
import type { Timestamp } from "#storage/types/time.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import type { BlockExecutor } from "../engine/executor.ts";
import type { ConsensusMessage } from "../engine/messages.ts";
import { decodeMessage, encodeMessage } from "../engine/messages.ts";
import type { StoredBlock } from "../engine/ports.ts";
import { BEHAVIOURS, type Behaviour, type BehaviourName } from "./behaviours.ts";
import type { Random } from "./random.ts";
import type { Tamper } from "./tamper.ts";

/** How often a Byzantine node does what it does unasked. */
const TICK_MS = 150;

/** Votes and proposals remembered for later abuse. */
const REMEMBERED_MAX = 300;

/** Where a Byzantine node runs: in the simulator, or as a process of its own (devnet/faults). Other nodes are numbers. */
export interface ByzantinePorts {
  readonly chainId: string;
  readonly maxBlockBytes: number;
  readonly random: Random;
  /** Of the same clock as the times of its behaviours. */
  nowMs(): number;
  schedule(delayMs: number, run: () => void): () => void;
  /** All other nodes that it reaches. */
  peers(): readonly number[];
  /** One half of the peers is told one thing, the other half another. */
  isInHalf(peer: number): boolean;
  /** Puts bytes on the wire. */
  send(to: number, bytes: Uint8Array): void;
  /** A behaviour changed or made a message, a block or an answer. */
  onAct(behaviour: BehaviourName): void;
  /** Time and validators of a block that is decided. */
  decidedAt(height: number): Promise<{ readonly time: Timestamp; readonly validators: ValidatorSet } | undefined>;
}

/** What a behaviour works with. */
export interface Traitor {
  readonly index: number;
  /** Its consensus key; undefined for a full node. */
  readonly publicKey: PublicKey | undefined;
  /** Of its consensus key; empty for a full node. */
  readonly address: Uint8Array;
  readonly random: Random;
  readonly maxBlockBytes: number;
  readonly peers: readonly number[];
  isInHalf: ByzantinePorts["isInHalf"];
  decidedAt: ByzantinePorts["decidedAt"];
  isOwn(vote: Vote): boolean;
  signVote(vote: Vote): Vote;
  signProposal(proposal: Proposal): Proposal;
  /** Votes that it sent or received, oldest first. */
  readonly votes: readonly Vote[];
  /** Proposals that it sent or received, by "height/round". */
  readonly proposals: ReadonlyMap<string, Proposal>;
  /** Another block for the same place, if a behaviour keeps one: by the hash of the first, latin1. */
  readonly otherBlocks: Map<string, Block>;
  /** Transactions of blocks that were decided, each once, by id (SHA-256 as latin1). */
  readonly txs: ReadonlyMap<string, Uint8Array>;
  /** The last block it sent to somebody who catches up: what it forges further ones from. */
  lastServed: StoredBlock | undefined;
  /** False evidence, for its next block. */
  accusation: Evidence | undefined;
  /** A vote that a behaviour made in place of its own, the same for everybody who asks for it by this name. */
  once(name: string, make: () => Vote): Vote;
}

/** Puts a message on the wire past all behaviours. */
export type Send = (to: number, message: ConsensusMessage | Uint8Array) => void;

/** A node that runs the production engine and lets its behaviours change what goes out. `chosen` may grow while it runs. */
export function createByzantine(
  ports: ByzantinePorts,
  index: number,
  key: PrivateKey | undefined,
  chosen: readonly { readonly name: BehaviourName; readonly atMs: number }[],
): Tamper {
  const { random, chainId } = ports;
  const publicKey = key === undefined ? undefined : publicKeyOf(key);
  const address = publicKey === undefined ? new Uint8Array(0) : addressOf(publicKey);
  const votes: Vote[] = [];
  const txs = new Map<string, Uint8Array>();
  const proposals = new Map<string, Proposal>();
  const made = new Map<string, Vote>();
  const decoded = new WeakMap<Uint8Array, ConsensusMessage>();
  /** Own blocks that break the rules: its engine takes them for valid. */
  const crooked = new WeakSet<Block>();

  const traitor: Traitor = {
    index,
    publicKey,
    address,
    random,
    maxBlockBytes: ports.maxBlockBytes,
    get peers() {
      return ports.peers();
    },
    isInHalf: (peer) => ports.isInHalf(peer),
    decidedAt: (height) => ports.decidedAt(height),
    isOwn: (vote) => address.length > 0 && Buffer.compare(vote.validatorAddress, address) === 0,
    signVote: (vote) => (key === undefined ? vote : { ...vote, signature: sign(key, voteSignBytes(vote, chainId)) }),
    signProposal: (proposal) =>
      key === undefined ? proposal : { ...proposal, signature: sign(key, proposalSignBytes(proposal, chainId)) },
    votes,
    proposals,
    txs,
    otherBlocks: new Map(),
    lastServed: undefined,
    accusation: undefined,
    once(name, make) {
      const vote = made.get(name) ?? make();
      made.set(name, vote);
      return vote;
    },
  };

  function active(): { readonly name: BehaviourName; readonly behaviour: Behaviour }[] {
    return chosen
      .filter(({ atMs }) => atMs <= ports.nowMs())
      .map(({ name }) => ({ name, behaviour: BEHAVIOURS[name] }));
  }

  /** What becomes of something when each behaviour in turn has had its hands on it. */
  function altered<T>(original: T, alter: (behaviour: Behaviour, each: T) => T): T {
    return active().reduce((each, { name, behaviour }) => {
      const changed = alter(behaviour, each);
      if (changed !== each) ports.onAct(name);
      return changed;
    }, original);
  }

  function sendFor(name: BehaviourName): Send {
    return (to, message) => {
      ports.onAct(name);
      ports.send(to, message instanceof Uint8Array ? message : encodeMessage(message));
    };
  }

  function read(bytes: Uint8Array): ConsensusMessage | undefined {
    const known = decoded.get(bytes);
    if (known !== undefined) return known;
    const message = decodeMessage(bytes);
    if (!("type" in message)) return undefined;
    decoded.set(bytes, message);
    return message;
  }

  function remember(message: ConsensusMessage | undefined): void {
    if (message?.type === "vote") {
      votes.push(message.vote);
      if (votes.length > REMEMBERED_MAX) votes.shift();
    } else if (message?.type === "proposal")
      proposals.set(`${message.proposal.height}/${message.proposal.round}`, message.proposal);
  }

  const tick = (): void => {
    if (ports.peers().length > 0) for (const { name, behaviour } of active()) behaviour.tick?.(traitor, sendFor(name));
    ports.schedule(TICK_MS, tick);
  };
  ports.schedule(TICK_MS, tick);

  return {
    outgoing(to, bytes) {
      remember(read(bytes));
      let messages: readonly Uint8Array[] = [bytes];
      for (const { name, behaviour } of active()) {
        const { send } = behaviour;
        if (send === undefined) continue;
        messages = messages.flatMap((each) => {
          const message = read(each);
          const instead = message && send(traitor, to, message, each);
          if (instead !== undefined) ports.onAct(name);
          return instead ?? [each];
        });
      }
      return messages;
    },

    received: (_from, bytes) => remember(read(bytes)),

    executor: (executor: BlockExecutor): BlockExecutor => ({
      ...executor,
      createProposalBlock(lastCommit, proposerAddress, txs) {
        const block = executor.createProposalBlock(lastCommit, proposerAddress, txs);
        const made = altered(block, (behaviour, each) => behaviour.propose?.(traitor, each) ?? each);
        if (made !== block) crooked.add(made);
        return made;
      },
      applyBlock(decided, seenCommit) {
        for (const tx of decided.block.txs) txs.set(sha256Latin1(tx), tx);
        return executor.applyBlock(decided, seenCommit);
      },
      validateBlock: async (block) => (crooked.has(block) ? ACCEPTED : executor.validateBlock(block)),
      processProposal: (block, hash) => (crooked.has(block) ? ACCEPTED : executor.processProposal(block, hash)),
    }),

    signer: (own) => ({
      address: addressOf(publicKeyOf(own)),
      async signVote(vote) {
        if (active().some(({ name }) => name === "twins")) ports.onAct("twins");
        return traitor.signVote(vote);
      },
      signProposal: async (proposal) => traitor.signProposal(proposal),
    }),

    blocks: (fromHeight, blocks) =>
      altered(blocks, (behaviour, each) => behaviour.blocks?.(traitor, fromHeight, each) ?? each),

    lightBlock: (height, block) =>
      altered(block, ({ light }, each) => (light === undefined ? each : light(traitor, height, each))),
  };
}
