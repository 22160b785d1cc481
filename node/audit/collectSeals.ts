import type { AuditedItem } from "./meterAudit.ts";
import type { OwnAudit } from "./ownAudit.ts";
import type { OwnItemJson } from "./ownSeals.ts";
import { verifyOwnSeals } from "./verifySeals.ts";

/** A closed interval of which it is not proved that the ledger has it. */
export interface UnprovedItem {
  readonly startMs: number;
  readonly endMs: number;
  readonly amendment: number;
  readonly count: number;
  /** queued: on its way; else the ledger's code, or why the proof does not hold. */
  readonly reason: string;
}

export interface CollectedSeals {
  readonly ledgerId: string;
  readonly items: readonly AuditedItem[];
  /** Closed, and not on the ledger yet, or refused by it. */
  readonly pending: readonly UnprovedItem[];
  /** Said to be on the ledger, without a proof that holds. */
  readonly unproved: readonly UnprovedItem[];
}

/** Intervals of one question. */
const PAGE = 500;

/** What the light node has sealed in the range, of which every transaction is verified; `onItems` is told how many there are so far. */
export async function collectSeals(
  audit: Pick<OwnAudit, "seals">,
  { meterId, fromMs, toMs }: { readonly meterId: string; readonly fromMs: number; readonly toMs: number },
  onItems: (count: number) => void = () => undefined,
): Promise<CollectedSeals> {
  const items: AuditedItem[] = [];
  const pending: UnprovedItem[] = [];
  const unproved: UnprovedItem[] = [];
  let ledgerId = "";
  for (let from: number | null = fromMs; from !== null; ) {
    const page = await audit.seals({ meterId, fromMs: from, toMs, limit: PAGE });
    ledgerId = page.ledgerId;
    const verified = new Map<string, ReturnType<typeof verifyOwnSeals>>();
    for (const item of page.items) {
      const { outcome } = item;
      if (outcome.state !== "final") {
        pending.push(named(item, outcome.state === "queued" ? "queued" : outcome.code));
        continue;
      }
      const seals = verified.get(outcome.txId) ?? verifyOwnSeals(outcome.txId, page.transactions[outcome.txId]);
      verified.set(outcome.txId, seals);
      const sealed =
        "items" in seals ? seals.items.find((each) => each.meterId === meterId && isSame(each, item)) : undefined;
      if (sealed !== undefined)
        items.push({
          ...sealed,
          leaves: item.leaves === null ? undefined : new Uint8Array(Buffer.from(item.leaves, "base64")),
          timestampsMs: item.timestampsMs,
        });
      else if ("items" in seals) unproved.push(named(item, "SEAL_ELSEWHERE: its transaction does not seal it"));
      else unproved.push(named(item, `${seals.verdict.code}: ${seals.verdict.reason}`));
    }
    onItems(items.length);
    from = page.next;
  }
  return { ledgerId, items, pending, unproved };
}

function named({ startMs, endMs, amendment, count }: OwnItemJson, reason: string): UnprovedItem {
  return { startMs, endMs, amendment, count, reason };
}

function isSame(a: Omit<UnprovedItem, "reason" | "count">, b: Omit<UnprovedItem, "reason" | "count">): boolean {
  return a.startMs === b.startMs && a.endMs === b.endMs && a.amendment === b.amendment;
}
