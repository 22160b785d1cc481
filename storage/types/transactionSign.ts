import type { SignableParts, SigningParty, TransactionBody, Unsigned, UnsignedMessage } from "./signEncoded.ts";
import { encodeSignable, signEncoded } from "./signEncoded.ts";
import type { LedgerMessage } from "./transactionMessages.ts";
import { encodeMessage, signersOfMessage, typeUrlOf } from "./transactionMessages.ts";

export type UnsignedTransaction = Unsigned<LedgerMessage>;

/**
 * Signs the messages directly (SIGN_MODE_DIRECT) and answers the bytes of TxRaw, as CosmJS would make them.
 * @throws SigningError SIGNING_ACCOUNT_MALFORMED, SIGNING_KEY_MISSING (a message names a signer whose key is not given)
 */
export function signTransaction(unsigned: UnsignedTransaction): Uint8Array {
  return signEncoded({ ...unsigned, messages: unsigned.messages.map(encoded) });
}

/** What all signers of these messages sign; the parties are the messages' signers in any order. @throws SigningError as signTransaction */
export function signableParts<P extends SigningParty>(
  body: TransactionBody<LedgerMessage>,
  parties: readonly P[],
): SignableParts<P> {
  return encodeSignable({ ...body, messages: body.messages.map(encoded) }, parties);
}

function encoded(message: LedgerMessage): UnsignedMessage {
  return { typeUrl: typeUrlOf(message.name), value: encodeMessage(message), signers: signersOfMessage(message) };
}
