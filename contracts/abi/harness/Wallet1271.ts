// Made from harness/Wallet1271.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../../contractType.ts";
import artifact from "./Wallet1271.json" with { type: "json" };

export interface Wallet1271Contract extends BaseContract {
  OWNER: ConstantContractMethod<[], string>;
  execute: ContractMethod<[to: AddressLike, value: BigNumberish, data: BytesLike], void, ContractTransactionResponse>;
  isValidSignature: ConstantContractMethod<[hash: BytesLike, signature: BytesLike], string>;
}

export interface Wallet1271Events {

}

export const Wallet1271: ContractType<Wallet1271Contract, [owner: AddressLike], Wallet1271Events> = contractType("Wallet1271", artifact);
