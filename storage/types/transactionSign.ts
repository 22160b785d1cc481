import type { Unsigned } from "./signEncoded.ts";
import { signEncoded } from "./signEncoded.ts";
import type { LedgerMessage } from "./transactionMessages.ts";
import { encodeMessage, signersOfMessage, typeUrlOf } from "./transactionMessages.ts";

export type UnsignedTransaction = Unsigned<LedgerMessage>;

/**
 * Signs the messages directly (SIGN_MODE_DIRECT) and answers the bytes of TxRaw, as CosmJS would make them.
 * @throws SigningError SIGNING_ACCOUNT_MALFORMED, SIGNING_KEY_MISSING (a message names a signer whose key is not given)
 */
export function signTransaction(unsigned: UnsignedTransaction): Uint8Array {
  const messages = unsigned.messages.map((message) => ({
    typeUrl: typeUrlOf(message.name),
    value: encodeMessage(message),
    signers: signersOfMessage(message),
  }));
  return signEncoded({ ...unsigned, messages });
}
