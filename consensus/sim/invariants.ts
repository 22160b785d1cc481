import { sha256Latin1 } from "#storage/crypto/hash.ts";
import type { PublicKey } from "#storage/crypto/keys.ts";
import { addressOf, verifySignature } from "#storage/crypto/keys.ts";
import type { ChainState } from "#storage/db/chainState.ts";
import { parseSignRecord, SIGN_STEPS, type SignRecord } from "#storage/db/signStateFile.ts";
import { dataHash, encodeBlock } from "#storage/types/block.ts";
import { equalBlockIds } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import { commitSignBytes } from "#storage/types/commit.ts";
import { type Evidence, hashEvidence } from "#storage/types/evidence.ts";
import { type Header, hashHeader } from "#storage/types/header.ts";
import { partSetHeaderOf } from "#storage/types/partSet.ts";
import { compareTimestamps, EPOCH, type Timestamp, timestampToMs } from "#storage/types/time.ts";
import { hashValidatorSet, newValidatorSet } from "#storage/types/validatorSet.ts";
import type { Proposal, Vote, VoteType } from "#storage/types/vote.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import type { RecordOf } from "../application/stateRecords.ts";
import type { HeightRecord } from "../engine/executor.ts";
import { decodeMessage } from "../engine/messages.ts";
import { blockKey, votedValue } from "../tendermint/value.ts";
import { SIGN_STATE_PATH, type SimNode } from "./simNode.ts";

/**
 * What must hold in every run with less than a third of the power Byzantine. Nothing here asks the engine: messages are read as they
 * leave and arrive, blocks as they are stored, and counted again.
 *
 * | name | claim |
 * |---|---|
 * | agreement | no two honest nodes store different blocks at one height |
 * | validity | a stored block was proposed, follows the chain, has the sizes, hashes, validators, commit and time it must have, and holds only what clients signed, each once |
 * | double-sign | an honest validator signs one thing a height, round and step, and what it signed is on disk before it leaves |
 * | locks | an honest precommit follows a polka, and a later prevote for something else a later polka |
 * | rounds | an honest validator enters a round only when two thirds have precommitted in the one before, or a third has voted in it |
 * | monotone | the height on an honest node's disk grows by one, and never goes back |
 * | evidence | two conflicting votes that an honest node saw and lived to tell are in a block; nobody else is accused |
 * | progress | within PROGRESS_MS of the heal every honest node decides further blocks, and what clients submit gets into them |
 * | app-hash | honest nodes have the same application state after a height |
 * | energy | the outputs of the state are the energy that was registered, and that was produced |
 * | light | a light node trusts nothing that full nodes did not finalise |
 * | blame | no honest node accuses another of what only faulty ones do |
 * | survival | an honest node stops for nothing but its disk, and starts again |
 */
export type InvariantName =
  | "agreement"
  | "validity"
  | "double-sign"
  | "locks"
  | "rounds"
  | "monotone"
  | "evidence"
  | "progress"
  | "app-hash"
  | "energy"
  | "light"
  | "blame"
  | "survival";

export interface Violation {
  readonly invariant: InvariantName;
  readonly message: string;
  readonly atMs: number;
}

/** What the invariants are told of the run besides what happens. */
export interface InvariantFacts {
  readonly chainId: string;
  readonly maxBlockBytes: number;
  readonly genesisValidators: readonly { readonly publicKey: PublicKey; readonly power: bigint }[];
  /** Addresses of Byzantine validators, hex. */
  readonly byzantine: ReadonlySet<string>;
  isByzantineNode(index: number): boolean;
  /** Of a client's transaction (SHA-256 as latin1): what it registers; undefined when no client signed it. */
  registeredBy(txId: string): bigint | undefined;
  nowMs(): number;
  /** Conflicts seen later need not be in a block when the run ends. */
  readonly healMs: number;
}

