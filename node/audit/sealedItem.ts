import type { SealedReadings } from "#storage/audit/auditInterval.ts";
import { decodeTransaction } from "#storage/types/transaction.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";

/** An interval or an amendment as a transaction of the ledger has it. */
export interface SealedItem extends SealedReadings {
  readonly meterId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** 0: the interval itself. */
  readonly amendment: number;
  /** Of an amendment: of the interval, or of the amendment before. */
  readonly previousFingerprint: Uint8Array | undefined;
  /** Hex. */
  readonly txId: string;
  readonly height: number;
}

/** What the transaction seals; nothing for bytes that are no transaction. */
export function sealedItemsOf(tx: Uint8Array, height: number): readonly SealedItem[] {
  const decoded = decodeTransaction(tx);
  if (!decoded.accepted) return [];
  const txId = Buffer.from(decoded.tx.id).toString("hex");
  return decoded.tx.messages.flatMap((message) => {
    const item = itemOf(message);
    return item === undefined ? [] : [{ ...item, txId, height }];
  });
}

function itemOf(message: LedgerMessage): Omit<SealedItem, "txId" | "height"> | undefined {
  if (message.name === "MsgSealInterval") {
    const { meterId, intervalStartMs, intervalEndMs } = message.value;
    const times = { startMs: Number(intervalStartMs), endMs: Number(intervalEndMs) };
    return { meterId, ...times, amendment: 0, previousFingerprint: undefined, ...readingsOf(message.value) };
  }
  if (message.name === "MsgAmendInterval") {
    const { meterId, intervalStartMs, intervalEndMs, amendment, previousFingerprint } = message.value;
    const times = { startMs: Number(intervalStartMs), endMs: Number(intervalEndMs) };
    return { meterId, ...times, amendment, previousFingerprint, ...readingsOf(message.value) };
  }
  return undefined;
}

type Sealing = Extract<LedgerMessage, { name: "MsgSealInterval" | "MsgAmendInterval" }>["value"];

function readingsOf({ readingCount, fingerprint, readingsRoot, energy }: Sealing): SealedReadings {
  return {
    count: readingCount,
    fingerprint,
    readingsRoot,
    // Of no readings the sum may be absent; it is 0.
    energy: energy.case === "sumCommitment" ? { commitment: energy.value } : { sum: energy.value ?? 0n },
  };
}
