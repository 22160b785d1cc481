import type { BehaviourName } from "./behaviours.ts";

/**
 * Everything about a run that is not code: the committee, and what goes wrong when. Drawn from a seed, or read from a file; JSON. The
 * seed decides what chance remains within the faults (which message is lost), so the same plan is the same run.
 * Times are milliseconds from the start; nodes are named by number: validators first, then full nodes, then light nodes.
 */
export interface Plan {
  readonly seed: number;
  /** Voting power of each validator at genesis. */
  readonly powers: readonly number[];
  readonly fullNodes: number;
  readonly lightNodes: number;
  /** Energy transactions that clients submit. */
  readonly txs: number;
  /** One of them is so large that its block has three parts. */
  readonly fatTx: boolean;
  /** false: blocks are made when there is something to put in, and as a heartbeat. */
  readonly emptyBlocks: boolean;
  readonly skipTimeoutCommit: boolean;
  /** When the faults end: links are whole, disks have room, who is down starts again. Byzantine validators go on. */
  readonly healMs: number;
  readonly faults: readonly Fault[];
}

/** What a message is to the network; "other": no consensus message. */
export type MessageKind = "proposal" | "part" | "prevote" | "precommit" | "status" | "other";

export type Fault =
  /** Messages from some nodes to some others, or only some kinds of them, are lost, doubled, and delayed by up to `delayMs`, which reorders them. */
  | {
      readonly type: "link";
      readonly atMs: number;
      readonly untilMs: number;
      readonly from: readonly number[];
      readonly to: readonly number[];
      readonly drop: number;
      readonly duplicate: number;
      readonly delayMs: number;
      /** Without it: all. */
      readonly kinds?: readonly MessageKind[];
    }
  /** Nothing gets from some nodes to some others: one direction of a partition. */
  | {
      readonly type: "cut";
      readonly atMs: number;
      readonly untilMs: number;
      readonly from: readonly number[];
      readonly to: readonly number[];
    }
  /** Nothing gets through, but nothing is lost: all of it arrives at the end. */
  | {
      readonly type: "clog";
      readonly atMs: number;
      readonly untilMs: number;
      readonly from: readonly number[];
      readonly to: readonly number[];
    }
  /**
   * The node stops at its `effect`-th effect from then on (an operation of the disk, or a message sent; 0: at once), before it, in its
   * middle or after it. "power" loses what was not synced, wholly, in part or not, as a disk may.
   */
  | {
      readonly type: "crash";
      readonly node: number;
      readonly atMs: number;
      readonly effect: number;
      readonly point: "before" | "during" | "after";
      readonly loss: "kill" | "power";
      readonly downMs: number;
    }
  /** The disk takes `roomBytes` more and then nothing until the end. */
  | {
      readonly type: "diskFull";
      readonly node: number;
      readonly atMs: number;
      readonly untilMs: number;
      readonly roomBytes: number;
    }
  /** The next sync fails, and with it everything since the last good one is lost. */
  | { readonly type: "syncFailure"; readonly node: number; readonly atMs: number }
  /** The node's clock is ahead of the true time by `offsetMs` from then on, or behind. */
  | { readonly type: "clock"; readonly node: number; readonly atMs: number; readonly offsetMs: number }
  /** The validator misbehaves from then on. */
  | { readonly type: "byzantine"; readonly node: number; readonly atMs: number; readonly behaviour: BehaviourName }
  /** A regulator changes the voting power of a node, 0 removes it. */
  | { readonly type: "validatorPower"; readonly node: number; readonly atMs: number; readonly power: number };

/** Validators that break the rules, by number; those with a twin included. */
export function byzantineNodes(plan: Plan): ReadonlySet<number> {
  return new Set(plan.faults.flatMap((fault) => (fault.type === "byzantine" ? [fault.node] : [])));
}

/** The most voting power that may be Byzantine: less than a third. */
export function isWithinThird(power: number, total: number): boolean {
  return power * 3 < total;
}