export interface Invariants {
  /** The first one broken; the run ends there. */
  readonly violation: Violation | undefined;
  fail(invariant: InvariantName, message: string): void;
  /** An honest node sends something of its own to everybody. */
  onBroadcast(node: SimNode, bytes: Uint8Array): void;
  /** A Byzantine node sends something to somebody. */
  onByzantineSend(node: SimNode, bytes: Uint8Array): void;
  /** Something is about to be processed by an honest node. */
  onDelivered(node: SimNode, bytes: Uint8Array): void;
  onStarted(node: SimNode, state: ChainState): void;
  onStored(node: SimNode, record: HeightRecord): void;
  onReport(node: SimNode, peer: number, code: string, reason: string): void;
  onStopped(node: SimNode, error: unknown): void;
  onLightTrusted(light: number, header: Header): void;
  onLightConflict(light: number, reason: string): void;
  /** Conflicts seen before the heal by nodes that are still alive and not in a block yet. */
  missingEvidence(nodes: readonly SimNode[]): readonly string[];
  /** Whether a transaction took effect. */
  isCommitted(txId: string): boolean;
  /** Offences with evidence in a block, and transactions that took effect. */
  evidenceCount(): number;
  committedCount(): number;
  /** Height of the chain, and the header hash at a height. */
  chainHeight(): number;
  hashAt(height: number): Uint8Array | undefined;
  /** Time of the highest block, ms since 1970. */
  latestTimeMs(): number;
  /** The state of an honest node at the end. */
  checkEnergy(node: SimNode, state: EnergyState): void;
}

export interface EnergyState {
  readonly height: number;
  readonly outputs: readonly RecordOf<"output">[];
  readonly chains: readonly RecordOf<"chain">[];
}

interface ChainEntry {
  readonly record: HeightRecord;
  readonly hash: Uint8Array;
  readonly by: number;
  /** Registered energy up to here. */
  readonly registeredMwh: bigint;
}

type Powers = ReadonlyMap<string, { readonly power: bigint; readonly publicKey: PublicKey }>;

