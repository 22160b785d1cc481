import type { Verdict } from "#storage/error.ts";
import { isTrustLevel, verifyCommitLight } from "#storage/types/commitVerify.ts";
import type { LightClientAttackEvidence } from "#storage/types/evidence.ts";
import { type Header, hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { makeLightClientAttackEvidence } from "#storage/types/lightClientAttack.ts";
import { bisect } from "./bisect.ts";
import { LightError, type LightErrorDetails } from "./lightError.ts";
import { isExpired, type LightRules, verifyAdjacent, verifyBackwards, verifyConsistent } from "./verify.ts";

/** A full node that is asked for light blocks and believed in nothing. */
export interface LightProvider {
  /** Shown in errors, for example a peer id. */
  readonly name: string;
  /** The block at `height`, 0 for its latest. Rejects when it has none. */
  fetchLightBlock(height: number): Promise<LightBlock>;
}

export interface LightClientPorts {
  readonly primary: LightProvider;
  /** Asked whether they see the same chain; each should be run by somebody else. */
  readonly witnesses: readonly LightProvider[];
  /** The last trusted block of an earlier run. */
  loadTrusted(): Promise<LightBlock | undefined>;
  saveTrusted(block: LightBlock): Promise<void>;
  /** A header verified earlier, if it was kept. */
  loadHeader(height: number): Promise<Header | undefined>;
  /** Called once for every newly verified header. */
  saveHeader(header: Header): Promise<void>;
  nowMs(): number;
  /** A provider sent something that does not verify, or nothing; the caller may ask another one from now on. */
  onFaultyProvider(provider: string, error: LightError): void;
  /**
   * Validators signed two blocks of one height. Each side's evidence is for those who hold the other block: the pair says which
   * provider should be told what; what is wrong about its own chain it will refuse.
   */
  onAttack?(attack: readonly { readonly tell: string; readonly evidence: LightClientAttackEvidence }[]): Promise<void>;
}

export interface LightClientOptions {
  readonly chainId: string;
  readonly rules: LightRules;
  /** sequential verifies every header, skipping as few as the validator sets allow. */
  readonly mode: "sequential" | "skipping";
  /** Witnesses that must confirm a new block. */
  readonly minWitnesses: number;
  /** Headers fetched at most for one request. */
  readonly maxSteps: number;
}

/** What the user knows about the chain from outside: everything else follows from it. */
export interface TrustRoot {
  readonly height: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

export interface LightClient {
  /** The latest verified block. @throws LightError LIGHT_NOT_INITIALISED */
  trusted(): LightBlock;
  /** Continues from the stored block, or starts from `root` when there is none or it has expired. */
  initialise(root: TrustRoot | undefined): Promise<LightBlock>;
  /** Verifies up to the primary's latest block and returns it; what is trusted never goes back. */
  update(): Promise<LightBlock>;
  /** The verified header at any height: ahead by signatures, behind by the chain of hashes. */
  verifyHeader(height: number): Promise<Header>;
}

/**
 * Follows a chain without trusting any node. Calls are answered one after another. Every method rejects with a LightError; after
 * LIGHT_PROVIDER_CONFLICT, which means that validators signed two chains, a caller should stop and tell a human.
 */
export function createLightClient(options: LightClientOptions, ports: LightClientPorts): LightClient {
  checkOptions(options, ports);
  let trustedBlock: LightBlock | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  function inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = queue.then(task, task);
    queue = result.catch(() => undefined);
    return result;
  }

  function trusted(): LightBlock {
    if (trustedBlock === undefined) throw new LightError({ code: "LIGHT_NOT_INITIALISED" });
    return trustedBlock;
  }

  async function trust(block: LightBlock): Promise<LightBlock> {
    await ports.saveHeader(block.signedHeader.header);
    await ports.saveTrusted(block);
    trustedBlock = block;
    return block;
  }

  async function initialise(root: TrustRoot | undefined): Promise<LightBlock> {
    const stored = await ports.loadTrusted();
    if (stored !== undefined) {
      refuseUnless(verifySelf(stored, options), stored);
      if (root?.height === heightOf(stored)) refuseOtherHash(stored, root);
      if (!isExpired(stored.signedHeader.header, options.rules.trustingPeriodMs, ports.nowMs())) {
        trustedBlock = stored;
        return stored;
      }
      if (root === undefined || root.height <= heightOf(stored)) throw expired(stored);
    }
    if (root === undefined) throw new LightError({ code: "LIGHT_NOT_INITIALISED" });
    const block = await fetchFrom(ports.primary, root.height);
    refuseOtherHash(block, root);
    refuseUnless(verifySelf(block, options), block);
    if (isExpired(block.signedHeader.header, options.rules.trustingPeriodMs, ports.nowMs())) throw expired(block);
    return trust(block);
  }

  /** Verifies a block above the trusted one, has witnesses confirm it, and only then trusts it and those on the way. */
  async function advanceTo(target: LightBlock): Promise<LightBlock> {
    const path = await pathTo(target, ports.primary);
    await crossCheck(target, path);
    for (const block of path) await ports.saveHeader(block.signedHeader.header);
    await ports.saveTrusted(target);
    trustedBlock = target;
    return target;
  }

  async function pathTo(target: LightBlock, provider: LightProvider): Promise<readonly LightBlock[]> {
    const { rules, mode, maxSteps } = options;
    const fetch = (height: number) => fetchFrom(provider, height);
    if (mode === "skipping") return bisect(trusted(), target, fetch, rules, ports.nowMs(), maxSteps);
    const path: LightBlock[] = [];
    let last = trusted();
    const from = heightOf(last);
    const to = heightOf(target);
    if (to - from > maxSteps) throw new LightError({ code: "LIGHT_STEPS_EXCEEDED", from, to, maxSteps });
    for (let height = from + 1; height <= to; height++) {
      const block = height === to ? target : await fetch(height);
      refuseUnless(verifyAdjacent(last.signedHeader, block, rules, ports.nowMs()), block);
      path.push(block);
      last = block;
    }
    if (path.length === 0) throw rejectedBlock("LIGHT_HEIGHT_NOT_GREATER", `height ${to} is not above ${from}`, to);
    return path;
  }

  /**
   * A witness that shows another block at the same height is either lying, then its block does not verify, or validators
   * have signed two blocks. Only the second is a conflict: otherwise any liar could stop every light node.
   */
  async function crossCheck(target: LightBlock, path: readonly LightBlock[]): Promise<void> {
    const height = heightOf(target);
    const answers = await Promise.all(ports.witnesses.map((witness) => askWitness(witness, target, path)));
    const agreed = answers.filter((agrees) => agrees).length;
    if (agreed < options.minWitnesses) {
      throw new LightError({ code: "LIGHT_NOT_CROSS_CHECKED", height, agreed, needed: options.minWitnesses });
    }
  }

  async function askWitness(witness: LightProvider, target: LightBlock, path: readonly LightBlock[]): Promise<boolean> {
    try {
      const theirs = await fetchFrom(witness, heightOf(target));
      if (sameHash(theirs, target)) return true;
      const theirPath = await pathTo(theirs, witness);
      const { below, ours, other } = forkOf(trusted(), path, theirPath);
      await ports.onAttack?.([
        { tell: ports.primary.name, evidence: makeLightClientAttackEvidence(other, below, ours) },
        { tell: witness.name, evidence: makeLightClientAttackEvidence(ours, below, other) },
      ]);
      throw conflict(ports.primary.name, target, witness.name, theirs);
    } catch (error) {
      if (!(error instanceof LightError) || error.details.code === "LIGHT_PROVIDER_CONFLICT") throw error;
      ports.onFaultyProvider(witness.name, error);
      return false;
    }
  }

  async function update(): Promise<LightBlock> {
    const current = trusted();
    const latest = await fetchFrom(ports.primary, 0);
    if (heightOf(latest) > heightOf(current)) return advanceTo(latest);
    if (heightOf(latest) === heightOf(current) && !sameHash(latest, current)) throw otherBlock(current, latest);
    return current;
  }

  /** The primary shows another block at the trusted height: a conflict if the same validators committed both, else a lie. */
  function otherBlock(current: LightBlock, latest: LightBlock): LightError {
    const committed = verifySelf(latest, options).accepted;
    const [ours, theirs] = [current, latest].map((block) => block.signedHeader.header.validatorsHash);
    if (committed && Buffer.compare(ours as Uint8Array, theirs as Uint8Array) === 0) {
      return conflict("trusted", current, ports.primary.name, latest);
    }
    return rejectedBlock("LIGHT_TRUSTED_HASH_MISMATCH", "another block is trusted at this height", heightOf(current));
  }

  async function verifyHeader(height: number): Promise<Header> {
    if (!Number.isSafeInteger(height) || height < 1) {
      throw new LightError({ code: "LIGHT_OPTION_OUT_OF_RANGE", option: "height", value: height });
    }
    const current = trusted();
    if (height > heightOf(current)) {
      return (await advanceTo(await fetchFrom(ports.primary, height))).signedHeader.header;
    }
    if (height === heightOf(current)) return current.signedHeader.header;
    return verifyBehind(height, current.signedHeader.header);
  }

  /** Walks down the chain of hashes from the nearest header that is verified already. */
  async function verifyBehind(height: number, top: Header): Promise<Header> {
    const { maxSteps } = options;
    let nearest = top;
    for (let h = height; h < top.height && h <= height + maxSteps; h++) {
      const kept = await ports.loadHeader(h);
      if (kept === undefined) continue;
      nearest = kept;
      break;
    }
    if (nearest.height - height > maxSteps) {
      throw new LightError({ code: "LIGHT_STEPS_EXCEEDED", from: nearest.height, to: height, maxSteps });
    }
    while (nearest.height > height) {
      const block = await fetchFrom(ports.primary, nearest.height - 1);
      const { header } = block.signedHeader;
      refuseUnless(verifyBackwards(header, nearest), block);
      await ports.saveHeader(header);
      nearest = header;
    }
    return nearest;
  }

  return {
    trusted,
    initialise: (root) => inOrder(() => initialise(root)),
    update: () => inOrder(update),
    verifyHeader: (height) => inOrder(() => verifyHeader(height)),
  };
}

/**
 * Where two verified paths from one trusted block to one height part: the last block both have, and the two after it. Paths that skip may have
 * no height in common but the last; then the fork is between it and the trusted block.
 */
function forkOf(
  trusted: LightBlock,
  ours: readonly LightBlock[],
  theirs: readonly LightBlock[],
): { readonly below: LightBlock; readonly ours: LightBlock; readonly other: LightBlock } {
  const byHeight = new Map(theirs.map((block) => [heightOf(block), block]));
  let below = trusted;
  for (const block of ours) {
    const other = byHeight.get(heightOf(block));
    if (other === undefined) continue;
    if (!sameHash(block, other)) return { below, ours: block, other };
    below = block;
  }
  throw new RangeError("both paths end at one height with two blocks");
}

function checkOptions(options: LightClientOptions, ports: LightClientPorts): void {
  const { rules, minWitnesses, maxSteps } = options;
  const refuse = (option: string, value: number) => {
    throw new LightError({ code: "LIGHT_OPTION_OUT_OF_RANGE", option, value });
  };
  if (!(rules.trustingPeriodMs > 0)) refuse("trustingPeriodMs", rules.trustingPeriodMs);
  if (!(rules.maxClockDriftMs >= 0)) refuse("maxClockDriftMs", rules.maxClockDriftMs);
  if (!isTrustLevel(rules.trustLevel)) refuse("trustLevel", rules.trustLevel.numerator / rules.trustLevel.denominator);
  if (!(minWitnesses >= 0 && minWitnesses <= ports.witnesses.length)) refuse("minWitnesses", minWitnesses);
  if (!(maxSteps >= 1)) refuse("maxSteps", maxSteps);
}

async function fetchFrom(provider: LightProvider, height: number): Promise<LightBlock> {
  let block: LightBlock;
  try {
    block = await provider.fetchLightBlock(height);
  } catch (cause) {
    throw new LightError({ code: "LIGHT_PROVIDER_FAILED", provider: provider.name, height }, { cause });
  }
  const got = heightOf(block);
  if (height !== 0 && got !== height) {
    throw new LightError({ code: "LIGHT_PROVIDER_WRONG_HEIGHT", provider: provider.name, asked: height, got });
  }
  return block;
}

/** A block that is trusted from outside must at least be committed by its own validators. */
function verifySelf(block: LightBlock, { chainId, rules }: LightClientOptions): Verdict {
  const consistent = verifyConsistent(block, chainId);
  if (!consistent.accepted) return consistent;
  const { header, commit } = block.signedHeader;
  return verifyCommitLight(chainId, block.validatorSet, commit.blockId, header.height, commit, rules.verifySignature);
}

function refuseUnless(verdict: Verdict, block: LightBlock): void {
  if (!verdict.accepted) throw rejectedBlock(verdict.code, verdict.reason, heightOf(block));
}

function refuseOtherHash(block: LightBlock, root: TrustRoot): void {
  const hash = hashOf(block);
  if (Buffer.compare(hash, root.hash) === 0) return;
  throw new LightError({ code: "LIGHT_TRUST_ROOT_MISMATCH", height: root.height, expected: root.hash, hash });
}

function expired(block: LightBlock): LightError {
  return rejectedBlock("LIGHT_TRUSTED_EXPIRED", "a newer trust root is needed", heightOf(block));
}

function rejectedBlock(check: string, reason: string, height: number): LightError {
  return new LightError({ code: "LIGHT_BLOCK_REJECTED", height, check, reason });
}

function conflict(provider: string, block: LightBlock, otherProvider: string, other: LightBlock): LightError {
  const details: LightErrorDetails = {
    code: "LIGHT_PROVIDER_CONFLICT",
    height: heightOf(block),
    provider,
    hash: hashOf(block),
    otherProvider,
    otherHash: hashOf(other),
  };
  return new LightError(details);
}

function sameHash(a: LightBlock, b: LightBlock): boolean {
  return Buffer.compare(hashOf(a), hashOf(b)) === 0;
}

function hashOf(block: LightBlock): Uint8Array {
  return hashHeader(block.signedHeader.header);
}

function heightOf(block: LightBlock): number {
  return block.signedHeader.header.height;
}
