import { accountRecordKey, decodeAccountRecord } from "#consensus/application/accountRecord.ts";
import { decodeMeterCounts, meterCountsKey } from "#consensus/application/erasureRecord.ts";
import { linkHash, periodOrigin } from "#consensus/application/intervals.ts";
import {
  amendedId,
  decodeRecord,
  periodId,
  type RecordKind,
  type RecordOf,
  recordKey,
  SINGLE,
} from "#consensus/application/stateRecords.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { verifySignature } from "#storage/crypto/keys.ts";
import { amendmentsOrigin } from "#storage/types/amendment.ts";
import { decodeTransaction, signatureCheckOf } from "#storage/types/transaction.ts";
import type { Proofs } from "../light/proofs.ts";
import type { AuditedItem } from "./meterAudit.ts";
import { LedgerAuditError, lie, type RestGet } from "./restProofs.ts";
import { type SealedItem, sealedItemsOf } from "./sealedItem.ts";

/** Periods of one audit: each is a proof. */
export const MAX_AUDITED_PERIODS = 400;

/** Transactions of one answer. */
const PAGE = 100;

/**
 * What the ledger has of a meter, out of a full node that is not believed: its transactions are only taken when the hash over all intervals of their
 * period, computed anew, is the proved H_P (D5.1 Fig. 23), and the one over the amendments of an interval is the proved one. So no interval and
 * no amendment can be left out, added or changed.
 * @throws LedgerAuditError AUDIT_NODE_LIES, AUDIT_NODE_MALFORMED
 */
