// Made from src/Outbox.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./Outbox.json" with { type: "json" };

export interface OutboxContract extends BaseContract {
  ADMIN_DELAY: ConstantContractMethod<[], bigint>;
  DEFAULT_ADMIN_ROLE: ConstantContractMethod<[], string>;
  EMITTER_ROLE: ConstantContractMethod<[], string>;
  MAX_PAYLOAD_BYTES: ConstantContractMethod<[], bigint>;
  acceptDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  beginDefaultAdminTransfer: ContractMethod<[newAdmin: AddressLike], void, ContractTransactionResponse>;
  cancelDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  chain: ConstantContractMethod<[], [eventNonce: bigint, hash: string] & { readonly eventNonce: bigint; readonly hash: string }>;
  changeDefaultAdminDelay: ContractMethod<[newDelay: BigNumberish], void, ContractTransactionResponse>;
  defaultAdmin: ConstantContractMethod<[], string>;
  defaultAdminDelay: ConstantContractMethod<[], bigint>;
  defaultAdminDelayIncreaseWait: ConstantContractMethod<[], bigint>;
  emitEvent: ContractMethod<[kind: BytesLike, payload: BytesLike], bigint, ContractTransactionResponse>;
  getRoleAdmin: ConstantContractMethod<[role: BytesLike], string>;
  grantRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  hasRole: ConstantContractMethod<[role: BytesLike, account: AddressLike], boolean>;
  owner: ConstantContractMethod<[], string>;
  pendingDefaultAdmin: ConstantContractMethod<[], [newAdmin: string, schedule: bigint] & { readonly newAdmin: string; readonly schedule: bigint }>;
  pendingDefaultAdminDelay: ConstantContractMethod<[], [newDelay: bigint, schedule: bigint] & { readonly newDelay: bigint; readonly schedule: bigint }>;
  renounceRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  revokeRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  rollbackDefaultAdminDelay: ContractMethod<[], void, ContractTransactionResponse>;
  supportsInterface: ConstantContractMethod<[interfaceId: BytesLike], boolean>;
}

export interface OutboxEvents {
  DefaultAdminDelayChangeCanceled: {  };
  DefaultAdminDelayChangeScheduled: { readonly newDelay: bigint; readonly effectSchedule: bigint };
  DefaultAdminTransferCanceled: {  };
  DefaultAdminTransferScheduled: { readonly newAdmin: string; readonly acceptSchedule: bigint };
  OutboxEvent: { readonly eventNonce: bigint; readonly emitter: string; readonly kind: string; readonly payloadHash: string; readonly payload: string };
  RoleAdminChanged: { readonly role: string; readonly previousAdminRole: string; readonly newAdminRole: string };
  RoleGranted: { readonly role: string; readonly account: string; readonly sender: string };
  RoleRevoked: { readonly role: string; readonly account: string; readonly sender: string };
}

export const Outbox: ContractType<OutboxContract, [admin: AddressLike], OutboxEvents> = contractType("Outbox", artifact);
