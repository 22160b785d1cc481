import type { Anchor } from "#bridge/typedData.ts";
import type { KeptState } from "#consensus/application/queryTypes.ts";

/** Of the latest anchors, beside the newest one that the contract has: each costs what has changed in the state since. */
const KEPT_ANCHORS = 2;

/**
 * The ledger's states under anchors. The application forgets a state after some blocks, and an anchor is over many: whoever wants to prove a record to a contract needs
 * the state of a block that is under an anchor, so the state before each anchor's last block is kept until the contract has a later anchor.
 */
export class AnchoredStates {
  readonly #keep: (height: number) => KeptState | undefined;
  readonly #kept = new Map<bigint, KeptState>();
  #contractSeq: bigint | undefined;

  constructor(keep: (height: number) => KeptState | undefined) {
    this.#keep = keep;
  }

  /** Anchors of long ago, planned while this node catches up, have states that nobody has any more. */
  planned({ seq, toHeight }: Anchor): void {
    const state = this.#keep(toHeight - 1);
    if (state === undefined) return;
    this.#kept.set(seq, state);
    this.#forget();
  }

  /** What the contract says of itself; nobody knows while no Ethereum node is asked. */
  contractHas(seq: bigint): void {
    this.#contractSeq = seq;
    this.#forget();
  }

  /** The latest state under an anchor that the contract has, or, where nobody knows what it has, under any. */
  latest(): KeptState | undefined {
    const seq = this.#newestOf(this.#contractSeq);
    return seq === undefined ? undefined : this.#kept.get(seq);
  }

  #forget(): void {
    const contractSeq = this.#contractSeq;
    const newest = this.#newestOf(contractSeq);
    // A contract that is always some anchors behind would never reach the latest ones: the next that it will have waits for it.
    const next = contractSeq === undefined ? undefined : [...this.#kept.keys()].find((seq) => seq > contractSeq);
    const latest = [...this.#kept.keys()].slice(-KEPT_ANCHORS);
    for (const seq of this.#kept.keys()) if (![newest, next, ...latest].includes(seq)) this.#kept.delete(seq);
  }

  #newestOf(atMost: bigint | undefined): bigint | undefined {
    return [...this.#kept.keys()].filter((seq) => atMost === undefined || seq <= atMost).at(-1);
  }
}
