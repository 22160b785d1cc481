import { sha256 } from "#storage/crypto/hash.ts";
import { MAX_TX_SIGNERS } from "#storage/limits.ts";
import { txId } from "#storage/types/transaction.ts";
import { readEnvelope } from "#storage/types/transactionEnvelope.ts";
import { FieldReader } from "#storage/types/wire.ts";
import { BridgeError } from "./bridgeError.ts";

/** One message of a transaction, as signed. */
export interface BlockMessage {
  /** 32 bytes. */
  readonly txId: Uint8Array;
  /** Its place in the transaction, from 0. */
  readonly messageIndex: number;
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

const ITEM_BYTES = 100;
const MAX_TYPE_URL_BYTES = 256;

/**
 * The messages of a transaction that the ledger has executed, with the bytes its signer signed. TxBody {messages = 1}, Any {type_url = 1, value = 2};
 * the other fields, in whatever order the ledger has taken them, are passed over.
 * @throws BridgeError BRIDGE_TX_UNREADABLE for what cannot have succeeded; FormatError
 */
export function messagesOf(tx: Uint8Array): readonly BlockMessage[] {
  const envelope = readEnvelope(tx, MAX_TX_SIGNERS);
  const id = txId(tx);
  if (envelope === undefined) throw new BridgeError({ code: "BRIDGE_TX_UNREADABLE", txId: id });
  const messages: BlockMessage[] = [];
  const body = new FieldReader("txBody", envelope.bodyBytes);
  while (body.next())
    if (body.number === 1) messages.push({ txId: id, messageIndex: messages.length, ...readAny(body.message()) });
    else body.skip();
  return messages;
}

function readAny(bytes: Uint8Array): Pick<BlockMessage, "typeUrl" | "value"> {
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  const any = new FieldReader("any", bytes);
  while (any.next())
    if (any.number === 1) typeUrl = any.text("any.typeUrl", MAX_TYPE_URL_BYTES);
    else if (any.number === 2) value = any.message();
    else any.refuse();
  return { typeUrl, value };
}

/** transaction id ‖ uint32 place ‖ SHA256(type url) ‖ SHA256(message), 100 bytes: the item of the message tree. */
export function messageItem({ txId: id, messageIndex, typeUrl, value }: BlockMessage): Uint8Array {
  const item = Buffer.alloc(ITEM_BYTES);
  item.set(id, 0);
  item.writeUInt32BE(messageIndex, 32);
  item.set(sha256(Buffer.from(typeUrl, "utf8")), 36);
  item.set(sha256(value), 68);
  return new Uint8Array(item);
}
