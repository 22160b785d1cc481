// Made from src/Flexibility.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./Flexibility.json" with { type: "json" };

export interface AcceptanceInput {
  readonly requestId: BigNumberish;
  readonly meterId: string;
  readonly energyMwh: BigNumberish;
  readonly aggregator: AddressLike;
  readonly aggregatorBps: BigNumberish;
  readonly keyX: BigNumberish;
  readonly keyY: BigNumberish;
  readonly meterRecord: BytesLike;
  readonly meterProof: StateProofInput;
  readonly baselines: readonly BigNumberish[];
  readonly baselineSalt: BytesLike;
  readonly baselineIndex: BigNumberish;
  readonly baselinePath: readonly BytesLike[];
}

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

export interface PositionOutput {
  readonly requestId: bigint;
  readonly energyMwh: bigint;
  readonly deliveredMwh: bigint;
  readonly provedCount: bigint;
  readonly isExport: boolean;
  readonly aggregatorBps: bigint;
  readonly aggregator: string;
  readonly meterKey: string;
  readonly baselineHash: string;
  readonly reserved: bigint;
  readonly bond: bigint;
}

export interface TermsInput {
  readonly quantity: BigNumberish;
  readonly isIncrease: boolean;
  readonly startMs: BigNumberish;
  readonly intervalMs: BigNumberish;
  readonly intervalCount: BigNumberish;
  readonly minReadingCount: BigNumberish;
  readonly cutoff: BigNumberish;
  readonly settleBy: BigNumberish;
  readonly priceWeiPerKwh: BigNumberish;
  readonly penaltyWeiPerKwh: BigNumberish;
  readonly baselineRoot: BytesLike;
  readonly baselineCount: BigNumberish;
}

export interface RequestOutput {
  readonly terms: TermsOutput;
  readonly requester: string;
  readonly isCancelled: boolean;
  readonly available: bigint;
  readonly reserved: bigint;
}

export interface TermsOutput {
  readonly quantity: bigint;
  readonly isIncrease: boolean;
  readonly startMs: bigint;
  readonly intervalMs: bigint;
  readonly intervalCount: bigint;
  readonly minReadingCount: bigint;
  readonly cutoff: bigint;
  readonly settleBy: bigint;
  readonly priceWeiPerKwh: bigint;
  readonly penaltyWeiPerKwh: bigint;
  readonly baselineRoot: string;
  readonly baselineCount: bigint;
}

export interface IntervalProofInput {
  readonly message: BytesLike;
  readonly proof: MessageProofInput;
  readonly salt: BytesLike;
  readonly sumMwh: BigNumberish;
}

export interface MessageProofInput {
  readonly blockProof: BlockProofInput;
  readonly txId: BytesLike;
  readonly messageIndex: BigNumberish;
  readonly index: BigNumberish;
  readonly path: readonly BytesLike[];
}

