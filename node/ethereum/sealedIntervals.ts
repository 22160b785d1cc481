import { AbiCoder, keccak256 } from "ethers";
import type { TransactionView } from "../api/transactionJson.ts";
import type { LedgerGet } from "./ethereumPort.ts";

/** An interval as a meter sealed it on the ledger. */
export interface SealedInterval {
  readonly txId: string;
  /** Its place in the transaction. */
  readonly messageIndex: number;
  readonly meterId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly readingCount: number;
  /** Undefined: the sum is committed. */
  readonly sumMwh: bigint | undefined;
}

/** Transactions of a meter that are looked through: months of quarters of an hour. */
const MAX_PAGES = 100;
const PAGE = 100;

interface Page {
  readonly transactions: readonly { readonly txId: string }[];
  readonly next: string | null;
}

/** The intervals that a meter has sealed, those of one transaction at a time, the newest transaction first. A meter seals its intervals in their order. */
export async function* sealedNewestFirst(ledger: LedgerGet, meterId: string): AsyncIterable<readonly SealedInterval[]> {
  let cursor: string | null = "";
  for (let page = 0; page < MAX_PAGES && cursor !== null; page++) {
    const after: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/transactions?meter=${encodeURIComponent(meterId)}&limit=${PAGE}${after}`;
    const { transactions, next }: Page = await ledger<Page>(path);
    for (const { txId } of transactions) yield await sealedIn(ledger, txId, meterId);
    cursor = next;
  }
}

/** What a transaction seals, of this meter or of any. */
export async function sealedIn(ledger: LedgerGet, txId: string, meter?: string): Promise<readonly SealedInterval[]> {
  const path = `/transactions/${txId}`;
  const { messages, result } = await ledger<TransactionView & { readonly result: { readonly code: number } }>(path);
  // What the ledger refused is in its block all the same.
  if (result.code !== 0) return [];
  return messages.flatMap((message, messageIndex) => {
    const { type, meterId, intervalStartMs, intervalEndMs, readingCount, sumMwh, sumCommitment } = message;
    if (type !== "MsgSealInterval" || (meter !== undefined && meterId !== meter)) return [];
    const times = { startMs: Number(intervalStartMs), endMs: Number(intervalEndMs) };
    const sum = sumCommitment === undefined ? BigInt(String(sumMwh ?? 0)) : undefined;
    return [
      { txId, messageIndex, meterId: String(meterId), ...times, readingCount: Number(readingCount), sumMwh: sum },
    ];
  });
}

/** By time. */
export const inOrder = (intervals: readonly SealedInterval[]) => [...intervals].sort((a, b) => a.startMs - b.startMs);

/** As SealedIntervals.keyOf in the contracts: what an interval is used up by. */
export function intervalKey({
  meterId,
  startMs,
  endMs,
}: Pick<SealedInterval, "meterId" | "startMs" | "endMs">): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["string", "uint64", "uint64"], [meterId, startMs, endMs]));
}
