import { sha256 } from "#storage/crypto/hash.ts";
import { formatGenesis, type Genesis } from "#storage/types/genesis.ts";

/** SHA256 of genesis.json in the one form `formatGenesis` writes, 32 bytes: the salt of every signature for Ethereum. */
export function ledgerIdOf(genesis: Genesis): Uint8Array {
  return sha256(Buffer.from(formatGenesis(genesis), "utf8"));
}
