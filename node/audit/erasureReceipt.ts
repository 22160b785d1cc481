import { sha256 } from "#storage/crypto/hash.ts";
import { type KeyType, type PrivateKey, publicKeyOf, sign, verifySignature } from "#storage/crypto/keys.ts";
import { ACCEPTED, rejected, type Verdict } from "#storage/error.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { RemovedArchive } from "./eraseArchives.ts";

export const RECEIPT_FORMAT = "energy-ledger erasure receipt 1";

/** What whoever reads a receipt must know. */
export const RECEIPT_STATEMENT =
  "Values and salts of these readings were removed from every replica named here. The fingerprints and sums of the intervals named here can no longer be " +
  "recomputed from readings; their readings roots still prove every reading that is left.";

/** Signed by the meter's owner; the ledger has its SHA-256 (MsgRecordErasure). Hex for bytes. */
export interface ErasureReceipt {
  readonly format: typeof RECEIPT_FORMAT;
  readonly ledgerId: string;
  readonly meterId: string;
  /** fromMs < timestamp <= untilMs */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Measurements whose value is gone, now or since an earlier erasure of this time, however many replicas had it. */
  readonly readings: number;
  readonly erasedMs: number;
  readonly replicas: readonly { readonly name: string; readonly readings: number; readonly conflicts: number }[];
  /** Sealed intervals and amendments of which something was erased, now or before. */
  readonly intervals: readonly {
    readonly startMs: number;
    readonly endMs: number;
    readonly amendment: number;
    readonly count: number;
    readonly erased: number;
    readonly txId: string;
  }[];
  /** Archive files of this node that had some of them, removed whole; their periods are archived anew without what was erased. */
  readonly archives: readonly RemovedArchive[];
  /** Copies of these readings that this node could not remove: where they are. */
  readonly elsewhere: readonly string[];
  readonly statement: string;
  readonly signer: { readonly type: KeyType; readonly publicKey: string; readonly account: string };
  readonly signature: string;
}

type Unsigned = Omit<ErasureReceipt, "format" | "statement" | "signer" | "signature">;

/** The one text of a receipt. */
export function signReceipt(unsigned: Unsigned, key: PrivateKey): string {
  const publicKey = publicKeyOf(key);
  const signer = { type: key.type, publicKey: hex(publicKey.bytes), account: accountOfKey(publicKey) };
  const receipt = { format: RECEIPT_FORMAT, ...unsigned, statement: RECEIPT_STATEMENT, signer } as const;
  return textOf({ ...receipt, signature: hex(sign(key, signedBytes(receipt))) });
}

/** 32 bytes: what MsgRecordErasure says of it. */
export function receiptHash(text: string): Uint8Array {
  return sha256(Buffer.from(text));
}

/**
 * Checks in order: a) the text is that of a receipt (RECEIPT_MALFORMED); b) the account is the key's (RECEIPT_ACCOUNT_MISMATCH);
 * c) the signature holds (RECEIPT_SIGNATURE_INVALID). That the signer owns the meter, and that the ledger knows the receipt, is to be asked of the ledger.
 */
export function verifyReceipt(text: string): { readonly verdict: Verdict; readonly receipt?: ErasureReceipt } {
  let receipt: ErasureReceipt;
  try {
    receipt = JSON.parse(text) as ErasureReceipt;
    if (receipt.format !== RECEIPT_FORMAT || textOf(receipt) !== text) throw new SyntaxError("it is another text");
    const { type, publicKey } = receipt.signer;
    const isKey = (type === "ed25519" || type === "secp256k1") && /^[0-9a-f]{64,66}$/.test(publicKey);
    if (!isKey || !/^[0-9a-f]{128}$/.test(receipt.signature)) throw new SyntaxError("it has no signature");
  } catch (error) {
    return { verdict: rejected("RECEIPT_MALFORMED", (error as Error).message) };
  }
  const { signature, ...signed } = receipt;
  const key = { type: receipt.signer.type, bytes: new Uint8Array(Buffer.from(receipt.signer.publicKey, "hex")) };
  if (accountOfKey(key) !== receipt.signer.account)
    return { verdict: rejected("RECEIPT_ACCOUNT_MISMATCH", "the account is not that of the key") };
  const holds = verifySignature(key, signedBytes(signed), new Uint8Array(Buffer.from(signature, "hex")));
  return holds
    ? { verdict: ACCEPTED, receipt }
    : { verdict: rejected("RECEIPT_SIGNATURE_INVALID", "the signature does not hold") };
}

function signedBytes(receipt: object): Uint8Array {
  return Buffer.from(`${RECEIPT_FORMAT}\n${JSON.stringify(receipt)}`);
}

function textOf(receipt: object): string {
  return `${JSON.stringify(receipt, null, 1)}\n`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
