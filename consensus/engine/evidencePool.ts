import type { ChainState } from "#storage/db/chainState.ts";
import type { CommittedEvidence } from "#storage/db/committedEvidence.ts";
import type { Verdict } from "#storage/error.ts";
import { ACCEPTED, rejected } from "#storage/error.ts";
import { makeDuplicateVoteEvidence, verifyDuplicateVote } from "#storage/types/duplicateVote.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import { encodeEvidence, hashEvidence } from "#storage/types/evidence.ts";
import type { SignedHeader } from "#storage/types/lightBlock.ts";
import { verifyLightClientAttack } from "#storage/types/lightClientAttack.ts";
import type { ConsensusParams } from "#storage/types/params.ts";
import type { Timestamp } from "#storage/types/time.ts";
import { timestampToMs } from "#storage/types/time.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Vote } from "#storage/types/vote.ts";
import { nextHeight } from "./blockChecks.ts";

export interface EvidencePorts {
  readonly chainId: string;
  /** Undefined when that height is not kept any more. */
  loadValidators(height: number): Promise<ValidatorSet | undefined>;
  loadBlockTime(height: number): Promise<Timestamp | undefined>;
  /** A committed header with a commit for it. */
  loadSignedHeader(height: number): Promise<SignedHeader | undefined>;
}

export interface EvidencePool {
  /** Two conflicting votes of the current or the last height; they become evidence once that height's block time is known. */
  addConflict(voteA: Vote, voteB: Vote): void;
  /** Whether it waits for a block, or one carries it. */
  knows(evidence: Evidence): boolean;
  /** Evidence from a peer or a light node. */
  add(evidence: Evidence, state: ChainState): Promise<Verdict>;
  /** What a proposer puts into its block, oldest first. */
  pending(maxBytes: number): readonly Evidence[];
  /** What waits for a block and a node that decides `height` can check, by a name of its own; the oldest `count`. */
  waitingFor(height: number, count: number): readonly (readonly [name: string, evidence: Evidence])[];
  /** The evidence of a proposed block: each verified, not committed before, not twice. */
  check(evidence: readonly Evidence[], state: ChainState): Promise<Verdict>;
  /** After a block: what it carries is committed, what is too old is forgotten, conflicts of its height become evidence. Returns the new evidence. */
  update(committed: readonly Evidence[], before: ChainState, after: ChainState): Promise<readonly Evidence[]>;
}

/** Evidence kept that no block carries yet: each costs two signature checks, and an honest net has none. */
export const PENDING_EVIDENCE_MAX = 1000;

/** Conflicts of the heights in progress: one per validator, round and type is reported by the vote keeper. */
const CONFLICTS_MAX = 1000;

/**
 * Evidence of double votes and of attacks on light clients (CometBFT evidence/pool.go). Its time and powers are taken from the chain, never from a peer or from the
 * votes (CVE-2021-21271): the time is that of the block at the votes' height.
 */
