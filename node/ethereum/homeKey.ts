import { ethereumAddressOf } from "#bridge/evm/keys.ts";
import type { PublicKey } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";

/** What is public of the key that somebody acts with: one secp256k1 key is an account on the ledger and on Ethereum. */
export interface HomeKey {
  /** 0x and hex, with its checksum. */
  readonly address: string;
  /** edream1… */
  readonly account: string;
  /** Compressed, 33 bytes, hex. */
  readonly publicKey: string;
}

/** @throws EvmError EVM_KEY_TYPE */
export function homeKeyOf(publicKey: PublicKey): HomeKey {
  return {
    address: ethereumAddressOf(publicKey),
    account: accountOfKey(publicKey),
    publicKey: Buffer.from(publicKey.bytes).toString("hex"),
  };
}
