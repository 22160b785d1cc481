// Made from harness/KilobyteStore.sol by `npm run contracts:build`; not to be edited.
import type { BaseContract, BytesLike, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../../contractType.ts";
import artifact from "./KilobyteStore.json" with { type: "json" };

export interface KilobyteStoreContract extends BaseContract {
  hashOnly: ContractMethod<[data: BytesLike], void, ContractTransactionResponse>;
  store: ContractMethod<[words: readonly BytesLike[]], void, ContractTransactionResponse>;
}

export interface KilobyteStoreEvents {
  Kept: { readonly hash: string };
}

export const KilobyteStore: ContractType<KilobyteStoreContract, [], KilobyteStoreEvents> = contractType("KilobyteStore", artifact);