export interface FlexibilityContract extends BaseContract {
  ADMIN_DELAY: ConstantContractMethod<[], bigint>;
  AGGREGATOR_ROLE: ConstantContractMethod<[], string>;
  DEFAULT_ADMIN_ROLE: ConstantContractMethod<[], string>;
  DSO_ROLE: ConstantContractMethod<[], string>;
  MAX_AGGREGATOR_BPS: ConstantContractMethod<[], bigint>;
  MAX_AHEAD: ConstantContractMethod<[], bigint>;
  MAX_ENERGY_MWH: ConstantContractMethod<[], bigint>;
  MAX_INTERVALS: ConstantContractMethod<[], bigint>;
  MAX_INTERVAL_MS: ConstantContractMethod<[], bigint>;
  MAX_METER_PROOF_AGE: ConstantContractMethod<[], bigint>;
  MAX_POSITIONS_PER_METER: ConstantContractMethod<[], bigint>;
  MAX_PRICE_WEI_PER_KWH: ConstantContractMethod<[], bigint>;
  MAX_PROOFS_PER_CALL: ConstantContractMethod<[], bigint>;
  MAX_SETTLE_PERIOD: ConstantContractMethod<[], bigint>;
  MIN_INTERVAL_MS: ConstantContractMethod<[], bigint>;
  MIN_SETTLE_PERIOD: ConstantContractMethod<[], bigint>;
  OUTBOX: ConstantContractMethod<[], string>;
  POSITIONS: ConstantContractMethod<[], string>;
  READER: ConstantContractMethod<[], string>;
  TOKEN: ConstantContractMethod<[], string>;
  accept: ContractMethod<[made: AcceptanceInput], bigint, ContractTransactionResponse>;
  acceptDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  beginDefaultAdminTransfer: ContractMethod<[newAdmin: AddressLike], void, ContractTransactionResponse>;
  buyTokens: ContractMethod<[], void, ContractTransactionResponse>;
  cancel: ContractMethod<[requestId: BigNumberish], void, ContractTransactionResponse>;
  cancelDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  changeDefaultAdminDelay: ContractMethod<[newDelay: BigNumberish], void, ContractTransactionResponse>;
  close: ContractMethod<[positionId: BigNumberish], void, ContractTransactionResponse>;
  credit: ConstantContractMethod<[account: AddressLike], bigint>;
  defaultAdmin: ConstantContractMethod<[], string>;
  defaultAdminDelay: ConstantContractMethod<[], bigint>;
  defaultAdminDelayIncreaseWait: ConstantContractMethod<[], bigint>;
  getRoleAdmin: ConstantContractMethod<[role: BytesLike], string>;
  grantRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  hasRole: ConstantContractMethod<[role: BytesLike, account: AddressLike], boolean>;
  lastPositionId: ConstantContractMethod<[], bigint>;
  lastRequestId: ConstantContractMethod<[], bigint>;
  openPositionsOf: ConstantContractMethod<[meterId: string], readonly bigint[]>;
  optOut: ContractMethod<[positionId: BigNumberish], void, ContractTransactionResponse>;
  owner: ConstantContractMethod<[], string>;
  pendingDefaultAdmin: ConstantContractMethod<[], [newAdmin: string, schedule: bigint] & { readonly newAdmin: string; readonly schedule: bigint }>;
  pendingDefaultAdminDelay: ConstantContractMethod<[], [newDelay: bigint, schedule: bigint] & { readonly newDelay: bigint; readonly schedule: bigint }>;
  positionOf: ConstantContractMethod<[positionId: BigNumberish], PositionOutput>;
  redeem: ContractMethod<[amount: BigNumberish], void, ContractTransactionResponse>;
  renounceRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  request: ContractMethod<[terms: TermsInput], bigint, ContractTransactionResponse>;
  requestOf: ConstantContractMethod<[requestId: BigNumberish], RequestOutput>;
  revokeRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  rollbackDefaultAdminDelay: ContractMethod<[], void, ContractTransactionResponse>;
  settle: ContractMethod<[positionId: BigNumberish, baselines: readonly BigNumberish[], proofs: readonly IntervalProofInput[]], void, ContractTransactionResponse>;
  supportsInterface: ConstantContractMethod<[interfaceId: BytesLike], boolean>;
  sweep: ContractMethod<[requestId: BigNumberish], void, ContractTransactionResponse>;
  totalCredit: ConstantContractMethod<[], bigint>;
  usedBy: ConstantContractMethod<[intervalKey: BytesLike], bigint>;
  withdraw: ContractMethod<[to: AddressLike], void, ContractTransactionResponse>;
}

export interface FlexibilityEvents {
  Accepted: { readonly positionId: bigint; readonly requestId: bigint; readonly prosumer: string; readonly aggregator: string; readonly meterId: string; readonly energyMwh: bigint; readonly reserved: bigint; readonly bond: bigint };
  Cancelled: { readonly requestId: bigint; readonly returned: bigint };
  Closed: { readonly positionId: bigint; readonly holder: string; readonly deliveredMwh: bigint; readonly shortfallMwh: bigint; readonly penalty: bigint };
  DefaultAdminDelayChangeCanceled: {  };
  DefaultAdminDelayChangeScheduled: { readonly newDelay: bigint; readonly effectSchedule: bigint };
  DefaultAdminTransferCanceled: {  };
  DefaultAdminTransferScheduled: { readonly newAdmin: string; readonly acceptSchedule: bigint };
  Delivered: { readonly positionId: bigint; readonly startMs: bigint; readonly baselineMwh: bigint; readonly usageMwh: bigint; readonly deliveredMwh: bigint };
  OptedOut: { readonly positionId: bigint; readonly holder: string; readonly bond: bigint };
  Paid: { readonly positionId: bigint; readonly holder: string; readonly amount: bigint; readonly aggregatorShare: bigint };
  Requested: { readonly requestId: bigint; readonly requester: string; readonly terms: TermsOutput; readonly escrow: bigint };
  RoleAdminChanged: { readonly role: string; readonly previousAdminRole: string; readonly newAdminRole: string };
  RoleGranted: { readonly role: string; readonly account: string; readonly sender: string };
  RoleRevoked: { readonly role: string; readonly account: string; readonly sender: string };
  Swept: { readonly requestId: bigint; readonly returned: bigint };
  Withdrawn: { readonly account: string; readonly to: string; readonly amount: bigint };
}

export const Flexibility: ContractType<FlexibilityContract, [reader: AddressLike, outbox: AddressLike, owner_: AddressLike], FlexibilityEvents> = contractType("Flexibility", artifact);
