// Made from harness/ReentrantReceiver.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../../contractType.ts";
import artifact from "./ReentrantReceiver.json" with { type: "json" };

export interface ReentrantReceiverContract extends BaseContract {
  callback: ConstantContractMethod<[], string>;
  callee: ConstantContractMethod<[], string>;
  execute: ContractMethod<[to: AddressLike, value: BigNumberish, data: BytesLike], string, ContractTransactionResponse>;
  hasCalled: ConstantContractMethod<[], boolean>;
  hasSucceeded: ConstantContractMethod<[], boolean>;
  isRefusing: ConstantContractMethod<[], boolean>;
  prepare: ContractMethod<[newCallee: AddressLike, newCallback: BytesLike, refuses: boolean], void, ContractTransactionResponse>;
}

export interface ReentrantReceiverEvents {

}

export const ReentrantReceiver: ContractType<ReentrantReceiverContract, [], ReentrantReceiverEvents> = contractType("ReentrantReceiver", artifact);
