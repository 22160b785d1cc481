import { type BlockLeaf, blockLeafOf, type ExecutedBlock } from "./blockLeaf.ts";
import { BridgeError } from "./bridgeError.ts";
import { anchorRoot } from "./proofs.ts";
import type { BridgeSet, BridgeStep } from "./steps.ts";

/** Where a plan stands: what the contract has after the last step. */
export interface PlanPosition {
  readonly seq: bigint;
  readonly valsetNonce: bigint;
  /** The last height under an anchor. */
  readonly toHeight: number;
  readonly setNumber: bigint;
}

/** The ledger as a plan reads it; everything is of blocks that are decided and executed here. */
export interface PlanChain {
  /** Of the ledger's first block. */
  readonly initialHeight: number;
  height(): number;
  /** Unix ms; undefined for a block that is not kept. */
  timeMs(height: number): Promise<number | undefined>;
  /** `hash`: of the header. */
  block(height: number): Promise<(ExecutedBlock & { readonly hash: Uint8Array }) | undefined>;
  set(number: bigint): Promise<BridgeSet | undefined>;
}

/** Blocks of one anchor at most, whatever the cadence: their leaves are in memory while it is made. */
export const MAX_PLANNED_BLOCKS = 16_384;

/**
 * Which anchors there are, and when the contract's set changes. It follows from the ledger and from where it began alone, without a clock and without
 * Ethereum: every node plans the same, whatever an Ethereum node tells it, and a validator that comes back after days signs what it would have signed. An anchor ends
 * a) with a block that changes the bridge set, so that no anchor has two;
 * b) with the first block of a new multiple of the cadence since 1970;
 * c) with its block number MAX_PLANNED_BLOCKS.
 */
export class AnchorPlan {
  readonly #chain: PlanChain;
  readonly #cadenceMs: number;
  #position: PlanPosition;
  /** Of the next anchor's blocks, as far as they were looked at: made as the blocks come, so that the end of an anchor over many is no sudden work. */
  #leaves: BlockLeaf[] = [];
  #lastLeaves: readonly BlockLeaf[] = [];
  /** Multiple of the cadence in which the last anchor ended; undefined until that was looked up. */
  #slot: number | undefined;
  /** Of the last block that was looked at. */
  #hash: Uint8Array = new Uint8Array(0);

  constructor(chain: PlanChain, cadenceMs: number, start: PlanPosition) {
    this.#chain = chain;
    this.#cadenceMs = cadenceMs;
    this.#position = start;
  }

  get position(): PlanPosition {
    return this.#position;
  }

  /** The next step, once the blocks for it are there; the plan then stands behind it. @throws BridgeError BRIDGE_BLOCK_ABSENT, BRIDGE_SET_ABSENT */
  async next(): Promise<BridgeStep | undefined> {
    const set = await this.#chain.set(this.#position.setNumber);
    if (set === undefined) throw new BridgeError({ code: "BRIDGE_SET_ABSENT", number: this.#position.setNumber });
    const following = await this.#chain.set(set.number + 1n);
    if (following !== undefined && following.height <= this.#position.toHeight) return this.#rotate(set, following);
    const last = await this.#findEnd(following);
    return last === undefined ? undefined : this.#anchor(set, last);
  }

  /** Of the blocks of the last anchor that `next` has answered. */
  get lastLeaves(): readonly BlockLeaf[] {
    return this.#lastLeaves;
  }

  /** Of several sets that were made before the last anchor ended only the latest counts. */
  async #rotate(set: BridgeSet, following: BridgeSet): Promise<BridgeStep> {
    let next = following;
    for (;;) {
      const later = await this.#chain.set(next.number + 1n);
      if (later === undefined || later.height > this.#position.toHeight) break;
      next = later;
    }
    const nonce = this.#position.valsetNonce + 1n;
    const effectiveHeight = this.#position.toHeight + 1;
    this.#position = { ...this.#position, valsetNonce: nonce, setNumber: next.number };
    return { kind: "rotation", nonce, effectiveHeight, set, next };
  }

  async #findEnd(following: BridgeSet | undefined): Promise<number | undefined> {
    const { toHeight } = this.#position;
    const latest = this.#chain.height();
    const scanned = toHeight + this.#leaves.length;
    if (scanned >= latest) return undefined;
    // Before the first block there is none whose time could be looked at; one that is not kept any more is looked at by others.
    this.#slot ??= this.#slotOf(await this.#timeOf(Math.max(toHeight, this.#chain.initialHeight)));
    for (let height = scanned + 1; height <= latest; height += 1) {
      const block = await this.#chain.block(height);
      if (block === undefined) throw new BridgeError({ code: "BRIDGE_BLOCK_ABSENT", height });
      const leaf = blockLeafOf(block);
      this.#leaves.push(leaf);
      this.#hash = block.hash;
      if (height === following?.height || height - toHeight === MAX_PLANNED_BLOCKS) return height;
      if (this.#slotOf(leaf.time) > this.#slot) return height;
    }
    return undefined;
  }

  #anchor(set: BridgeSet, toHeight: number): BridgeStep {
    const fromHeight = this.#position.toHeight + 1;
    const leaves = this.#leaves;
    const lastHeaderHash = this.#hash;
    const { valsetNonce } = this.#position;
    const seq = this.#position.seq + 1n;
    const time = leaves.at(-1)?.time ?? 0;
    const anchor = { seq, valsetNonce, fromHeight, toHeight, time, lastHeaderHash, root: anchorRoot(leaves) };
    this.#position = { ...this.#position, seq, toHeight };
    this.#lastLeaves = leaves;
    this.#leaves = [];
    this.#slot = this.#slotOf(time);
    return { kind: "anchor", anchor, set };
  }

  #slotOf(timeMs: number): number {
    return Math.floor(timeMs / this.#cadenceMs);
  }

  async #timeOf(height: number): Promise<number> {
    const time = await this.#chain.timeMs(height);
    if (time === undefined) throw new BridgeError({ code: "BRIDGE_BLOCK_ABSENT", height });
    return time;
  }
}
