import { decodeCanonical, EMPTY_BYTES, FieldReader, FieldWriter } from "#storage/types/wire.ts";

/** What a signer must know of its account: edream.ledger.v1.Account. */
export interface AccountRecord {
  /** The DeviceKey as it stands in the record; empty until the account's first transaction. */
  readonly publicKey: Uint8Array;
  readonly number: bigint;
  /** Of the next transaction. */
  readonly sequence: bigint;
}

/** A key of at most 33 bytes with its type's name and framing. */
const MAX_ACCOUNT_BYTES = 256;

/** Key of the account's record in the state tree (stateRecords.ts). */
export function accountRecordKey(account: string): Uint8Array {
  return Buffer.from(`account/${account}`);
}

/**
 * The record of an account as a light node gets it with its proof. By hand, so that reading it does not load the protobuf library, and
 * canonical, so that it accepts what encodeRecord writes and nothing else.
 * @throws FormatError
 */
export function decodeAccountRecord(bytes: Uint8Array): AccountRecord {
  return decodeCanonical("Account", MAX_ACCOUNT_BYTES, bytes, read, encode);
}

function read(bytes: Uint8Array): AccountRecord {
  const reader = new FieldReader("Account", bytes);
  let publicKey: Uint8Array = EMPTY_BYTES;
  let number = 0n;
  let sequence = 0n;
  while (reader.next()) {
    if (reader.number === 1) publicKey = reader.bytesUpTo("account.publicKey", MAX_ACCOUNT_BYTES);
    else if (reader.number === 2) number = reader.uint64("account.number");
    else if (reader.number === 3) sequence = reader.uint64("account.sequence");
    else reader.refuse();
  }
  return { publicKey, number, sequence };
}

function encode({ publicKey, number, sequence }: AccountRecord): Uint8Array {
  return new FieldWriter().bytes(1, publicKey).int(2, number).int(3, sequence).finish();
}
