// Made from src/DeviceRegistry.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./DeviceRegistry.json" with { type: "json" };

export interface StateProofInput {
  readonly blockProof: BlockProofInput;
  readonly stateRoot: BytesLike;
  readonly mountainRoot: BytesLike;
  readonly ancestorCount: BigNumberish;
  readonly siblings: readonly BytesLike[];
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

export interface CertificateOutput {
  readonly kind: bigint;
  readonly keyType: bigint;
  readonly isRevoked: boolean;
  readonly issuerId: bigint;
  readonly notBefore: bigint;
  readonly notAfter: bigint;
  readonly account: string;
  readonly deviceId: string;
  readonly publicKey: string;
}

export interface ConfigurationOutput {
  readonly configHash: string;
  readonly schemaIdHash: string;
  readonly schemaVersion: bigint;
  readonly level: bigint;
  readonly outcome: bigint;
  readonly code: bigint;
  readonly setAt: bigint;
  readonly acknowledgedAt: bigint;
  readonly checker: string;
}

export interface DeviceOutput {
  readonly certificateId: bigint;
  readonly administratorId: bigint;
  readonly nextAdministratorId: bigint;
  readonly version: bigint;
}

export interface IssuerOutput {
  readonly account: string;
  readonly parentId: bigint;
  readonly isRevoked: boolean;
}

export interface NewConfigurationInput {
  readonly deviceId: BytesLike;
  readonly version: BigNumberish;
  readonly configHash: BytesLike;
  readonly schemaId: string;
  readonly schemaVersion: BigNumberish;
  readonly level: BigNumberish;
  readonly checker: AddressLike;
  readonly attestation: BytesLike;
}

export interface DeviceRegistryContract extends BaseContract {
  ACKNOWLEDGEMENT_TYPEHASH: ConstantContractMethod<[], string>;
  ADMIN_DELAY: ConstantContractMethod<[], bigint>;
  ATTESTATION_TYPEHASH: ConstantContractMethod<[], string>;
  CHECKER_ROLE: ConstantContractMethod<[], string>;
  DEFAULT_ADMIN_ROLE: ConstantContractMethod<[], string>;
  MAX_ISSUER_DEPTH: ConstantContractMethod<[], bigint>;
  MAX_METER_ID_BYTES: ConstantContractMethod<[], bigint>;
  MAX_SCHEMA_ID_BYTES: ConstantContractMethod<[], bigint>;
  MAX_VALIDITY: ConstantContractMethod<[], bigint>;
  OUTBOX: ConstantContractMethod<[], string>;
  READER: ConstantContractMethod<[], string>;
  acceptAdministrator: ContractMethod<[deviceId: BytesLike], void, ContractTransactionResponse>;
  acceptDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  acknowledge: ContractMethod<[deviceId: BytesLike, version: BigNumberish, isApplied: boolean, code: BigNumberish, signature: BytesLike], void, ContractTransactionResponse>;
  acknowledgeByLedger: ContractMethod<[meterId: string, version: BigNumberish, record: BytesLike, proof: StateProofInput], void, ContractTransactionResponse>;
  acknowledgementDigest: ConstantContractMethod<[deviceId: BytesLike, version: BigNumberish, configHash: BytesLike, isApplied: boolean, code: BigNumberish], string>;
  appointIssuer: ContractMethod<[account: AddressLike], bigint, ContractTransactionResponse>;
  attestationDigest: ConstantContractMethod<[deviceId: BytesLike, version: BigNumberish, configHash: BytesLike, schemaIdHash: BytesLike, schemaVersion: BigNumberish], string>;
  beginDefaultAdminTransfer: ContractMethod<[newAdmin: AddressLike], void, ContractTransactionResponse>;
  cancelDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  certificateOf: ConstantContractMethod<[certificateId: BigNumberish], CertificateOutput>;
  certificateStatus: ConstantContractMethod<[certificateId: BigNumberish], bigint>;
  changeDefaultAdminDelay: ContractMethod<[newDelay: BigNumberish], void, ContractTransactionResponse>;
  configurationOf: ConstantContractMethod<[deviceId: BytesLike, version: BigNumberish], ConfigurationOutput>;
  defaultAdmin: ConstantContractMethod<[], string>;
  defaultAdminDelay: ConstantContractMethod<[], bigint>;
  defaultAdminDelayIncreaseWait: ConstantContractMethod<[], bigint>;
  deviceIdOf: ConstantContractMethod<[meterId: string], string>;
  deviceOf: ConstantContractMethod<[deviceId: BytesLike], DeviceOutput>;
  deviceStatus: ConstantContractMethod<[deviceId: BytesLike], bigint>;
  eip712Domain: ConstantContractMethod<[], [fields: string, name: string, version: string, chainId: bigint, verifyingContract: string, salt: string, extensions: readonly bigint[]] & { readonly fields: string; readonly name: string; readonly version: string; readonly chainId: bigint; readonly verifyingContract: string; readonly salt: string; readonly extensions: readonly bigint[] }>;
  getRoleAdmin: ConstantContractMethod<[role: BytesLike], string>;
  grantRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  hasRole: ConstantContractMethod<[role: BytesLike, account: AddressLike], boolean>;
  isIssuer: ConstantContractMethod<[account: AddressLike], boolean>;
  issueAdministrator: ContractMethod<[account: AddressLike, notBefore: BigNumberish, notAfter: BigNumberish], bigint, ContractTransactionResponse>;
  issueDevice: ContractMethod<[meterId: string, keyType: BigNumberish, publicKey: BytesLike, notBefore: BigNumberish, notAfter: BigNumberish, administratorId: BigNumberish], bigint, ContractTransactionResponse>;
  issuerIdOf: ConstantContractMethod<[account: AddressLike], bigint>;
  issuerOf: ConstantContractMethod<[issuerId: BigNumberish], IssuerOutput>;
  lastCertificateId: ConstantContractMethod<[], bigint>;
  lastIssuerId: ConstantContractMethod<[], bigint>;
  mirror: ContractMethod<[meterId: string, record: BytesLike, proof: StateProofInput], void, ContractTransactionResponse>;
  mirrorOf: ConstantContractMethod<[deviceId: BytesLike], [timeMs: bigint, isRevoked: boolean, keyHash: string] & { readonly timeMs: bigint; readonly isRevoked: boolean; readonly keyHash: string }>;
  owner: ConstantContractMethod<[], string>;
  pendingDefaultAdmin: ConstantContractMethod<[], [newAdmin: string, schedule: bigint] & { readonly newAdmin: string; readonly schedule: bigint }>;
  pendingDefaultAdminDelay: ConstantContractMethod<[], [newDelay: bigint, schedule: bigint] & { readonly newDelay: bigint; readonly schedule: bigint }>;
  proposeAdministrator: ContractMethod<[deviceId: BytesLike, certificateId: BigNumberish], void, ContractTransactionResponse>;
  renounceRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  revokeCertificate: ContractMethod<[certificateId: BigNumberish], void, ContractTransactionResponse>;
  revokeIssuer: ContractMethod<[issuerId: BigNumberish], void, ContractTransactionResponse>;
  revokeRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  rollbackDefaultAdminDelay: ContractMethod<[], void, ContractTransactionResponse>;
  setConfiguration: ContractMethod<[given: NewConfigurationInput], void, ContractTransactionResponse>;
  supportsInterface: ConstantContractMethod<[interfaceId: BytesLike], boolean>;
}

export interface DeviceRegistryEvents {
  Acknowledged: { readonly deviceId: string; readonly version: bigint; readonly outcome: bigint; readonly code: bigint; readonly isByLedger: boolean };
  AdministratorChanged: { readonly deviceId: string; readonly certificateId: bigint; readonly account: string };
  AdministratorProposed: { readonly deviceId: string; readonly certificateId: bigint; readonly account: string };
  CertificateRevoked: { readonly certificateId: bigint; readonly deviceId: string };
  ConfigurationSet: { readonly deviceId: string; readonly version: bigint; readonly checker: string; readonly configHash: string; readonly schemaId: string; readonly schemaVersion: bigint };
  DefaultAdminDelayChangeCanceled: {  };
  DefaultAdminDelayChangeScheduled: { readonly newDelay: bigint; readonly effectSchedule: bigint };
  DefaultAdminTransferCanceled: {  };
  DefaultAdminTransferScheduled: { readonly newAdmin: string; readonly acceptSchedule: bigint };
  DeviceCertified: { readonly deviceId: string; readonly meterId: string; readonly certificateId: bigint; readonly administratorId: bigint };
  EIP712DomainChanged: {  };
  Issued: { readonly certificateId: bigint; readonly issuerId: bigint; readonly deviceId: string; readonly kind: bigint; readonly account: string; readonly notBefore: bigint; readonly notAfter: bigint };
  IssuerAppointed: { readonly issuerId: bigint; readonly account: string; readonly parentId: bigint };
  IssuerRevoked: { readonly issuerId: bigint; readonly account: string };
  Mirrored: { readonly deviceId: string; readonly timeMs: bigint; readonly isRevoked: boolean; readonly keyHash: string };
  PriorityEvent: { readonly deviceId: string; readonly version: bigint; readonly level: bigint };
  RoleAdminChanged: { readonly role: string; readonly previousAdminRole: string; readonly newAdminRole: string };
  RoleGranted: { readonly role: string; readonly account: string; readonly sender: string };
  RoleRevoked: { readonly role: string; readonly account: string; readonly sender: string };
}

export const DeviceRegistry: ContractType<DeviceRegistryContract, [reader: AddressLike, outbox: AddressLike, owner_: AddressLike], DeviceRegistryEvents> = contractType("DeviceRegistry", artifact);
