import { sha256 } from "../crypto/hash.ts";
import type { PublicKey } from "../crypto/keys.ts";
import { MAX_MEMO_BYTES, MAX_TX_BYTES, MAX_TX_MESSAGES, MAX_TX_SIGNERS } from "../limits.ts";
import type { AuthInfo, Fee, SignerInfo, TxBody } from "../proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import { AuthInfoSchema, TxBodySchema } from "../proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import type { StrictDecodeFault } from "../proto/strictDecode.ts";
import { decodeStrict } from "../proto/strictDecode.ts";
import { SIGN_MODE_DIRECT, signBytes } from "./signEncoded.ts";
import { accountOfKey, canonicalAccount, isKeyOfAccount } from "./transactionAccounts.ts";
import { readEnvelope } from "./transactionEnvelope.ts";
import { readPublicKey } from "./transactionKeys.ts";
import type { LedgerMessage } from "./transactionMessages.ts";
import { MESSAGE_SCHEMAS, messageNameOf, signersOfMessage } from "./transactionMessages.ts";

/** A decoded transaction: well-formed and within the limits; nothing is said about its signatures or its sense. */
export interface Transaction {
  /** 32 bytes: SHA256 of the TxRaw bytes. */
  readonly id: Uint8Array;
  readonly sizeBytes: number;
  /** As signed; views of the transaction's bytes, like every byte field of the messages. */
  readonly bodyBytes: Uint8Array;
  readonly authInfoBytes: Uint8Array;
  readonly messages: readonly LedgerMessage[];
  readonly memo: string;
  /** The last height at which the transaction may be executed; 0 for no limit. */
  readonly timeoutHeight: number;
  /** In the order in which the messages first name them; the first one's quota is charged. */
  readonly signers: readonly TransactionSigner[];
}

export interface TransactionSigner {
  /** bech32; always the account of `publicKey`. */
  readonly account: string;
  readonly publicKey: PublicKey;
  readonly sequence: bigint;
  readonly signature: Uint8Array;
}