export function createEvidencePool(ports: EvidencePorts, known: readonly CommittedEvidence[] = []): EvidencePool {
  const pendingByHash = new Map<string, Evidence>();
  const committed = new Map(known.map((entry) => [keyOf(entry.hash), entry]));
  let conflicts: { voteA: Vote; voteB: Vote }[] = [];

  /**
   * a) age: EVIDENCE_FUTURE, EVIDENCE_EXPIRED  b) committed: EVIDENCE_COMMITTED  c) chain: EVIDENCE_UNKNOWN_HEIGHT
   * d) signatures, powers and time: the codes of verifyDuplicateVote and verifyLightClientAttack
   */
  async function verify(evidence: Evidence, state: ChainState): Promise<Verdict> {
    const height = heightOf(evidence);
    const latest = latestHeightOf(evidence);
    if (latest >= nextHeight(state)) return rejected("EVIDENCE_FUTURE", `height ${latest}`);
    if (isExpired(height, evidence.timestamp, state)) return rejected("EVIDENCE_EXPIRED", `height ${height}`);
    if (committed.has(keyOf(hashEvidence(evidence)))) return rejected("EVIDENCE_COMMITTED", `height ${height}`);
    const unknown = rejected("EVIDENCE_UNKNOWN_HEIGHT", `height ${height}`);
    const validatorSet = await ports.loadValidators(height);
    if (validatorSet === undefined) return unknown;
    if (evidence.type === "duplicateVote") {
      const time = await ports.loadBlockTime(height);
      return time === undefined ? unknown : verifyDuplicateVote(evidence, ports.chainId, validatorSet, time);
    }
    const [signedHeader, trusted] = await Promise.all([ports.loadSignedHeader(height), ports.loadSignedHeader(latest)]);
    if (signedHeader === undefined || trusted === undefined) return unknown;
    return verifyLightClientAttack(evidence, ports.chainId, { signedHeader, validatorSet }, trusted);
  }

  function keep(evidence: Evidence): void {
    if (pendingByHash.size < PENDING_EVIDENCE_MAX) pendingByHash.set(keyOf(hashEvidence(evidence)), evidence);
  }

  return {
    addConflict(voteA, voteB) {
      if (conflicts.length < CONFLICTS_MAX) conflicts.push({ voteA, voteB });
    },

    knows(evidence) {
      const key = keyOf(hashEvidence(evidence));
      return pendingByHash.has(key) || committed.has(key);
    },

    async add(evidence, state) {
      const key = keyOf(hashEvidence(evidence));
      if (pendingByHash.has(key) || committed.has(key)) return ACCEPTED;
      if (pendingByHash.size >= PENDING_EVIDENCE_MAX) return rejected("EVIDENCE_POOL_FULL", `${PENDING_EVIDENCE_MAX}`);
      const verdict = await verify(evidence, state);
      if (verdict.accepted) keep(evidence);
      return verdict;
    },

    pending(maxBytes) {
      const chosen: Evidence[] = [];
      let bytes = 0;
      for (const evidence of pendingByHash.values()) {
        // Each entry of the list costs its field tag and length in the block.
        bytes += encodeEvidence(evidence).length + EVIDENCE_FRAME_BYTES;
        if (bytes > maxBytes) break;
        chosen.push(evidence);
      }
      return chosen;
    },

    waitingFor(height, count) {
      const usable = [...pendingByHash].filter(([, evidence]) => latestHeightOf(evidence) < height);
      return usable.slice(0, count);
    },

    async check(list, state) {
      const seen = new Set<string>();
      for (const evidence of list) {
        const key = keyOf(hashEvidence(evidence));
        if (seen.has(key)) return rejected("EVIDENCE_DUPLICATE", "twice in one block");
        seen.add(key);
        // Verified when it came; only its age and that it is not committed can have changed. The name of an attack covers its block
        // and height, not whom it blames: another proposer's word on that is not the one that was verified.
        const isNamedWhole = evidence.type === "duplicateVote";
        const isKnown =
          isNamedWhole && pendingByHash.has(key) && !isExpired(heightOf(evidence), evidence.timestamp, state);
        const verdict = isKnown ? ACCEPTED : await verify(evidence, state);
        if (!verdict.accepted) return verdict;
      }
      return ACCEPTED;
    },

    async update(list, before, after) {
      for (const evidence of list) {
        const hash = hashEvidence(evidence);
        pendingByHash.delete(keyOf(hash));
        committed.set(keyOf(hash), { hash, height: heightOf(evidence), time: evidence.timestamp });
      }
      for (const [key, evidence] of pendingByHash)
        if (isExpired(heightOf(evidence), evidence.timestamp, after)) pendingByHash.delete(key);
      for (const [key, entry] of committed) if (isExpired(entry.height, entry.time, after)) committed.delete(key);

      const fresh: Evidence[] = [];
      const ripe = conflicts.filter(({ voteA }) => voteA.height <= after.lastBlockHeight);
      conflicts = conflicts.filter(({ voteA }) => voteA.height > after.lastBlockHeight);
      for (const { voteA, voteB } of ripe) {
        const isLast = voteA.height === after.lastBlockHeight;
        const validators = isLast ? before.validators : await ports.loadValidators(voteA.height);
        const time = isLast ? after.lastBlockTime : await ports.loadBlockTime(voteA.height);
        if (validators === undefined || time === undefined) continue;
        const evidence = makeDuplicateVoteEvidence(voteA, voteB, time, validators);
        const key = keyOf(hashEvidence(evidence));
        if (pendingByHash.has(key) || committed.has(key)) continue;
        keep(evidence);
        fresh.push(evidence);
      }
      return fresh;
    },
  };
}

/** Field tag and length around one evidence of a block's list. */
const EVIDENCE_FRAME_BYTES = 8;

/** Too old by both measures (CometBFT: a chain that stands still keeps its evidence, a fast chain keeps it for the duration). */
export function isExpiredEvidence(
  height: number,
  time: Timestamp,
  now: { readonly height: number; readonly time: Timestamp },
  params: ConsensusParams["evidence"],
): boolean {
  const ageMs = timestampToMs(now.time) - timestampToMs(time);
  return now.height - height > params.maxAgeNumBlocks && ageMs > params.maxAgeDurationMs;
}

function isExpired(height: number, time: Timestamp, state: ChainState): boolean {
  const now = { height: state.lastBlockHeight, time: state.lastBlockTime };
  return isExpiredEvidence(height, time, now, state.consensusParams.evidence);
}

function heightOf(evidence: Evidence): number {
  return evidence.type === "duplicateVote" ? evidence.voteA.height : evidence.commonHeight;
}

/** The height that must be decided before the evidence can be checked. */
function latestHeightOf(evidence: Evidence): number {
  return evidence.type === "duplicateVote"
    ? evidence.voteA.height
    : evidence.conflictingBlock.signedHeader.header.height;
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString("latin1");
}
