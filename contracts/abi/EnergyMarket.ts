// Made from src/EnergyMarket.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./EnergyMarket.json" with { type: "json" };

export interface AdvertOutput {
  readonly producer: string;
  readonly createdAt: bigint;
  readonly energyWh: bigint;
  readonly remainingWh: bigint;
  readonly removals: bigint;
  readonly outputIndex: bigint;
  readonly minPriceWeiPerKwh: bigint;
  readonly txId: string;
}

export interface TermsInput {
  readonly treasury: AddressLike;
  readonly taxBps: BigNumberish;
  readonly highWaterWh: BigNumberish;
  readonly deliveryPeriod: BigNumberish;
}

export interface OutputProofInput {
  readonly transaction: BytesLike;
  readonly outputIndex: BigNumberish;
  readonly record: BytesLike;
  readonly proof: StateProofInput;
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

export interface OrderOutput {
  readonly consumer: string;
  readonly expires: bigint;
  readonly energyWh: bigint;
  readonly maxPriceWeiPerKwh: bigint;
  readonly escrow: bigint;
}

export interface SaleOutput {
  readonly buyer: string;
  readonly createdAt: bigint;
  readonly energyWh: bigint;
  readonly status: bigint;
  readonly total: bigint;
  readonly advertId: bigint;
  readonly meter: bigint;
  readonly deliveredMwh: bigint;
  readonly taxBps: bigint;
  readonly due: bigint;
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

export interface TermsOutput {
  readonly treasury: string;
  readonly taxBps: bigint;
  readonly highWaterWh: bigint;
  readonly deliveryPeriod: bigint;
}

export interface EnergyMarketContract extends BaseContract {
  ADVERT_LIFE: ConstantContractMethod<[], bigint>;
  CAPACITY_WH: ConstantContractMethod<[], bigint>;
  CONSUMER_ROLE: ConstantContractMethod<[], string>;
  DEFAULT_ADMIN_ROLE: ConstantContractMethod<[], string>;
  DISPUTE_PERIOD: ConstantContractMethod<[], bigint>;
  MAX_BACKING_AGE: ConstantContractMethod<[], bigint>;
  MAX_DELIVERY_PERIOD: ConstantContractMethod<[], bigint>;
  MAX_MATCHES: ConstantContractMethod<[], bigint>;
  MAX_METER_ID_BYTES: ConstantContractMethod<[], bigint>;
  MAX_OPEN_ADVERTS: ConstantContractMethod<[], bigint>;
  MAX_ORDER_LIFE: ConstantContractMethod<[], bigint>;
  MAX_SALES_AT_ONCE: ConstantContractMethod<[], bigint>;
  MAX_TAX_BPS: ConstantContractMethod<[], bigint>;
  MICROGRID: ConstantContractMethod<[], string>;
  MIN_ADVERT_WH: ConstantContractMethod<[], bigint>;
  MIN_DELIVERY_PERIOD: ConstantContractMethod<[], bigint>;
  OUTBOX: ConstantContractMethod<[], string>;
  OWNER_DELAY: ConstantContractMethod<[], bigint>;
  PRODUCER_ROLE: ConstantContractMethod<[], string>;
  READER: ConstantContractMethod<[], string>;
  REGULATOR_ROLE: ConstantContractMethod<[], string>;
  RETURN: ConstantContractMethod<[], string>;
  TERMS_DELAY: ConstantContractMethod<[], bigint>;
  TRANSFER: ConstantContractMethod<[], string>;
  acceptDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  advertOf: ConstantContractMethod<[advertId: BigNumberish], AdvertOutput>;
  announceTerms: ContractMethod<[announced: TermsInput], void, ContractTransactionResponse>;
  availableEnergyAdvert: ContractMethod<[energyWh: BigNumberish, minPriceWeiPerKwh: BigNumberish, backing: OutputProofInput], bigint, ContractTransactionResponse>;
  beginDefaultAdminTransfer: ContractMethod<[newAdmin: AddressLike], void, ContractTransactionResponse>;
  bindAccount: ContractMethod<[x: BigNumberish, y: BigNumberish], void, ContractTransactionResponse>;
  cancelDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  cancelOrder: ContractMethod<[orderId: BigNumberish], void, ContractTransactionResponse>;
  changeDefaultAdminDelay: ContractMethod<[newDelay: BigNumberish], void, ContractTransactionResponse>;
  collect: ContractMethod<[saleId: BigNumberish], void, ContractTransactionResponse>;
  consumerOf: ConstantContractMethod<[meter: BigNumberish], string>;
  credit: ConstantContractMethod<[account: AddressLike], bigint>;
  defaultAdmin: ConstantContractMethod<[], string>;
  defaultAdminDelay: ConstantContractMethod<[], bigint>;
  defaultAdminDelayIncreaseWait: ConstantContractMethod<[], bigint>;
  deliveredBy: ConstantContractMethod<[interval: BytesLike], bigint>;
  dispute: ContractMethod<[saleId: BigNumberish], void, ContractTransactionResponse>;
  enrolConsumer: ContractMethod<[consumer: AddressLike, id: string], void, ContractTransactionResponse>;
  getRoleAdmin: ConstantContractMethod<[role: BytesLike], string>;
  grantRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  hasRole: ConstantContractMethod<[role: BytesLike, account: AddressLike], boolean>;
  isAdvertised: ConstantContractMethod<[output: BytesLike], boolean>;
  isLive: ConstantContractMethod<[advertId: BigNumberish], boolean>;
  lastAdvertId: ConstantContractMethod<[], bigint>;
  lastMeter: ConstantContractMethod<[], bigint>;
  lastOrderId: ConstantContractMethod<[], bigint>;
  lastSaleId: ConstantContractMethod<[], bigint>;
  ledgerAccountOf: ConstantContractMethod<[producer: AddressLike], string>;
  matchOrders: ContractMethod<[orderIds: readonly BigNumberish[], advertIds: readonly BigNumberish[]], bigint, ContractTransactionResponse>;
  meterId: ConstantContractMethod<[meter: BigNumberish], string>;
  meterNumber: ConstantContractMethod<[meterIdHash: BytesLike], bigint>;
  meterOf: ConstantContractMethod<[consumer: AddressLike], bigint>;
  nextSwept: ConstantContractMethod<[], bigint>;
  nextTermsFrom: ConstantContractMethod<[], bigint>;
  openAdvertsOf: ConstantContractMethod<[producer: AddressLike], readonly bigint[]>;
  orderOf: ConstantContractMethod<[orderId: BigNumberish], OrderOutput>;
  owner: ConstantContractMethod<[], string>;
  pendingDefaultAdmin: ConstantContractMethod<[], [newAdmin: string, schedule: bigint] & { readonly newAdmin: string; readonly schedule: bigint }>;
  pendingDefaultAdminDelay: ConstantContractMethod<[], [newDelay: bigint, schedule: bigint] & { readonly newDelay: bigint; readonly schedule: bigint }>;
  placeOrder: ContractMethod<[energyWh: BigNumberish, maxPriceWeiPerKwh: BigNumberish, expires: BigNumberish], bigint, ContractTransactionResponse>;
  quote: ConstantContractMethod<[advertId: BigNumberish, energyWh: BigNumberish], bigint>;
  reclaim: ContractMethod<[advertId: BigNumberish], void, ContractTransactionResponse>;
  refundUndecided: ContractMethod<[saleId: BigNumberish], void, ContractTransactionResponse>;
  removals: ConstantContractMethod<[producer: AddressLike], bigint>;
  renounceRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  "requestForEnergy(uint32,uint256,uint256,address)": ContractMethod<[energyWh: BigNumberish, advertTime: BigNumberish, proposedPrice: BigNumberish, producer: AddressLike], bigint, ContractTransactionResponse>;
  "requestForEnergy(uint32,uint32,uint256)": ContractMethod<[advertId: BigNumberish, energyWh: BigNumberish, maxTotal: BigNumberish], bigint, ContractTransactionResponse>;
  resolve: ContractMethod<[saleId: BigNumberish, paysProducer: boolean], void, ContractTransactionResponse>;
  revokeRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  rollbackDefaultAdminDelay: ContractMethod<[], void, ContractTransactionResponse>;
  saleOf: ConstantContractMethod<[saleId: BigNumberish], SaleOutput>;
  settle: ContractMethod<[saleIds: readonly BigNumberish[], shownBy: IntervalProofInput], void, ContractTransactionResponse>;
  storedWh: ConstantContractMethod<[], bigint>;
  supportsInterface: ConstantContractMethod<[interfaceId: BytesLike], boolean>;
  terms: ConstantContractMethod<[], TermsOutput>;
  totalCredit: ConstantContractMethod<[], bigint>;
  withdraw: ContractMethod<[to: AddressLike], void, ContractTransactionResponse>;
}

export interface EnergyMarketEvents {
  AccountBound: { readonly account: string; readonly ledgerAccount: string };
  Advertised: { readonly advertId: bigint; readonly producer: string; readonly energyWh: bigint; readonly minPriceWeiPerKwh: bigint; readonly txId: string; readonly outputIndex: bigint };
  DefaultAdminDelayChangeCanceled: {  };
  DefaultAdminDelayChangeScheduled: { readonly newDelay: bigint; readonly effectSchedule: bigint };
  DefaultAdminTransferCanceled: {  };
  DefaultAdminTransferScheduled: { readonly newAdmin: string; readonly acceptSchedule: bigint };
  Delivered: { readonly saleId: bigint; readonly interval: string; readonly energyMwh: bigint };
  Disputed: { readonly saleId: bigint; readonly buyer: string };
  Matched: { readonly orderId: bigint; readonly saleId: bigint; readonly advertId: bigint };
  MeterAssigned: { readonly consumer: string; readonly meter: bigint; readonly meterId: string };
  OrderClosed: { readonly orderId: bigint; readonly consumer: string; readonly returned: bigint };
  Ordered: { readonly orderId: bigint; readonly consumer: string; readonly energyWh: bigint; readonly maxPriceWeiPerKwh: bigint; readonly escrow: bigint; readonly expires: bigint };
  Paid: { readonly saleId: bigint; readonly producer: string; readonly share: bigint; readonly tax: bigint };
  Reclaimed: { readonly advertId: bigint; readonly producer: string; readonly energyWh: bigint };
  Refunded: { readonly saleId: bigint; readonly buyer: string; readonly total: bigint };
  RoleAdminChanged: { readonly role: string; readonly previousAdminRole: string; readonly newAdminRole: string };
  RoleGranted: { readonly role: string; readonly account: string; readonly sender: string };
  RoleRevoked: { readonly role: string; readonly account: string; readonly sender: string };
  Sold: { readonly saleId: bigint; readonly producer: string; readonly buyer: string; readonly advertId: bigint; readonly energyWh: bigint; readonly total: bigint };
  TermsAnnounced: { readonly treasury: string; readonly taxBps: bigint; readonly highWaterWh: bigint; readonly deliveryPeriod: bigint; readonly from: bigint };
  Withdrawn: { readonly account: string; readonly to: string; readonly amount: bigint };
}

export const EnergyMarket: ContractType<EnergyMarketContract, [owner: AddressLike, treasury: AddressLike, reader: AddressLike, outbox: AddressLike, microgrid: BytesLike], EnergyMarketEvents> = contractType("EnergyMarket", artifact);
