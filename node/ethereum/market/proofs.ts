import { AbiCoder, keccak256 } from "ethers";
import type { IntervalProofInput, OutputProofInput } from "#contracts/abi/EnergyMarket.ts";
import type { TransactionView } from "../../api/transactionJson.ts";
import { cliError } from "../../cli/cliError.ts";
import type { Opening } from "../../cli/openings.ts";
import type { ActionContext } from "../action.ts";
import type { OutputPointer } from "./marketParams.ts";

interface CommittedTransaction extends TransactionView {
  readonly height: number;
  readonly result: { readonly code: number };
  /** Base64. */
  readonly tx: string;
}

/** What backs an advert: an output that nobody has spent, and the transaction that made it. @throws CliError BACKING_SPENT, PROOF_NOT_ANCHORED … */
export async function proveBacking(context: ActionContext, { txId, index }: OutputPointer): Promise<OutputProofInput> {
  const { spentBy } = await context.ledger<{ readonly spentBy: string | null }>(`/outputs/${txId}/${index}`);
  if (spentBy !== null) {
    const hint = "`query outputs ACCOUNT` has what the microgrid's account holds";
    throw cliError("refused", "BACKING_SPENT", `the output was spent by transaction ${spentBy}`, hint);
  }
  const { tx, height } = await context.ledger<CommittedTransaction>(`/transactions/${txId}`);
  const data = Buffer.from(`${txId}:${index}`).toString("hex");
  const { value, proof } = await context.proof<{ readonly value: string; readonly proof: never }>(
    `/bridge/proofs/state?path=/edream/output&data=${data}&minHeight=${height}`,
  );
  return { transaction: Buffer.from(tx, "base64"), outputIndex: index, record: value, proof };
}

/** A sealed interval of the ledger. */
export interface SealedMessage {
  readonly txId: string;
  /** Its place in the transaction. */
  readonly index: number;
  readonly meterId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Undefined: it is committed. */
  readonly sumMwh: bigint | undefined;
}

/** Transactions that are looked at for an interval: a week of intervals of five minutes. */
const MAX_SEARCHED = 2016;
const PAGE = 100;

/** The intervals of a meter that begin at `fromMs` or later, earliest first. */
export async function sealedSince(context: ActionContext, meter: string, fromMs: number): Promise<SealedMessage[]> {
  const found: SealedMessage[] = [];
  let cursor = "";
  for (let searched = 0; searched < MAX_SEARCHED; searched += PAGE) {
    const query = `meter=${encodeURIComponent(meter)}&limit=${PAGE}${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = await context.ledger<{
      readonly transactions: readonly { readonly txId: string }[];
      readonly next: string | null;
    }>(`/transactions?${query}`);
    for (const { txId } of page.transactions) {
      const sealed = await sealedIn(context, txId, meter);
      found.push(...sealed.filter(({ startMs }) => startMs >= fromMs));
      // Newest first, and a meter's intervals are sealed in their order.
      if (sealed.some(({ startMs }) => startMs < fromMs)) return inOrder(found);
    }
    if (page.next === null) break;
    cursor = page.next;
  }
  return inOrder(found);
}

const inOrder = (found: SealedMessage[]) => found.sort((a, b) => a.startMs - b.startMs);

/** The intervals that a transaction seals, of this meter or of any; none of one that failed. */
export async function sealedIn(context: ActionContext, txId: string, meter?: string): Promise<SealedMessage[]> {
  const { messages, result } = await context.ledger<CommittedTransaction>(`/transactions/${txId}`);
  if (result.code !== 0) return [];
  return messages.flatMap((message, index) => {
    const { type, meterId, intervalStartMs, intervalEndMs, sumMwh, sumCommitment } = message;
    if (type !== "MsgSealInterval" || (meter !== undefined && meterId !== meter)) return [];
    const times = { startMs: Number(intervalStartMs), endMs: Number(intervalEndMs) };
    const sum = sumCommitment === undefined ? BigInt(String(sumMwh ?? 0)) : undefined;
    return [{ txId, index, meterId: String(meterId), ...times, sumMwh: sum }];
  });
}

/** As SealedIntervals.keyOf. */
export function intervalKey({ meterId, startMs, endMs }: SealedMessage): string {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["string", "uint64", "uint64"], [meterId, startMs, endMs]));
}

/** What opens the committed sum of this interval. */
export function openingOf(interval: SealedMessage, openings: readonly Opening[]): Opening | undefined {
  return openings.find(({ intervalEndMs, amendment }) => amendment === 0 && Number(intervalEndMs) === interval.endMs);
}

/** @throws CliError PROOF_NOT_ANCHORED … */
export async function proveInterval(
  context: ActionContext,
  interval: SealedMessage,
  opening: Opening | undefined,
): Promise<IntervalProofInput> {
  const { message, proof } = await context.proof<{ readonly message: string; readonly proof: never }>(
    `/bridge/proofs/messages/${interval.txId}/${interval.index}`,
  );
  return { message, proof, salt: opening?.salt ?? new Uint8Array(32), sumMwh: opening?.sumMwh ?? 0n };
}
