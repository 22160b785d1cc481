import type { PlanChain } from "#bridge/anchorPlan.ts";
import {
  type BlockLeaf,
  blockLeafOf,
  type ExecutedBlock,
  succeededMessages,
  succeededTxIds,
} from "#bridge/blockLeaf.ts";
import type { BlockMessage } from "#bridge/blockMessages.ts";
import { BridgeError } from "#bridge/bridgeError.ts";
import {
  type BlockProof,
  type MessageProof,
  proveBlock,
  proveMessage,
  proveTx,
  type StateProof,
  stateProofFrom,
  type TxProof,
} from "#bridge/proofs.ts";
import type { AnchorStep } from "#bridge/steps.ts";
import type { Anchor } from "#bridge/typedData.ts";
import type { KeptState } from "#consensus/application/queryTypes.ts";
import { AnchoredStates } from "./anchoredStates.ts";

/** Anchors whose leaves are kept, because many proofs under one anchor are asked for one after the other. */
const KEPT_LEAVES = 4;

/** A record of the state with its proof, as contracts take both. */
export interface ProvedRecord {
  /** The value is that after this block. */
  readonly height: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly proof: StateProof;
}

/** What contracts are shown of blocks under planned anchors. */
export class AnchorProofs {
  readonly #chain: Pick<PlanChain, "block">;
  readonly #anchorOf: (height: number) => AnchorStep | undefined;
  readonly #states: AnchoredStates;
  /** By the anchor's number. */
  readonly #leaves = new Map<bigint, Promise<readonly BlockLeaf[]>>();

  constructor(
    parts: {
      readonly chain: Pick<PlanChain, "block">;
      readonly keepState: (height: number) => KeptState | undefined;
    },
    anchorOf: (height: number) => AnchorStep | undefined,
  ) {
    this.#chain = parts.chain;
    this.#anchorOf = anchorOf;
    this.#states = new AnchoredStates(parts.keepState);
  }

  planned(anchor: Anchor, leaves: readonly BlockLeaf[]): void {
    this.#states.planned(anchor);
    this.#keepLeaves(anchor.seq, Promise.resolve(leaves));
  }

  /** What the contract has now, whether for good or not: a record of the state is proved under an anchor that it knows. */
  contractHas(seq: bigint): void {
    this.#states.contractHas(seq);
  }

  /** Undefined where no anchor has the height yet. @throws BridgeError BRIDGE_BLOCK_ABSENT */
  async proveBlock(height: number): Promise<BlockProof | undefined> {
    const step = this.#anchorOf(height);
    return step && proveBlock(step.anchor, await this.#leavesOf(step), height);
  }

  /** As proveBlock. @throws BridgeError BRIDGE_TX_ABSENT for one that failed */
  async proveTx(height: number, txId: Uint8Array): Promise<TxProof | undefined> {
    const blockProof = await this.proveBlock(height);
    return blockProof && proveTx(blockProof, succeededTxIds(await this.#block(height)), txId);
  }

  /** As proveBlock, with the message as it was signed. @throws BridgeError BRIDGE_MESSAGE_ABSENT, also for a transaction that failed */
  async proveMessage(
    height: number,
    txId: Uint8Array,
    messageIndex: number,
  ): Promise<{ readonly message: BlockMessage; readonly proof: MessageProof } | undefined> {
    const blockProof = await this.proveBlock(height);
    if (blockProof === undefined) return undefined;
    const messages = succeededMessages(await this.#block(height));
    const proof = proveMessage(blockProof, messages, txId, messageIndex);
    const message = messages[proof.index];
    return message && { message, proof };
  }

  /**
   * A record under an app hash that the contract has, as it was after block `minHeight` or a later one, and named as a query names it
   * (consensus/application/README.md); undefined where there is none.
   * @throws BridgeError BRIDGE_STATE_ABSENT: not under an anchor yet, with the latest height that is, 0 for none; BRIDGE_STATE_PROOF: the path asks for no record;
   * BRIDGE_BLOCK_ABSENT
   */
  async proveRecord(path: string, data: Uint8Array, minHeight: number): Promise<ProvedRecord | undefined> {
    const state = this.#states.latest();
    if (state === undefined || state.height < minHeight)
      throw new BridgeError({ code: "BRIDGE_STATE_ABSENT", height: state?.height ?? 0 });
    const { code, log, key, value, proof } = state.prove(path, data);
    if (code !== 0) throw new BridgeError({ code: "BRIDGE_STATE_PROOF", reason: log });
    const blockProof = await this.proveBlock(state.height + 1);
    if (blockProof === undefined) throw new BridgeError({ code: "BRIDGE_STATE_ABSENT", height: 0 });
    const stateProof = stateProofFrom(blockProof, proof);
    return value.length === 0 ? undefined : { height: state.height, key, value, proof: stateProof };
  }

  #leavesOf({ anchor }: AnchorStep): Promise<readonly BlockLeaf[]> {
    const known = this.#leaves.get(anchor.seq);
    if (known !== undefined) return known;
    const leaves = this.#makeLeaves(anchor.fromHeight, anchor.toHeight);
    this.#keepLeaves(anchor.seq, leaves);
    leaves.catch(() => this.#leaves.delete(anchor.seq));
    return leaves;
  }

  #keepLeaves(anchorSeq: bigint, leaves: Promise<readonly BlockLeaf[]>): void {
    this.#leaves.set(anchorSeq, leaves);
    for (const seq of [...this.#leaves.keys()].slice(0, -KEPT_LEAVES)) this.#leaves.delete(seq);
  }

  async #makeLeaves(fromHeight: number, toHeight: number): Promise<readonly BlockLeaf[]> {
    const leaves: BlockLeaf[] = [];
    for (let at = fromHeight; at <= toHeight; at += 1) leaves.push(blockLeafOf(await this.#block(at)));
    return leaves;
  }

  async #block(height: number): Promise<ExecutedBlock> {
    const block = await this.#chain.block(height);
    if (block === undefined) throw new BridgeError({ code: "BRIDGE_BLOCK_ABSENT", height });
    return block;
  }
}
