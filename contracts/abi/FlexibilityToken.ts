// Made from src/FlexibilityToken.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./FlexibilityToken.json" with { type: "json" };

export interface FlexibilityTokenContract extends BaseContract {
  SETTLER: ConstantContractMethod<[], string>;
  allowance: ConstantContractMethod<[owner: AddressLike, spender: AddressLike], bigint>;
  approve: ContractMethod<[spender: AddressLike, value: BigNumberish], boolean, ContractTransactionResponse>;
  balanceOf: ConstantContractMethod<[account: AddressLike], bigint>;
  burn: ContractMethod<[amount: BigNumberish], void, ContractTransactionResponse>;
  decimals: ConstantContractMethod<[], bigint>;
  mint: ContractMethod<[to: AddressLike, amount: BigNumberish], void, ContractTransactionResponse>;
  name: ConstantContractMethod<[], string>;
  symbol: ConstantContractMethod<[], string>;
  totalSupply: ConstantContractMethod<[], bigint>;
  transfer: ContractMethod<[to: AddressLike, value: BigNumberish], boolean, ContractTransactionResponse>;
  transferFrom: ContractMethod<[from: AddressLike, to: AddressLike, value: BigNumberish], boolean, ContractTransactionResponse>;
}

export interface FlexibilityTokenEvents {
  Approval: { readonly owner: string; readonly spender: string; readonly value: bigint };
  Transfer: { readonly from: string; readonly to: string; readonly value: bigint };
}

export const FlexibilityToken: ContractType<FlexibilityTokenContract, [], FlexibilityTokenEvents> = contractType("FlexibilityToken", artifact);