export async function collectLedgerSeals(
  ledger: { readonly chainId: string; readonly get: RestGet; readonly proofs: Pick<Proofs, "state"> },
  { meterId, fromMs, toMs }: { readonly meterId: string; readonly fromMs: number; readonly toMs: number },
  onItems: (count: number) => void = () => undefined,
): Promise<readonly AuditedItem[]> {
  const { get, proofs } = ledger;
  const params = await proved("params", SINGLE, "/edream/params", "");
  const periodMs = Number(params?.periodMs ?? 0);
  const chain = await proved("chain", meterId, "/edream/chain", meterId);
  if (periodMs === 0 || chain === undefined || chain.intervalCount === 0n) return [];
  // An interval that ends after `fromMs` may have begun before, in the same period.
  const firstMs = fromMs - (fromMs % periodMs);
  const lastMs = Math.min(toMs, Number(chain.lastEndMs));
  const periods = Math.max(0, Math.ceil((lastMs - firstMs) / periodMs));
  if (periods > MAX_AUDITED_PERIODS) {
    const reason = `${periods} periods are more than ${MAX_AUDITED_PERIODS}`;
    throw new LedgerAuditError({ code: "AUDIT_NODE_MALFORMED", what: "range", reason });
  }
  const signer = await deviceOf();
  const sealed = await transactions(firstMs);
  for (let period = 0; period < periods; period++) await checkPeriod(firstMs + period * periodMs);
  await checkAmendments();
  return sealed
    .filter(({ endMs }) => endMs > fromMs && endMs <= toMs)
    .toSorted((a, b) => a.endMs - b.endMs || a.amendment - b.amendment)
    .map((item) => ({ ...item, leaves: undefined, timestampsMs: undefined }));

  async function proved<K extends RecordKind>(
    kind: K,
    id: string,
    path: string,
    data: string,
  ): Promise<RecordOf<K> | undefined> {
    const answer = await proofs.state(path, Buffer.from(data), Buffer.from(recordKey(kind, id)));
    if (answer === undefined) throw lie(recordKey(kind, id), "the chain has no block to prove it under");
    return answer.value && decodeRecord(kind, answer.value);
  }

  async function deviceOf(): Promise<Device> {
    const account = (await proved("meter", meterId, "/edream/meter", meterId))?.deviceAccount ?? "";
    const record = await proofs.state("/edream/account", Buffer.from(account), accountRecordKey(account));
    if (record?.value === undefined) throw lie(`account ${account}`, "it is not in the state");
    return { account, number: decodeAccountRecord(record.value).number };
  }

  /** All seals and amendments of intervals from `startMs` on, oldest first; newest come first from the node. */
  async function transactions(startMs: number): Promise<readonly SealedItem[]> {
    const items: SealedItem[] = [];
    let cursor = "";
    for (;;) {
      const after = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await get<{ transactions: readonly { txId: string }[]; next: string | null }>(
        `/transactions?meter=${encodeURIComponent(meterId)}&limit=${PAGE}${after}`,
      );
      let isBefore = false;
      for (const { txId } of page.transactions) {
        const found = await get<{ tx: string; height: number; result: { code: number } }>(`/transactions/${txId}`);
        const tx = new Uint8Array(Buffer.from(found.tx, "base64"));
        if (Buffer.from(sha256(tx)).toString("hex") !== txId) throw lie(`transaction ${txId}`, "it has another hash");
        if (found.result.code !== 0) continue;
        const own = sealedItemsOf(tx, found.height).filter((item) => item.meterId === meterId);
        // H_P does not cover the readings root: that the device has signed it, does.
        if (own.length > 0 && !isSignedBy(tx, ledger.chainId, signer))
          throw lie(`transaction ${txId}`, "the meter's device has not signed it");
        items.unshift(...own.filter((item) => item.startMs >= startMs));
        // Intervals are sealed in order of time; amendments come whenever.
        if (own.some((item) => item.amendment === 0 && item.startMs < startMs)) isBefore = true;
        onItems(items.length);
      }
      if (page.next === null || isBefore) return items;
      cursor = page.next;
    }
  }

  async function checkPeriod(periodStartMs: number): Promise<void> {
    const own = sealed.filter(
      ({ startMs, amendment }) => amendment === 0 && startMs >= periodStartMs && startMs < periodStartMs + periodMs,
    );
    let hash = periodOrigin(meterId, periodStartMs);
    for (const item of own) hash = linkHash(linkOf(item), hash);
    const isOpen = Number(chain?.periodStartMs) === periodStartMs;
    const record = isOpen
      ? { hash: chain?.periodHash ?? new Uint8Array(0), intervalCount: chain?.periodIntervalCount ?? 0 }
      : await proved("period", periodId(meterId, periodStartMs), "/edream/period", `${periodStartMs} ${meterId}`);
    const isRight =
      record === undefined
        ? own.length === 0
        : record.intervalCount === own.length && Buffer.compare(record.hash, hash) === 0;
    if (!isRight) {
      const reason = `its ${own.length} intervals do not make the proved H_P of ${record?.intervalCount ?? 0}`;
      throw lie(`period ${new Date(periodStartMs).toISOString()}`, reason);
    }
  }

  /** Every amended interval is proved, and so is how many amendments there are in all: none can be left out. */
  async function checkAmendments(): Promise<void> {
    const counts = await proofs.state("/edream/meter-counts", Buffer.from(meterId), meterCountsKey(meterId));
    const total = counts?.value === undefined ? 0 : decodeMeterCounts(counts.value).amendments;
    let listed = 0;
    for (let after = ""; ; ) {
      const query = after === "" ? "" : `?after=${encodeURIComponent(after)}`;
      const page = await get<{ amendments: readonly { endMs: string }[]; next: string | null }>(
        `/meters/${encodeURIComponent(meterId)}/amendments${query}`,
      );
      for (const { endMs } of page.amendments) listed += await checkAmended(Number(endMs));
      if (page.next === null) break;
      after = page.next;
    }
    if (listed !== total) throw lie(`amendments of ${meterId}`, `${listed} of ${total} are shown`);
  }

  async function checkAmended(endMs: number): Promise<number> {
    const record = await proved(
      "amended",
      amendedId(meterId, endMs),
      "/edream/amended-interval",
      `${endMs} ${meterId}`,
    );
    if (record === undefined) throw lie(`amended interval ${endMs}`, "it is not in the state");
    const own = sealed.filter((item) => item.endMs === endMs && item.amendment > 0);
    const startMs = Number(record.startMs);
    if (startMs < firstMs || endMs > toMs) return record.amendments;
    let hash = amendmentsOrigin(meterId, startMs, endMs);
    for (const item of own) hash = linkHash(linkOf(item), hash);
    if (own.length !== record.amendments || Buffer.compare(hash, record.amendmentsHash) !== 0)
      throw lie(`amended interval ${endMs}`, `its ${own.length} amendments do not make the proved hash`);
    return record.amendments;
  }
}

interface Device {
  readonly account: string;
  readonly number: bigint;
}

function isSignedBy(tx: Uint8Array, chainId: string, { account, number }: Device): boolean {
  const decoded = decodeTransaction(tx);
  const signer = decoded.accepted ? decoded.tx.signers.find((each) => each.account === account) : undefined;
  if (!decoded.accepted || signer === undefined) return false;
  const { publicKey, message, signature } = signatureCheckOf(decoded.tx, signer, chainId, number);
  return verifySignature(publicKey, message, signature);
}

function linkOf({ fingerprint, readingsRoot, count, energy }: SealedItem): Parameters<typeof linkHash>[0] {
  return {
    fingerprint,
    readingsRoot,
    readingCount: count,
    energy:
      "commitment" in energy
        ? { case: "sumCommitment", value: energy.commitment }
        : { case: "sumMwh", value: energy.sum },
  };
}
