import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { publicKeyOf, sign, verifySignature } from "#storage/crypto/keys.ts";
import { MAX_TX_BYTES, MAX_TX_SIGNERS } from "#storage/limits.ts";
import { decodeTransaction, signatureCheckOf, type Transaction } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { readEnvelope, writeEnvelope } from "#storage/types/transactionEnvelope.ts";
import { cliError } from "./cliError.ts";

/**
 * A transaction on its way from signer to signer, as a file: JSON {format, chainId, accountNumbers, tx}. `tx` is TxRaw in base64 with 64 zero
 * bytes in place of each signature that is still missing; `accountNumbers`, in the order of the signers, is what they sign beside it.
 */
export interface TransactionFile {
  readonly chainId: string;
  readonly accountNumbers: readonly bigint[];
  readonly tx: Uint8Array;
}

/** The file as it stands: every signature that is there holds. */
export interface CheckedFile extends TransactionFile {
  readonly decoded: Transaction;
  /** Accounts whose signature is missing. */
  readonly missing: readonly string[];
}

const FORMAT = "energy-ledger transaction 1";

/** Base64 of a transaction, and some. */
const MAX_FILE_BYTES = 2 * MAX_TX_BYTES;

export const MISSING_SIGNATURE = new Uint8Array(64);

export function writeTransactionFile(path: string, { chainId, accountNumbers, tx }: TransactionFile): void {
  const numbers = accountNumbers.map(String);
  const json = { format: FORMAT, chainId, accountNumbers: numbers, tx: Buffer.from(tx).toString("base64") };
  writeFileSync(path, `${JSON.stringify(json, null, 1)}\n`);
}

/** @throws CliError TX_FILE_UNREADABLE, TX_FILE_MALFORMED, TX_FILE_SIGNATURE_INVALID */
export function readTransactionFile(path: string): CheckedFile {
  return check(path, parse(path));
}

/** With this key's signature. @throws CliError SIGNER_NOT_NAMED */
export function signFile(path: string, file: CheckedFile, privateKey: PrivateKey): CheckedFile {
  const account = accountOfKey(publicKeyOf(privateKey));
  const index = file.decoded.signers.findIndex((signer) => signer.account === account);
  const signer = file.decoded.signers[index];
  if (signer === undefined) {
    const named = file.decoded.signers.map((other) => other.account).join(", ");
    throw cliError("usage", "SIGNER_NOT_NAMED", `${account} does not sign ${path}`, `its signers are ${named}`);
  }
  const { message } = signatureCheckOf(file.decoded, signer, file.chainId, file.accountNumbers[index] ?? 0n);
  return check(path, { ...file, tx: withSignatures(file.tx, new Map([[index, sign(privateKey, message)]])) });
}

/** One file with the signatures of all copies. @throws CliError TX_FILES_DIFFER */
export function mergeFiles(copies: readonly { readonly path: string; readonly file: CheckedFile }[]): CheckedFile {
  const [first, ...others] = copies;
  if (first === undefined) throw new RangeError("no file");
  const signatures = new Map<number, Uint8Array>();
  for (const { path, file } of [first, ...others]) {
    if (signableText(file) !== signableText(first.file)) {
      const hint = "sign copies of one file";
      throw cliError("usage", "TX_FILES_DIFFER", `${path} is another transaction than ${first.path}`, hint);
    }
    for (const [index, { signature }] of file.decoded.signers.entries())
      if (!isMissing(signature)) signatures.set(index, signature);
  }
  return check(first.path, { ...first.file, tx: withSignatures(first.file.tx, signatures) });
}

function parse(path: string): TransactionFile {
  let json: { format?: unknown; chainId?: unknown; accountNumbers?: unknown; tx?: unknown };
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw malformed(path, "it is too large");
    json = JSON.parse(readFileSync(path, "utf8")) as typeof json;
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(path, "it is not JSON");
    const reason = (error as NodeJS.ErrnoException).code;
    if (reason === undefined) throw error;
    const hint = "name a file written with --unsigned";
    throw cliError("usage", "TX_FILE_UNREADABLE", `cannot read ${path} (${reason})`, hint);
  }
  const { format, chainId, accountNumbers, tx } = json ?? {};
  if (format !== FORMAT || typeof chainId !== "string" || typeof tx !== "string" || !Array.isArray(accountNumbers))
    throw malformed(path, `it is not in the format ${JSON.stringify(FORMAT)}`);
  if (!accountNumbers.every((number) => typeof number === "string" && /^\d{1,19}$/.test(number)))
    throw malformed(path, "an account number is no number");
  return { chainId, accountNumbers: accountNumbers.map(BigInt), tx: new Uint8Array(Buffer.from(tx, "base64")) };
}

function check(path: string, file: TransactionFile): CheckedFile {
  const decoded = decodeTransaction(file.tx);
  if (!decoded.accepted) throw malformed(path, `${decoded.code}: ${decoded.reason}`);
  const { tx } = decoded;
  if (tx.signers.length !== file.accountNumbers.length) throw malformed(path, "it has not one account number a signer");
  const missing: string[] = [];
  for (const [index, signer] of tx.signers.entries()) {
    if (isMissing(signer.signature)) {
      missing.push(signer.account);
      continue;
    }
    const { publicKey, message, signature } = signatureCheckOf(
      tx,
      signer,
      file.chainId,
      file.accountNumbers[index] ?? 0n,
    );
    if (!verifySignature(publicKey, message, signature)) {
      const hint = "the transaction was changed after it was signed: begin anew with a copy from whoever made it";
      throw cliError("refused", "TX_FILE_SIGNATURE_INVALID", `${signer.account} did not sign what ${path} says`, hint);
    }
  }
  return { ...file, decoded: tx, missing };
}

function isMissing(signature: Uint8Array): boolean {
  return Buffer.compare(signature, MISSING_SIGNATURE) === 0;
}

/** Everything that is signed. */
function signableText({ chainId, accountNumbers, decoded }: CheckedFile): string {
  const [body, authInfo] = [decoded.bodyBytes, decoded.authInfoBytes].map((bytes) =>
    Buffer.from(bytes).toString("hex"),
  );
  return [chainId, ...accountNumbers, body, authInfo].join(" ");
}

function withSignatures(tx: Uint8Array, replaced: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const envelope = readEnvelope(tx, MAX_TX_SIGNERS);
  if (envelope === undefined) throw new RangeError("checked before");
  const signatures = envelope.signatures.map((signature, index) => replaced.get(index) ?? signature);
  return writeEnvelope({ ...envelope, signatures });
}

function malformed(path: string, reason: string) {
  const hint = "name a file written with --unsigned";
  return cliError("usage", "TX_FILE_MALFORMED", `${path} holds no transaction to sign: ${reason}`, hint);
}
