import type { ArchivePeriod } from "#storage/archive/archivePeriods.ts";
import type { SealedRoot } from "#storage/archive/verifyArchive.ts";
import { cliError } from "./cliError.ts";
import type { LedgerClient } from "./ledgerClient.ts";

/** Transactions of a meter that are looked at: a year of one each quarter of an hour. */
const MAX_TRANSACTIONS = 40_000;
const PAGE = 100;

interface TransactionsPage {
  readonly transactions: readonly { readonly txId: string }[];
  readonly next: string | null;
}

interface TransactionAnswer {
  readonly result: { readonly code: number };
  readonly messages: readonly {
    readonly type: string;
    readonly meterId?: string;
    readonly intervalStartMs?: string;
    readonly intervalEndMs?: string;
    readonly readingCount?: number;
    readonly readingsRoot?: string;
  }[];
}

/**
 * The meter's sealed intervals that lie within the period, from the node's transactions, newest first, until one is older.
 * @throws CliError LIST_TOO_LONG
 */
export async function sealedRoots(
  client: Pick<LedgerClient, "get">,
  meterId: string,
  { fromMs, untilMs }: ArchivePeriod,
): Promise<readonly SealedRoot[]> {
  const roots: SealedRoot[] = [];
  let looked = 0;
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: TransactionsPage = await client.get(
      `/transactions?meter=${encodeURIComponent(meterId)}&limit=${PAGE}${query}`,
    );
    for (const { txId } of page.transactions) {
      looked += 1;
      if (looked > MAX_TRANSACTIONS)
        throw cliError("failure", "LIST_TOO_LONG", `${meterId} has too many transactions`, "use --sealed-only");
      const { result, messages } = await client.get<TransactionAnswer>(`/transactions/${txId}`);
      if (result.code !== 0) continue;
      const sealed = messages.filter((each) => each.type === "MsgSealInterval" && each.meterId === meterId);
      for (const each of sealed) {
        const [startMs, endMs] = [Number(each.intervalStartMs), Number(each.intervalEndMs)];
        if (startMs < fromMs || endMs > untilMs) continue;
        const readingsRoot = new Uint8Array(Buffer.from(each.readingsRoot ?? "", "hex"));
        roots.push({ startMs, endMs, readingCount: each.readingCount ?? 0, readingsRoot });
      }
      // Intervals of a meter are sealed in order of time.
      if (sealed.some((each) => Number(each.intervalEndMs) <= fromMs)) return roots;
    }
    cursor = page.next;
  }
  return roots;
}