export function createInvariants(facts: InvariantFacts): Invariants {
  let violation: Violation | undefined;
  const chain = new Map<number, ChainEntry>();
  let chainHeight = 0;
  const powersAt = new Map<number, Powers>();
  const setHashes = new Map<number, Uint8Array>();
  /** Who voted for what, of all votes that ever left anybody: "height/round/type/value" → addresses. */
  const voters = new Map<string, Set<string>>();
  /** Who cast any vote in a round, and who any precommit: "height/round" → addresses. */
  const inRound = new Map<string, Set<string>>();
  const precommitted = new Map<string, Set<string>>();
  /** Everything honest validators signed: "address/height/round/type" → what. */
  const signed = new Map<string, string>();
  /** Values an honest validator precommitted at a height: "address/height" → rounds and values. */
  const precommits = new Map<string, { round: number; value: string }[]>();
  const proposed = new Set<string>();
  /** Earliest and latest time in honest precommits of a height. */
  const honestTimes = new Map<number, { first: Timestamp; last: Timestamp }>();
  const effective = new Set<string>();
  /** Evidence in blocks, and the offences it proves: "height/round/type/address". */
  const evidenceHashes = new Set<string>();
  const evidenceOf = new Set<string>();
  /** Votes of Byzantine validators that a life of an honest node saw: "node/life/height/round/type/address" → values. */
  const seen = new Map<string, Set<string>>();
  const provable: { readonly key: string; readonly node: number; readonly life: number }[] = [];

  const genesisPowers = powersOf(facts.genesisValidators);
  powersAt.set(1, genesisPowers);
  powersAt.set(2, genesisPowers);

  function fail(invariant: InvariantName, message: string): void {
    violation ??= { invariant, message, atMs: Math.round(facts.nowMs()) };
  }

  function totalAt(height: number): bigint {
    let total = 0n;
    for (const { power } of powersAt.get(height)?.values() ?? []) total += power;
    return total;
  }

  /** Whether votes that were sent make more than two thirds. */
  function hasQuorum(height: number, round: number, type: VoteType, value: string): boolean {
    const powers = powersAt.get(height);
    let weight = 0n;
    for (const address of voters.get(`${height}/${round}/${type}/${value}`) ?? [])
      weight += powers?.get(address)?.power ?? 0n;
    return 3n * weight > 2n * totalAt(height);
  }

  function noteVote(vote: Vote): void {
    const address = hex(vote.validatorAddress);
    const round = `${vote.height}/${vote.round}`;
    addTo(voters, `${round}/${vote.type}/${valueIn(vote)}`, address);
    addTo(inRound, round, address);
    if (vote.type === "precommit") addTo(precommitted, round, address);
  }

  /** Nobody is led into a round by less than a third: L47, L55 and L65 of the algorithm, from outside. */
  function checkRound(node: SimNode, height: number, round: number): void {
    if (round === 0) return;
    const powers = powersAt.get(height);
    // Its own vote may be known to nobody else, when it died of sending it.
    const powerOf = (addresses = new Set<string>()) =>
      [...new Set([...addresses, hex(node.address ?? EMPTY)])].reduce(
        (sum, each) => sum + (powers?.get(each)?.power ?? 0n),
        0n,
      );
    const total = totalAt(height);
    const isDue = 3n * powerOf(precommitted.get(`${height}/${round - 1}`)) > 2n * total;
    if (!isDue && 3n * powerOf(inRound.get(`${height}/${round}`)) <= total)
      fail("rounds", `n${node.index} is led into round ${round} of height ${height} by too few`);
  }

  function isSigned(vote: Vote): boolean {
    const publicKey = powersAt.get(vote.height)?.get(hex(vote.validatorAddress))?.publicKey;
    return publicKey !== undefined && verifySignature(publicKey, voteSignBytes(vote, facts.chainId), vote.signature);
  }

  function checkSignedOnce(node: SimNode, content: Vote | Proposal, type: VoteType | "propose", value: string): void {
    const { height, round } = content;
    const key = `${hex(node.address ?? EMPTY)}/${height}/${round}/${type}`;
    const what = `${value} ${hex(content.signature)}`;
    const before = signed.get(key);
    if (before !== undefined && before !== what)
      fail("double-sign", `n${node.index} signed two ${type}s at height ${height} round ${round}`);
    signed.set(key, what);
    const step = SIGN_STEPS[type];
    const last = durableSignRecord(node);
    const order = last === undefined ? -1 : last.height - height || last.round - round || last.step - step;
    if (order < 0)
      fail("double-sign", `n${node.index} lets a ${type} of ${height}/${round} go that a power cut forgets`);
  }

  /** The rules by which no two values can be decided: L36-L43 and L22-L33 of the algorithm, from outside. */
  function checkLocks(node: SimNode, vote: Vote): void {
    const { height, round } = vote;
    const value = valueIn(vote);
    if (value === NIL) return;
    const key = `${hex(vote.validatorAddress)}/${height}`;
    const earlier = precommits.get(key) ?? [];
    if (vote.type === "precommit") {
      if (!hasQuorum(height, round, "prevote", value))
        fail("locks", `n${node.index} precommits at ${height}/${round} what has no polka`);
      precommits.set(key, [...earlier, { round, value }]);
      return;
    }
    const locked = earlier.filter((each) => each.round < round).at(-1);
    if (locked === undefined || locked.value === value) return;
    for (let polka = locked.round; polka < round; polka++) if (hasQuorum(height, polka, "prevote", value)) return;
    fail(
      "locks",
      `n${node.index} is locked on another block at ${height}/${locked.round} and prevotes in round ${round}`,
    );
  }

  function noteTime({ height, timestamp }: Vote): void {
    const known = honestTimes.get(height);
    if (known === undefined) honestTimes.set(height, { first: timestamp, last: timestamp });
    else if (compareTimestamps(timestamp, known.first) < 0) known.first = timestamp;
    else if (compareTimestamps(timestamp, known.last) > 0) known.last = timestamp;
  }

  /** A commit counted by hand: each signature its validator's, more than two thirds for the block. */
  function commitProblem(commit: Commit, height: number, powers: Powers): string | undefined {
    const order = [...powers.entries()].sort(byPowerThenAddress);
    if (commit.signatures.length !== order.length) return `${commit.signatures.length} signatures`;
    let weight = 0n;
    for (const [index, signature] of commit.signatures.entries()) {
      if (signature.blockIdFlag === "absent") continue;
      const [address, { power, publicKey }] = order[index] as (typeof order)[number];
      if (hex(signature.validatorAddress) !== address) return `signature ${index} names another validator`;
      if (!verifySignature(publicKey, commitSignBytes(commit, index, facts.chainId), signature.signature))
        return `signature ${index} is forged`;
      if (signature.blockIdFlag === "commit") weight += power;
    }
    if (3n * weight <= 2n * totalAt(height)) return `only ${weight} of ${totalAt(height)} signed`;
    return undefined;
  }

  function checkBlock(record: HeightRecord): string | undefined {
    const { block, blockBytes, blockId, seenCommit } = record;
    const { header } = block;
    const { height } = header;
    const parent = chain.get(height - 1)?.record;
    const powers = powersAt.get(height);
    if (powers === undefined) return "nobody knows its validators";
    if (height !== 1 && parent === undefined) return "its parent is not known";
    if (blockBytes.length > facts.maxBlockBytes) return `${blockBytes.length} bytes`;
    const bytes = encodeBlock(block);
    if (Buffer.compare(bytes, blockBytes) !== 0) return "its bytes are not its encoding";
    if (!equalBlockIds(blockId, { hash: hashHeader(header), partSetHeader: partSetHeaderOf(bytes) }))
      return "its id is false";
    if (!proposed.has(`${height}/${blockKey(blockId)}`)) return "nobody proposed it";
    if (!equalBlockIds(seenCommit.blockId, blockId) || seenCommit.height !== height)
      return "its commit is for another block";
    const unproved = commitProblem(seenCommit, height, powers);
    if (unproved !== undefined) return `its commit: ${unproved}`;
    if (Buffer.compare(header.dataHash, dataHash(block.txs)) !== 0) return "its data hash is false";
    if (Buffer.compare(header.validatorsHash, setHashAt(height)) !== 0)
      return "its validators are not those of its height";
    if (Buffer.compare(header.nextValidatorsHash, setHashAt(height + 1)) !== 0) return "its next validators are false";
    if (!powers.has(hex(header.proposerAddress))) return "its proposer is no validator";
    for (const tx of block.txs)
      if (facts.registeredBy(sha256Latin1(tx)) === undefined) return "a transaction of nobody";
    if (parent === undefined) return undefined;
    if (!equalBlockIds(header.lastBlockId, parent.blockId)) return "it does not follow its parent";
    if (Buffer.compare(header.appHash, parent.stateAfter.appHash) !== 0) return "its app hash is not its parent's";
    if (!equalBlockIds(block.lastCommit.blockId, parent.blockId)) return "its last commit is for another block";
    const lastPowers = powersAt.get(height - 1) as Powers;
    const lastUnproved = commitProblem(block.lastCommit, height - 1, lastPowers);
    if (lastUnproved !== undefined) return `its last commit: ${lastUnproved}`;
    const median = medianOf(block.lastCommit, lastPowers);
    if (median === undefined || compareTimestamps(header.time, median) !== 0) return "its time is not the median";
    if (compareTimestamps(header.time, parent.block.header.time) <= 0) return "its time does not grow";
    // Where less than half of the power behind a commit is Byzantine, rounded down as the median is, it lies within the honest ones' times.
    const range = honestTimes.get(height - 1);
    const { byzantine, total } = powerBehind(block.lastCommit, lastPowers);
    if (byzantine >= total / 2n) return undefined;
    if (
      range === undefined ||
      compareTimestamps(header.time, range.first) < 0 ||
      compareTimestamps(header.time, range.last) > 0
    )
      return "its time is no honest validator's";
    return undefined;
  }

  function powerBehind(commit: Commit, powers: Powers): { byzantine: bigint; total: bigint } {
    const sum = { byzantine: 0n, total: 0n };
    for (const { blockIdFlag, validatorAddress } of commit.signatures) {
      if (blockIdFlag !== "commit") continue;
      const power = powers.get(hex(validatorAddress))?.power ?? 0n;
      sum.total += power;
      if (facts.byzantine.has(hex(validatorAddress))) sum.byzantine += power;
    }
    return sum;
  }

  function setHashAt(height: number): Uint8Array {
    let hash = setHashes.get(height);
    if (hash === undefined) {
      const validators = [...(powersAt.get(height)?.values() ?? [])];
      hash = hashValidatorSet(newValidatorSet(validators));
      setHashes.set(height, hash);
    }
    return hash;
  }

  function checkEvidence(evidence: Evidence): void {
    if (evidence.type !== "duplicateVote") {
      fail("evidence", "evidence of an attack that nobody made");
      return;
    }
    const { voteA, voteB } = evidence;
    const address = hex(voteA.validatorAddress);
    const isProof =
      hex(voteB.validatorAddress) === address &&
      valueIn(voteA) !== valueIn(voteB) &&
      isSigned(voteA) &&
      isSigned(voteB);
    if (!isProof) fail("evidence", "evidence that proves nothing is in a block");
    if (!facts.byzantine.has(address)) fail("evidence", `an honest validator is accused at height ${voteA.height}`);
    const hash = hex(hashEvidence(evidence));
    if (evidenceHashes.has(hash)) fail("evidence", `the same evidence is in two blocks, of height ${voteA.height}`);
    evidenceHashes.add(hash);
    evidenceOf.add(`${voteA.height}/${voteA.round}/${voteA.type}/${address}`);
  }

  /** The first honest node that stores a height fixes it for all. */
  function extendChain(node: SimNode, record: HeightRecord): void {
    const { height } = record.block.header;
    const problem = checkBlock(record);
    if (problem !== undefined) fail("validity", `block ${height} of n${node.index}: ${problem}`);
    for (const evidence of record.block.evidence) checkEvidence(evidence);
    let registeredMwh = chain.get(height - 1)?.registeredMwh ?? 0n;
    for (const [index, tx] of record.block.txs.entries()) {
      if (record.response.txResults[index]?.code !== 0) continue;
      const id = sha256Latin1(tx);
      if (effective.has(id)) fail("validity", `a transaction took effect twice, again in block ${height}`);
      effective.add(id);
      registeredMwh += facts.registeredBy(id) ?? 0n;
    }
    chain.set(height, { record, hash: record.blockId.hash, by: node.index, registeredMwh });
    chainHeight = Math.max(chainHeight, height);
    const next = new Map(powersAt.get(height + 1) ?? genesisPowers);
    for (const { publicKey, power } of record.response.validatorUpdates) {
      const address = hex(addressOf(publicKey));
      if (power === 0n) next.delete(address);
      else next.set(address, { publicKey, power });
    }
    powersAt.set(height + 2, next);
  }

  return {
    get violation() {
      return violation;
    },
    fail,

    onBroadcast(node, bytes) {
      const message = decodeMessage(bytes);
      if (!("type" in message)) return fail("blame", `n${node.index} sends what cannot be read: ${message.code}`);
      if (message.type === "proposal") {
        const { proposal } = message;
        proposed.add(`${proposal.height}/${blockKey(proposal.blockId)}`);
        checkSignedOnce(node, proposal, "propose", blockKey(proposal.blockId));
        checkRound(node, proposal.height, proposal.round);
      } else if (message.type === "vote") {
        const { vote } = message;
        checkSignedOnce(node, vote, vote.type, valueIn(vote));
        checkLocks(node, vote);
        checkRound(node, vote.height, vote.round);
        noteVote(vote);
        if (vote.type === "precommit") noteTime(vote);
      }
    },

    onByzantineSend(node, bytes) {
      const message = decodeMessage(bytes);
      if (!("type" in message)) return;
      if (message.type === "proposal") {
        proposed.add(`${message.proposal.height}/${blockKey(message.proposal.blockId)}`);
      } else if (message.type === "vote") {
        // Votes of others were noted when they left their authors.
        const { vote } = message;
        if (node.address !== undefined && Buffer.compare(vote.validatorAddress, node.address) === 0 && isSigned(vote))
          noteVote(vote);
      }
    },

    onDelivered(node, bytes) {
      if (bytes[0] !== VOTE_TAG || node.engine === undefined || facts.nowMs() > facts.healMs) return;
      const message = decodeMessage(bytes);
      if (!("type" in message) || message.type !== "vote") return;
      const { vote } = message;
      const address = hex(vote.validatorAddress);
      const { height, round } = node.engine.status();
      if (!facts.byzantine.has(address) || vote.height !== height || vote.round > round + 1) return;
      const order = [...(powersAt.get(height)?.entries() ?? [])].sort(byPowerThenAddress);
      if (order[vote.validatorIndex]?.[0] !== address || !isWhole(vote) || !isSigned(vote)) return;
      const key = `${vote.height}/${vote.round}/${vote.type}/${address}`;
      const own = `${node.index}/${node.life}/${key}`;
      const values = seen.get(own) ?? new Set();
      values.add(valueIn(vote));
      seen.set(own, values);
      if (values.size === 2) provable.push({ key, node: node.index, life: node.life });
    },

    onStarted(node, state) {
      const { lastBlockHeight: height } = state;
      if (height !== node.height) fail("monotone", `n${node.index} had stored ${node.height} and starts at ${height}`);
      const known = chain.get(height);
      if (known !== undefined && Buffer.compare(known.record.stateAfter.appHash, state.appHash) !== 0)
        fail("app-hash", `n${node.index} starts at height ${height} with another state`);
    },

    onStored(node, record) {
      const { height } = record.block.header;
      if (height !== record.stateBefore.lastBlockHeight + 1)
        fail("monotone", `n${node.index} stores ${height} after ${record.stateBefore.lastBlockHeight}`);
      const known = chain.get(height);
      if (known === undefined) return extendChain(node, record);
      if (!equalBlockIds(known.record.blockId, record.blockId))
        fail("agreement", `fork at height ${height}: n${known.by} and n${node.index} store different blocks`);
      else if (Buffer.compare(known.record.stateAfter.appHash, record.stateAfter.appHash) !== 0)
        fail("app-hash", `n${known.by} and n${node.index} have different states after height ${height}`);
      const powers = powersAt.get(height);
      const problem = powers === undefined ? "no validators" : commitProblem(record.seenCommit, height, powers);
      if (problem !== undefined) fail("validity", `commit of block ${height} of n${node.index}: ${problem}`);
    },

    onReport(node, peer, code, reason) {
      if (!facts.isByzantineNode(peer)) fail("blame", `n${node.index} accuses n${peer}: ${code} ${reason}`);
    },

    onStopped(node, error) {
      fail(
        "survival",
        `n${node.index} stops: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    },

    onLightTrusted(light, header) {
      const known = chain.get(header.height);
      if (known === undefined || Buffer.compare(known.hash, hashHeader(header)) !== 0)
        fail("light", `light node ${light} trusts a header of height ${header.height} that is not the chain's`);
    },

    onLightConflict(light, reason) {
      fail("light", `light node ${light} sees two chains: ${reason}`);
    },

    missingEvidence: (nodes) =>
      provable
        .filter(({ key, node, life }) => nodes[node]?.isUp && nodes[node]?.life === life && !evidenceOf.has(key))
        .map(({ key, node }) => `${key} seen by n${node}`),

    isCommitted: (txId) => effective.has(txId),
    evidenceCount: () => evidenceOf.size,
    committedCount: () => effective.size,
    chainHeight: () => chainHeight,
    latestTimeMs: () => timestampToMs(chain.get(chainHeight)?.record.block.header.time ?? EPOCH),
    hashAt: (height) => chain.get(height)?.hash,

    checkEnergy(node, { height, outputs, chains }) {
      const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
      const held = sum(outputs.map(({ amountMwh }) => amountMwh));
      const registered = sum(chains.map(({ registeredMwh }) => registeredMwh));
      const expected = chain.get(height)?.registeredMwh ?? 0n;
      if (held !== registered || registered !== expected)
        fail(
          "energy",
          `n${node.index} at ${height}: ${held} mWh in outputs, ${registered} registered, ${expected} committed`,
        );
      for (const { registeredMwh, producedMwh } of chains)
        if (registeredMwh > producedMwh)
          fail("energy", `n${node.index}: ${registeredMwh} mWh of ${producedMwh} produced`);
    },
  };
}

function addTo(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([value]));
  else known.add(value);
}

