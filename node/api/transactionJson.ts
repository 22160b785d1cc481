import { decodeTransaction } from "#storage/types/transaction.ts";
import { hex } from "./json.ts";
import { plain } from "./plainJson.ts";

/**
 * What a transaction says: its messages with bytes in hex and 64-bit quantities as decimal texts, its signers and its memo.
 * Bytes that are no transaction (a block may hold them, they just take no effect) answer no messages and the reason.
 */
export function transactionJson(txBytes: Uint8Array): TransactionView {
  const decoded = decodeTransaction(txBytes);
  if (!decoded.accepted)
    return { messages: [], signers: [], memo: "", timeoutHeight: 0, malformed: `${decoded.code}: ${decoded.reason}` };
  const { messages, signers, memo, timeoutHeight } = decoded.tx;
  return {
    messages: messages.map(({ name, value }) => ({ type: name, ...(plain(value) as object) })),
    signers: signers.map(({ account, publicKey, sequence }) => ({
      account,
      publicKey: { type: publicKey.type, bytes: hex(publicKey.bytes) },
      sequence: sequence.toString(),
    })),
    memo,
    timeoutHeight,
  };
}

export interface TransactionView {
  readonly messages: readonly MessageView[];
  readonly signers: readonly {
    readonly account: string;
    readonly publicKey: { readonly type: string; readonly bytes: string };
    readonly sequence: string;
  }[];
  readonly memo: string;
  readonly timeoutHeight: number;
  readonly malformed?: string;
}

export interface MessageView {
  readonly type: string;
  readonly [field: string]: unknown;
}
