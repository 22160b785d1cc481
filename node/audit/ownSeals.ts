import { bucketKey } from "#storage/db/buckets.ts";
import type { Store } from "#storage/db/store.ts";
import { encodeHeader, type Header } from "#storage/types/header.ts";
import {
  amendmentRange,
  decodeRow,
  type IntervalState,
  intervalRange,
  isAmendment,
  leavesKey,
  type Sealable,
} from "../light/outboxRows.ts";
import { decodeTxProofs } from "../serve/messages.ts";

export interface SealsRequest {
  readonly meterId: string;
  /** Of intervals that end after `fromMs`, up to `toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Intervals of one answer; their amendments come with them. */
  readonly limit: number;
}

/** One closed interval or amendment as the light node has it. Nothing of it is believed but what its transaction says. */
export interface OwnItemJson {
  readonly startMs: number;
  readonly endMs: number;
  readonly periodStartMs: number;
  /** 0: the interval itself. */
  readonly amendment: number;
  readonly count: number;
  readonly outcome: IntervalState;
  /** Base64; null where they were not kept. */
  readonly leaves: string | null;
  /** Which readings an amendment has. */
  readonly timestampsMs?: readonly number[];
}

/** What proves a transaction, base64; null: not kept. */
export interface OwnTransactionJson {
  /** TxRaw. */
  readonly tx: string | null;
  /** TxProof of node/serve/messages.ts. */
  readonly proof: string | null;
  /** The verified headers of its height and of the next. */
  readonly header: string | null;
  readonly nextHeader: string | null;
}

export interface OwnSealsJson {
  readonly ledgerId: string;
  readonly items: readonly OwnItemJson[];
  readonly transactions: Readonly<Record<string, OwnTransactionJson>>;
  /** `from` of the next page; null on the last. */
  readonly next: number | null;
}

/** What a light node sealed, with the proofs it holds. header: one it has verified, if it was kept. */
export async function ownSeals(
  ledgerId: string,
  parts: { readonly store: Store; readonly header: (height: number) => Promise<Header | undefined> },
  { meterId, fromMs, toMs, limit }: SealsRequest,
): Promise<OwnSealsJson> {
  const { store } = parts;
  const found: { readonly item: Sealable; readonly outcome: IntervalState }[] = [];
  let next: number | null = null;
  for await (const [, value] of store.iterate(intervalRange(meterId, fromMs + 1, toMs))) {
    if (found.length === limit) {
      next = found.at(-1)?.item.endMs ?? null;
      break;
    }
    found.push(decodeRow(value));
  }
  for await (const [, value] of store.iterate(amendmentRange(meterId, fromMs + 1, next ?? toMs)))
    found.push(decodeRow(value));
  found.sort((a, b) => a.item.endMs - b.item.endMs || numberOf(a.item) - numberOf(b.item));

  const items: OwnItemJson[] = [];
  const transactions: Record<string, OwnTransactionJson> = {};
  for (const { item, outcome } of found) {
    const { startMs, endMs, periodStartMs, count } = item;
    const leaves = await store.get(leavesKey(item));
    const times = isAmendment(item) ? { timestampsMs: item.timestampsMs } : {};
    items.push({
      ...{ startMs, endMs, periodStartMs, amendment: numberOf(item), count, outcome, ...times },
      leaves: leaves === undefined ? null : base64(leaves),
    });
    if (outcome.state === "final") transactions[outcome.txId] ??= await transactionOf(parts, outcome.txId);
  }
  return { ledgerId, items, transactions, next };
}

async function transactionOf(
  { store, header }: Parameters<typeof ownSeals>[1],
  txIdHex: string,
): Promise<OwnTransactionJson> {
  const txId = Buffer.from(txIdHex, "hex");
  const [tx, proof] = await Promise.all([
    store.get(bucketKey("ownTransaction", txId)),
    store.get(bucketKey("ownProof", txId)),
  ]);
  const height = proof === undefined ? undefined : decodeTxProofs(proof)[0]?.height;
  const headerBytes = async (at: number | undefined) => {
    const found = at === undefined ? undefined : await header(at);
    return found === undefined ? null : base64(encodeHeader(found));
  };
  return {
    tx: tx === undefined ? null : base64(tx),
    proof: proof === undefined ? null : base64(proof),
    header: await headerBytes(height),
    nextHeader: await headerBytes(height === undefined ? undefined : height + 1),
  };
}

function numberOf(item: Sealable): number {
  return isAmendment(item) ? item.amendment : 0;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