/** First byte of a vote among the engine's messages. */
const VOTE_TAG = 4;

const NIL = "";
const EMPTY = new Uint8Array(0);

/** What a vote is for, as a map key. */
function valueIn(vote: Vote): string {
  return votedValue(vote.blockId) ?? NIL;
}

/** What a power cut now would leave of the sign state; undefined when that cannot be read. */
function durableSignRecord(node: SimNode): SignRecord | undefined {
  const bytes = node.disk.durable(SIGN_STATE_PATH);
  try {
    return bytes === undefined ? undefined : parseSignRecord(SIGN_STATE_PATH, bytes);
  } catch {
    return undefined;
  }
}

/** For nil, or for a block id without gaps. */
function isWhole({ blockId: { hash, partSetHeader } }: Vote): boolean {
  if (hash.length === 0) return partSetHeader.total === 0 && partSetHeader.hash.length === 0;
  return hash.length === 32 && partSetHeader.hash.length === 32 && partSetHeader.total > 0;
}

function powersOf(validators: InvariantFacts["genesisValidators"]): Powers {
  return new Map(validators.map(({ publicKey, power }) => [hex(addressOf(publicKey)), { publicKey, power }]));
}

function byPowerThenAddress(
  [addressA, a]: readonly [string, { readonly power: bigint }],
  [addressB, b]: readonly [string, { readonly power: bigint }],
): number {
  if (a.power !== b.power) return a.power > b.power ? -1 : 1;
  return addressA < addressB ? -1 : 1;
}

/** The time at which half of the power behind the block had signed, as CometBFT 0.40 counts. */
function medianOf(commit: Commit, powers: Powers): Timestamp | undefined {
  const times: { time: Timestamp; power: bigint }[] = [];
  for (const { blockIdFlag, validatorAddress, timestamp } of commit.signatures)
    if (blockIdFlag === "commit")
      times.push({ time: timestamp, power: powers.get(hex(validatorAddress))?.power ?? 0n });
  times.sort((a, b) => compareTimestamps(a.time, b.time));
  const half = times.reduce((total, { power }) => total + power, 0n) / 2n;
  let reached = 0n;
  return times.find(({ power }) => {
    reached += power;
    return reached >= half;
  })?.time;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
