import type { IntervalProofInput, OutputProofInput } from "#contracts/abi/EnergyMarket.ts";
import type { TransactionView } from "../../api/transactionJson.ts";
import { cliError } from "../../cli/cliError.ts";
import type { Opening } from "../../cli/openings.ts";
import type { ActionContext } from "../action.ts";
import { inOrder, type SealedInterval, sealedNewestFirst } from "../sealedIntervals.ts";
import type { OutputPointer } from "./marketParams.ts";

interface CommittedTransaction extends TransactionView {
  readonly height: number;
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

/** The intervals of a meter that begin at `fromMs` or later, earliest first. */
export async function sealedSince(
  { ledger }: ActionContext,
  meter: string,
  fromMs: number,
): Promise<readonly SealedInterval[]> {
  const found: SealedInterval[] = [];
  for await (const sealed of sealedNewestFirst(ledger, meter)) {
    found.push(...sealed.filter(({ startMs }) => startMs >= fromMs));
    if (sealed.some(({ startMs }) => startMs < fromMs)) break;
  }
  return inOrder(found);
}

/** What opens the committed sum of this interval. */
export function openingOf(interval: SealedInterval, openings: readonly Opening[]): Opening | undefined {
  return openings.find(({ intervalEndMs, amendment }) => amendment === 0 && Number(intervalEndMs) === interval.endMs);
}

/** @throws CliError PROOF_NOT_ANCHORED … */
export async function proveInterval(
  context: ActionContext,
  interval: SealedInterval,
  opening: Opening | undefined,
): Promise<IntervalProofInput> {
  const { message, proof } = await context.proof<{ readonly message: string; readonly proof: never }>(
    `/bridge/proofs/messages/${interval.txId}/${interval.messageIndex}`,
  );
  return { message, proof, salt: opening?.salt ?? new Uint8Array(32), sumMwh: opening?.sumMwh ?? 0n };
}
