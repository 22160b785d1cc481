// Made from src/Bridge.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./Bridge.json" with { type: "json" };

export interface TxProofInput {
  readonly blockProof: BlockProofInput;
  readonly index: BigNumberish;
  readonly path: readonly BytesLike[];
}

export interface BlockProofInput {
  readonly anchor: AnchorInput;
  readonly leaf: BlockLeafInput;
  readonly path: readonly BytesLike[];
}

export interface AnchorInput {
  readonly seq: BigNumberish;
  readonly valsetNonce: BigNumberish;
  readonly fromHeight: BigNumberish;
  readonly toHeight: BigNumberish;
  readonly time: BigNumberish;
  readonly lastHeaderHash: BytesLike;
  readonly root: BytesLike;
}

export interface BlockLeafInput {
  readonly height: BigNumberish;
  readonly time: BigNumberish;
  readonly txCount: BigNumberish;
  readonly messageCount: BigNumberish;
  readonly txRoot: BytesLike;
  readonly messageRoot: BytesLike;
  readonly appHash: BytesLike;
}

export interface MessageProofInput {
  readonly blockProof: BlockProofInput;
  readonly txId: BytesLike;
  readonly messageIndex: BigNumberish;
  readonly index: BigNumberish;
  readonly path: readonly BytesLike[];
}

export interface StateProofInput {
  readonly blockProof: BlockProofInput;
  readonly stateRoot: BytesLike;
  readonly mountainRoot: BytesLike;
  readonly ancestorCount: BigNumberish;
  readonly siblings: readonly BytesLike[];
}

export interface BridgeContract extends BaseContract {
  LEDGER_ID: ConstantContractMethod<[], string>;
  MAX_AHEAD_MS: ConstantContractMethod<[], bigint>;
  MAX_ANCHOR_BLOCKS: ConstantContractMethod<[], bigint>;
  MAX_ROTATION_DELAY: ConstantContractMethod<[], bigint>;
  MIN_ROTATION_DELAY: ConstantContractMethod<[], bigint>;
  RECOVERY_SILENCE: ConstantContractMethod<[], bigint>;
  RECOVERY_TIMELOCK: ConstantContractMethod<[], bigint>;
  acceptOwnership: ContractMethod<[], void, ContractTransactionResponse>;
  anchorHash: ConstantContractMethod<[seq: BigNumberish], string>;
  cancelRecovery: ContractMethod<[], void, ContractTransactionResponse>;
  consumeTx: ContractMethod<[txId: BytesLike, proof: TxProofInput], [height: bigint, time: bigint] & { readonly height: bigint; readonly time: bigint }, ContractTransactionResponse>;
  domainSeparator: ConstantContractMethod<[], string>;
  eip712Domain: ConstantContractMethod<[], [fields: string, name: string, version: string, chainId: bigint, verifyingContract: string, salt: string, extensions: readonly bigint[]] & { readonly fields: string; readonly name: string; readonly version: string; readonly chainId: bigint; readonly verifyingContract: string; readonly salt: string; readonly extensions: readonly bigint[] }>;
  executeRecovery: ContractMethod<[valset: BytesLike], void, ContractTransactionResponse>;
  head: ConstantContractMethod<[], [seq: bigint, toHeight: bigint, time: bigint, valsetNonce: bigint, heardAt: bigint] & { readonly seq: bigint; readonly toHeight: bigint; readonly time: bigint; readonly valsetNonce: bigint; readonly heardAt: bigint }>;
  isConsumed: ConstantContractMethod<[consumer: AddressLike, txId: BytesLike], boolean>;
  owner: ConstantContractMethod<[], string>;
  pendingOwner: ConstantContractMethod<[], string>;
  proposeRecovery: ContractMethod<[valset: BytesLike], void, ContractTransactionResponse>;
  recovery: ConstantContractMethod<[], [valsetHash: string, proposedAt: bigint] & { readonly valsetHash: string; readonly proposedAt: bigint }>;
  renounceOwnership: ContractMethod<[], void, ContractTransactionResponse>;
  setFrozen: ContractMethod<[nonce: BigNumberish, on: boolean, valset: BytesLike, signers: BigNumberish, signatures: BytesLike], void, ContractTransactionResponse>;
  status: ConstantContractMethod<[], [totalPower: bigint, effectiveHeight: bigint, rotatedAt: bigint, freezeNonce: bigint, frozen: boolean] & { readonly totalPower: bigint; readonly effectiveHeight: bigint; readonly rotatedAt: bigint; readonly freezeNonce: bigint; readonly frozen: boolean }>;
  submitAnchor: ContractMethod<[anchor: AnchorInput, valset: BytesLike, signers: BigNumberish, signatures: BytesLike], void, ContractTransactionResponse>;
  transferOwnership: ContractMethod<[newOwner: AddressLike], void, ContractTransactionResponse>;
  updateValset: ContractMethod<[nonce: BigNumberish, effectiveHeight: BigNumberish, nextValset: BytesLike, valset: BytesLike, signers: BigNumberish, signatures: BytesLike], void, ContractTransactionResponse>;
  valsetHash: ConstantContractMethod<[], string>;
  verifyMessage: ConstantContractMethod<[typeUrl: BytesLike, message: BytesLike, proof: MessageProofInput], [height: bigint, time: bigint] & { readonly height: bigint; readonly time: bigint }>;
  verifyState: ConstantContractMethod<[key: BytesLike, value: BytesLike, proof: StateProofInput], [height: bigint, time: bigint] & { readonly height: bigint; readonly time: bigint }>;
  verifyTx: ConstantContractMethod<[txId: BytesLike, proof: TxProofInput], [height: bigint, time: bigint] & { readonly height: bigint; readonly time: bigint }>;
}

export interface BridgeEvents {
  Anchored: { readonly seq: bigint; readonly fromHeight: bigint; readonly toHeight: bigint; readonly valsetNonce: bigint; readonly time: bigint; readonly lastHeaderHash: string; readonly root: string };
  FreezeChanged: { readonly nonce: bigint; readonly on: boolean };
  OwnershipTransferStarted: { readonly previousOwner: string; readonly newOwner: string };
  OwnershipTransferred: { readonly previousOwner: string; readonly newOwner: string };
  Recovered: { readonly valsetNonce: bigint; readonly valsetHash: string };
  RecoveryCancelled: { readonly valsetHash: string };
  RecoveryProposed: { readonly valsetHash: string; readonly executableAt: bigint };
  TxConsumed: { readonly consumer: string; readonly txId: string; readonly height: bigint };
  ValsetUpdated: { readonly nonce: bigint; readonly effectiveHeight: bigint; readonly totalPower: bigint; readonly valsetHash: string; readonly valset: string };
}

export const Bridge: ContractType<BridgeContract, [ledgerId: BytesLike, initialHeight: BigNumberish, minRotationDelay: BigNumberish, valset: BytesLike, recoveryOwner: AddressLike], BridgeEvents> = contractType("Bridge", artifact);
