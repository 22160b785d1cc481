// Made from src/FlexibilityPosition.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./FlexibilityPosition.json" with { type: "json" };

export interface FlexibilityPositionContract extends BaseContract {
  SETTLER: ConstantContractMethod<[], string>;
  approve: ContractMethod<[to: AddressLike, tokenId: BigNumberish], void, ContractTransactionResponse>;
  balanceOf: ConstantContractMethod<[owner: AddressLike], bigint>;
  burn: ContractMethod<[positionId: BigNumberish], void, ContractTransactionResponse>;
  getApproved: ConstantContractMethod<[tokenId: BigNumberish], string>;
  isApprovedForAll: ConstantContractMethod<[owner: AddressLike, operator: AddressLike], boolean>;
  mint: ContractMethod<[to: AddressLike, positionId: BigNumberish], void, ContractTransactionResponse>;
  name: ConstantContractMethod<[], string>;
  ownerOf: ConstantContractMethod<[tokenId: BigNumberish], string>;
  "safeTransferFrom(address,address,uint256)": ContractMethod<[from: AddressLike, to: AddressLike, tokenId: BigNumberish], void, ContractTransactionResponse>;
  "safeTransferFrom(address,address,uint256,bytes)": ContractMethod<[from: AddressLike, to: AddressLike, tokenId: BigNumberish, data: BytesLike], void, ContractTransactionResponse>;
  setApprovalForAll: ContractMethod<[operator: AddressLike, approved: boolean], void, ContractTransactionResponse>;
  supportsInterface: ConstantContractMethod<[interfaceId: BytesLike], boolean>;
  symbol: ConstantContractMethod<[], string>;
  tokenURI: ConstantContractMethod<[tokenId: BigNumberish], string>;
  transferFrom: ContractMethod<[from: AddressLike, to: AddressLike, tokenId: BigNumberish], void, ContractTransactionResponse>;
}

export interface FlexibilityPositionEvents {
  Approval: { readonly owner: string; readonly approved: string; readonly tokenId: bigint };
  ApprovalForAll: { readonly owner: string; readonly operator: string; readonly approved: boolean };
  Transfer: { readonly from: string; readonly to: string; readonly tokenId: bigint };
}

export const FlexibilityPosition: ContractType<FlexibilityPositionContract, [], FlexibilityPositionEvents> = contractType("FlexibilityPosition", artifact);
