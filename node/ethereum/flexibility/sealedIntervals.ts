import { AbiCoder, keccak256 } from "ethers";
import type { FlexibilityEvent } from "#bridge/baseline.ts";
import type { ActionContext } from "../action.ts";

/** An interval of an event as a meter sealed it on the ledger. */
export interface SealedInterval {
  readonly txId: string;
  /** Its place in the transaction. */
  readonly messageIndex: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly readingCount: number;
  /** Undefined: the sum is committed. */
  readonly sumMwh: bigint | undefined;
}

/** Transactions of the meter since the event that are looked through: months of quarters of an hour. */
const MAX_PAGES = 100;
const PAGE = 100;

interface Page {
  readonly transactions: readonly { readonly txId: string }[];
  readonly next: string | null;
}

interface Transaction {
  readonly result: { readonly code: number };
  readonly messages: readonly Readonly<Record<string, unknown>>[];
}

/** Those of the event's intervals that the meter has sealed, by time. Asks the newest transactions first, and stops at the event's start. */
export async function sealedIntervalsOf(
  { ledger }: Pick<ActionContext, "ledger">,
  meterId: string,
  event: FlexibilityEvent,
): Promise<readonly SealedInterval[]> {
  const found: SealedInterval[] = [];
  let cursor: string | null = "";
  for (let page = 0; page < MAX_PAGES && cursor !== null; page++) {
    const after: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/transactions?meter=${encodeURIComponent(meterId)}&limit=${PAGE}${after}`;
    const { transactions, next }: Page = await ledger<Page>(path);
    for (const { txId } of transactions) {
      const sealed = intervalsIn(txId, await ledger<Transaction>(`/transactions/${txId}`), meterId);
      found.push(...sealed.filter((one) => isOf(event, one)));
      // A meter seals its intervals in their order.
      if (found.length >= event.intervalCount || sealed.some(({ endMs }) => endMs <= event.startMs))
        return inOrder(found);
    }
    cursor = next;
  }
  return inOrder(found);
}

/** As SealedIntervals.keyOf in the contracts: what an interval is used up by. */
export function intervalKey(meterId: string, { startMs, endMs }: Pick<SealedInterval, "startMs" | "endMs">): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["string", "uint64", "uint64"], [meterId, startMs, endMs]));
}

function intervalsIn(txId: string, { result, messages }: Transaction, meterId: string): SealedInterval[] {
  // What the ledger refused is in its block all the same.
  if (result.code !== 0) return [];
  return messages.flatMap((message, messageIndex) => {
    if (message.type !== "MsgSealInterval" || message.meterId !== meterId) return [];
    const { intervalStartMs, intervalEndMs, readingCount, sumMwh } = message;
    const times = {
      startMs: Number(intervalStartMs),
      endMs: Number(intervalEndMs),
      readingCount: Number(readingCount),
    };
    return [{ txId, messageIndex, ...times, sumMwh: sumMwh === undefined ? undefined : BigInt(String(sumMwh)) }];
  });
}

function isOf({ startMs, intervalMs, intervalCount }: FlexibilityEvent, sealed: SealedInterval): boolean {
  const index = (sealed.startMs - startMs) / intervalMs;
  return Number.isInteger(index) && index >= 0 && index < intervalCount && sealed.endMs === sealed.startMs + intervalMs;
}

const inOrder = (found: readonly SealedInterval[]) => [...found].sort((a, b) => a.startMs - b.startMs);