/** One signature to check: what the verifier needs, with no state behind it. */
export interface SignatureCheck {
  readonly publicKey: PublicKey;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

export type TransactionCode =
  | "TX_TOO_LARGE"
  | "TX_MALFORMED"
  | "TX_NOT_CANONICAL"
  | "TX_UNKNOWN_FIELD"
  | "TX_LIMIT_EXCEEDED"
  | "TX_NO_MESSAGES"
  | "TX_MESSAGE_UNKNOWN"
  | "TX_SIGN_MODE_UNSUPPORTED"
  | "TX_FEE_REFUSED"
  | "TX_PUBLIC_KEY_INVALID"
  | "TX_ACCOUNT_MALFORMED"
  | "TX_SIGNERS_MISMATCH";

export type DecodedTransaction =
  | { readonly accepted: true; readonly tx: Transaction }
  | { readonly accepted: false; readonly code: TransactionCode; readonly reason: string };

/** 32 bytes: SHA256 of the TxRaw bytes, as in CometBFT. */
export function txId(txBytes: Uint8Array): Uint8Array {
  return sha256(txBytes);
}

/**
 * Decodes the bytes of one transaction. `id`: their SHA256, where the caller has it already. Checks in this order, the cheapest first; never throws:
 *   a) at most MAX_TX_BYTES (TX_TOO_LARGE)
 *   b) the envelope is TxRaw in its one canonical encoding (TX_NOT_CANONICAL): it is not signed, and another spelling of it
 *      would be the same transaction under another id
 *   c) body and auth info decode, without unknown or repeated fields (TX_MALFORMED, TX_UNKNOWN_FIELD, TX_LIMIT_EXCEEDED)
 *   d) counts and lengths are within storage/limits.ts (TX_LIMIT_EXCEEDED, TX_NO_MESSAGES)
 *   e) no fee is offered: the ledger has quotas instead, and money must not seem to be taken (TX_FEE_REFUSED)
 *   f) every message is known and decodes like c) (TX_MESSAGE_UNKNOWN)
 *   g) the messages name accounts as signers (TX_ACCOUNT_MALFORMED), as many as signed (TX_SIGNERS_MISMATCH)
 *   h) each of them, in order of appearance, signs directly with its own key (TX_SIGN_MODE_UNSUPPORTED, TX_PUBLIC_KEY_INVALID,
 *      TX_SIGNERS_MISMATCH)
 */
export function decodeTransaction(bytes: Uint8Array, id?: Uint8Array): DecodedTransaction {
  if (bytes.length > MAX_TX_BYTES) return refuse("TX_TOO_LARGE", `${bytes.length} bytes, at most ${MAX_TX_BYTES}`);
  const envelope = readEnvelope(bytes, MAX_TX_SIGNERS);
  if (envelope === undefined) return refuse("TX_NOT_CANONICAL", "not TxRaw in canonical form");
  const body = decodeStrict(TxBodySchema, envelope.bodyBytes);
  if ("fault" in body) return refuseFault(body.fault, "TxBody");
  const authInfo = decodeStrict(AuthInfoSchema, envelope.authInfoBytes);
  if ("fault" in authInfo) return refuseFault(authInfo.fault, "AuthInfo");

  const limits = checkLimits(body.message, authInfo.message, envelope.signatures.length);
  if (limits !== undefined) return limits;
  if (isFeeOffered(authInfo.message.fee))
    return refuse("TX_FEE_REFUSED", "this ledger takes no fees: leave amount empty");

  const messages: LedgerMessage[] = [];
  for (const any of body.message.messages) {
    const name = messageNameOf(any.typeUrl);
    if (name === undefined)
      return refuse("TX_MESSAGE_UNKNOWN", `no message ${JSON.stringify(any.typeUrl.slice(0, 80))}`);
    const decoded = decodeStrict(MESSAGE_SCHEMAS[name], any.value);
    if ("fault" in decoded) return refuseFault(decoded.fault, name);
    messages.push({ name, value: decoded.message } as LedgerMessage);
  }

  const accounts = accountsOfSigners(messages);
  if ("accepted" in accounts) return accounts;
  const { signerInfos } = authInfo.message;
  if (accounts.length !== signerInfos.length)
    return refuse("TX_SIGNERS_MISMATCH", `the messages need ${accounts.length} signers, ${signerInfos.length} signed`);
  const signers: TransactionSigner[] = [];
  for (const [index, account] of accounts.entries()) {
    const info = signerInfos[index] as SignerInfo;
    const signer = readSigner(account, info, envelope.signatures[index] as Uint8Array);
    if ("accepted" in signer) return signer;
    signers.push(signer);
  }

  const tx: Transaction = {
    id: id ?? txId(bytes),
    sizeBytes: bytes.length,
    bodyBytes: envelope.bodyBytes,
    authInfoBytes: envelope.authInfoBytes,
    messages,
    memo: body.message.memo,
    timeoutHeight: Number(body.message.timeoutHeight),
    signers,
  };
  return { accepted: true, tx };
}

/** What must hold for this signer to have signed; the account number is part of what was signed. */
export function signatureCheckOf(
  tx: Transaction,
  { publicKey, signature }: TransactionSigner,
  chainId: string,
  accountNumber: bigint,
): SignatureCheck {
  return { publicKey, message: signBytes(tx.bodyBytes, tx.authInfoBytes, chainId, accountNumber), signature };
}

type Refusal = Extract<DecodedTransaction, { accepted: false }>;

function refuse(code: TransactionCode, reason: string): Refusal {
  return { accepted: false, code, reason };
}

const FAULTS: Record<StrictDecodeFault, readonly [TransactionCode, string]> = {
  malformed: ["TX_MALFORMED", "is not valid protobuf"],
  unknownField: ["TX_UNKNOWN_FIELD", "has an unknown field"],
  repeatedField: ["TX_MALFORMED", "gives a singular field twice"],
  tooManyEntries: ["TX_LIMIT_EXCEEDED", "has too many entries in a list"],
};

function refuseFault(fault: StrictDecodeFault, where: string): Refusal {
  const [code, what] = FAULTS[fault];
  return refuse(code, `${where} ${what}`);
}

function checkLimits(body: TxBody, authInfo: AuthInfo, signatures: number): Refusal | undefined {
  if (body.messages.length === 0) return refuse("TX_NO_MESSAGES", "a transaction carries at least one message");
  if (body.messages.length > MAX_TX_MESSAGES)
    return refuse("TX_LIMIT_EXCEEDED", `${body.messages.length} messages, at most ${MAX_TX_MESSAGES}`);
  if (Buffer.byteLength(body.memo) > MAX_MEMO_BYTES)
    return refuse("TX_LIMIT_EXCEEDED", `memo longer than ${MAX_MEMO_BYTES} bytes`);
  if (body.timeoutHeight > BigInt(Number.MAX_SAFE_INTEGER))
    return refuse("TX_LIMIT_EXCEEDED", "timeout height beyond 2^53 - 1");
  const signers = authInfo.signerInfos.length;
  if (signers > MAX_TX_SIGNERS) return refuse("TX_LIMIT_EXCEEDED", `${signers} signers, at most ${MAX_TX_SIGNERS}`);
  if (signers !== signatures)
    return refuse("TX_SIGNERS_MISMATCH", `${signers} signer infos and ${signatures} signatures`);
  return undefined;
}

/** CosmJS always sends a fee with a gas limit; a zero amount is not an offer. */
function isFeeOffered(fee: Fee | undefined): boolean {
  if (fee === undefined) return false;
  return fee.payer !== "" || fee.granter !== "" || fee.amount.some((coin) => !/^0*$/.test(coin.amount));
}

function readSigner(account: string, info: SignerInfo, signature: Uint8Array): TransactionSigner | Refusal {
  if (info.modeInfo?.single?.mode !== SIGN_MODE_DIRECT)
    return refuse("TX_SIGN_MODE_UNSUPPORTED", "only SIGN_MODE_DIRECT is supported");
  const { publicKey: any } = info;
  const publicKey = any === undefined ? undefined : readPublicKey(any.typeUrl, any.value);
  if (publicKey === undefined)
    return refuse("TX_PUBLIC_KEY_INVALID", "a signer needs its secp256k1 (33 bytes) or Ed25519 (32 bytes) public key");
  if (!isKeyOfAccount(publicKey, account))
    return refuse("TX_SIGNERS_MISMATCH", `the messages name ${account}, ${accountOfKey(publicKey)} signed`);
  return { account, publicKey, sequence: info.sequence, signature };
}

/** The distinct signers of the messages, in the order in which they appear. */
function accountsOfSigners(messages: readonly LedgerMessage[]): string[] | Refusal {
  const accounts: string[] = [];
  // A concentrator's 400 messages all spell the same signer: the text is looked up once.
  let lastText: string | undefined;
  for (const message of messages) {
    for (const text of signersOfMessage(message)) {
      if (text === lastText) continue;
      lastText = text;
      const account = canonicalAccount(text);
      if (account === undefined)
        return refuse("TX_ACCOUNT_MALFORMED", `${message.name}: no account ${JSON.stringify(text.slice(0, 80))}`);
      if (accounts.includes(account)) continue;
      accounts.push(account);
      if (accounts.length > MAX_TX_SIGNERS)
        return refuse("TX_LIMIT_EXCEEDED", `the messages name more than ${MAX_TX_SIGNERS} signers`);
    }
  }
  return accounts.length > 0 ? accounts : refuse("TX_SIGNERS_MISMATCH", "no message names a signer");
}
