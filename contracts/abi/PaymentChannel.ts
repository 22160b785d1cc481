// Made from src/PaymentChannel.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./PaymentChannel.json" with { type: "json" };

export interface ChannelOutput {
  readonly payer: string;
  readonly expires: bigint;
  readonly isOpen: boolean;
  readonly payee: string;
  readonly deposit: bigint;
  readonly claimed: bigint;
}

export interface PaymentChannelContract extends BaseContract {
  MAX_VALIDITY: ConstantContractMethod<[], bigint>;
  VOUCHER_TYPEHASH: ConstantContractMethod<[], string>;
  channelOf: ConstantContractMethod<[channelId: BigNumberish], ChannelOutput>;
  claim: ContractMethod<[channelId: BigNumberish, amount: BigNumberish, signature: BytesLike], void, ContractTransactionResponse>;
  claimAndClose: ContractMethod<[channelId: BigNumberish, amount: BigNumberish, signature: BytesLike], void, ContractTransactionResponse>;
  close: ContractMethod<[channelId: BigNumberish], void, ContractTransactionResponse>;
  credit: ConstantContractMethod<[account: AddressLike], bigint>;
  eip712Domain: ConstantContractMethod<[], [fields: string, name: string, version: string, chainId: bigint, verifyingContract: string, salt: string, extensions: readonly bigint[]] & { readonly fields: string; readonly name: string; readonly version: string; readonly chainId: bigint; readonly verifyingContract: string; readonly salt: string; readonly extensions: readonly bigint[] }>;
  extend: ContractMethod<[channelId: BigNumberish, expires: BigNumberish], void, ContractTransactionResponse>;
  lastChannelId: ConstantContractMethod<[], bigint>;
  open: ContractMethod<[payee: AddressLike, expires: BigNumberish], bigint, ContractTransactionResponse>;
  reclaim: ContractMethod<[channelId: BigNumberish], void, ContractTransactionResponse>;
  topUp: ContractMethod<[channelId: BigNumberish], void, ContractTransactionResponse>;
  totalCredit: ConstantContractMethod<[], bigint>;
  voucherDigest: ConstantContractMethod<[channelId: BigNumberish, amount: BigNumberish], string>;
  withdraw: ContractMethod<[to: AddressLike], void, ContractTransactionResponse>;
}

export interface PaymentChannelEvents {
  Claimed: { readonly channelId: bigint; readonly amount: bigint; readonly claimed: bigint };
  Closed: { readonly channelId: bigint; readonly claimed: bigint; readonly returned: bigint };
  EIP712DomainChanged: {  };
  Extended: { readonly channelId: bigint; readonly expires: bigint };
  Opened: { readonly channelId: bigint; readonly payer: string; readonly payee: string; readonly deposit: bigint; readonly expires: bigint };
  ToppedUp: { readonly channelId: bigint; readonly amount: bigint; readonly deposit: bigint };
  Withdrawn: { readonly account: string; readonly to: string; readonly amount: bigint };
}

export const PaymentChannel: ContractType<PaymentChannelContract, [], PaymentChannelEvents> = contractType("PaymentChannel", artifact);
