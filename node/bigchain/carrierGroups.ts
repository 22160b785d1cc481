import type { BigchainSubmission } from "./ports.ts";

/**
 * BigchainDB transactions in one of the ledger, when many wait: the ledger's own work (signature, mempool, gossip, result) is then done once for all of them.
 * They take effect together or not at all; those of one that did not go again, each by itself.
 */
export const MAX_GROUP = 32;

/** Bytes of JSON in such a group. */
const MAX_GROUP_BYTES = 64 * 1024;

/** A client's transaction that is to go onto the ledger. */
export interface Waiting {
  readonly id: string;
  readonly json: string;
  /** A name of each output that it spends. */
  readonly spends: readonly string[];
  /** It goes by itself: a group with it has failed, or may. */
  readonly isAlone: boolean;
  readonly settle: (submission: BigchainSubmission) => void;
  readonly sinceMs: number;
  readonly attempts: number;
}

/**
 * Takes the first ones of the queue, at most so many groups. Rivals for an output, or of one that is in flight, go by themselves, for one of them will fail.
 * @param isSpending whether something in flight spends that output
 */
export function takeGroups(
  queue: Waiting[],
  count: number,
  isSpending: (output: string) => boolean,
): readonly (readonly Waiting[])[] {
  const groups: Waiting[][] = [];
  const taken = new Set<string>();
  let bytes = 0;
  while (queue[0] !== undefined) {
    const [item] = queue;
    const isAlone = item.isAlone || item.spends.some((output) => taken.has(output) || isSpending(output));
    const last = groups.at(-1);
    const hasRoom =
      last?.[0]?.isAlone === false && last.length < MAX_GROUP && bytes + item.json.length <= MAX_GROUP_BYTES;
    const fits = !isAlone && hasRoom;
    if (!fits && groups.length === count) break;
    queue.shift();
    for (const output of item.spends) taken.add(output);
    if (fits) last?.push(item);
    else groups.push([{ ...item, isAlone }]);
    bytes = fits ? bytes + item.json.length : item.json.length;
  }
  return groups;
}
