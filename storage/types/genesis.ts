import type { PublicKey } from "../crypto/keys.ts";
import type { ConsensusParams } from "./params.ts";
import type { Timestamp } from "./time.ts";

export interface GenesisValidator {
  readonly address: Uint8Array;
  readonly publicKey: PublicKey;
  readonly power: bigint;
  readonly name: string;
}

/** The file every node of a network starts from (CometBFT genesis.json); `appState` is the ledger application's own JSON. */
export interface Genesis {
  readonly genesisTime: Timestamp;
  readonly chainId: string;
  readonly initialHeight: number;
  readonly consensusParams: ConsensusParams;
  readonly validators: readonly GenesisValidator[];
  readonly appHash: Uint8Array;
  readonly appState: unknown;
}
