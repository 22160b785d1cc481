// Made from src/DataMarketplace.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./DataMarketplace.json" with { type: "json" };

export interface TermsInput {
  readonly keyHash: BytesLike;
  readonly reserve: BigNumberish;
  readonly buyNow: BigNumberish;
  readonly deadline: BigNumberish;
  readonly publisher: AddressLike;
  readonly publisherBps: BigNumberish;
}

export interface PointInput {
  readonly x: BigNumberish;
  readonly y: BigNumberish;
}

export interface MessageProofInput {
  readonly blockProof: BlockProofInput;
  readonly txId: BytesLike;
  readonly messageIndex: BigNumberish;
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

export interface ListingOutput {
  readonly seller: string;
  readonly status: bigint;
  readonly publisherBps: bigint;
  readonly until: bigint;
  readonly publisher: string;
  readonly reserve: bigint;
  readonly buyer: string;
  readonly price: bigint;
  readonly buyerKey: string;
  readonly buyNow: bigint;
  readonly bond: bigint;
  readonly deposit: bigint;
  readonly isSold: boolean;
  readonly keyHash: string;
  readonly fileHash: string;
  readonly releaseHash: string;
}

export interface TermsOutput {
  readonly keyHash: string;
  readonly reserve: bigint;
  readonly buyNow: bigint;
  readonly deadline: bigint;
  readonly publisher: string;
  readonly publisherBps: bigint;
}

export interface DataMarketplaceContract extends BaseContract {
  BRIDGE: ConstantContractMethod<[], string>;
  DEFAULT_ADMIN_ROLE: ConstantContractMethod<[], string>;
  DEPOSIT_BPS: ConstantContractMethod<[], bigint>;
  DISPUTE_PERIOD: ConstantContractMethod<[], bigint>;
  MAX_BIDDING: ConstantContractMethod<[], bigint>;
  MAX_PUBLISHER_BPS: ConstantContractMethod<[], bigint>;
  MIN_BOND_BPS: ConstantContractMethod<[], bigint>;
  MIN_INCREMENT_BPS: ConstantContractMethod<[], bigint>;
  OWNER_DELAY: ConstantContractMethod<[], bigint>;
  RELEASE_PERIOD: ConstantContractMethod<[], bigint>;
  REWARD_BPS: ConstantContractMethod<[], bigint>;
  VERDICT_PERIOD: ConstantContractMethod<[], bigint>;
  VERIFIER_ROLE: ConstantContractMethod<[], string>;
  accept: ContractMethod<[listingId: BigNumberish], void, ContractTransactionResponse>;
  acceptDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  beginDefaultAdminTransfer: ContractMethod<[newAdmin: AddressLike], void, ContractTransactionResponse>;
  cancelDefaultAdminTransfer: ContractMethod<[], void, ContractTransactionResponse>;
  changeDefaultAdminDelay: ContractMethod<[newDelay: BigNumberish], void, ContractTransactionResponse>;
  credit: ConstantContractMethod<[account: AddressLike], bigint>;
  decide: ContractMethod<[listingId: BigNumberish, forSeller: boolean], void, ContractTransactionResponse>;
  defaultAdmin: ConstantContractMethod<[], string>;
  defaultAdminDelay: ConstantContractMethod<[], bigint>;
  defaultAdminDelayIncreaseWait: ConstantContractMethod<[], bigint>;
  dispute: ContractMethod<[listingId: BigNumberish, reasonHash: BytesLike], void, ContractTransactionResponse>;
  end: ContractMethod<[listingId: BigNumberish], void, ContractTransactionResponse>;
  getRoleAdmin: ConstantContractMethod<[role: BytesLike], string>;
  grantRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  hasRole: ConstantContractMethod<[role: BytesLike, account: AddressLike], boolean>;
  lastListingId: ConstantContractMethod<[], bigint>;
  list: ContractMethod<[terms: TermsInput, ownKey: PointInput, message: BytesLike, proof: MessageProofInput], bigint, ContractTransactionResponse>;
  listingOf: ConstantContractMethod<[listingId: BigNumberish], ListingOutput>;
  minimumOffer: ConstantContractMethod<[listingId: BigNumberish], bigint>;
  offer: ContractMethod<[listingId: BigNumberish, key: PointInput], void, ContractTransactionResponse>;
  owner: ConstantContractMethod<[], string>;
  pendingDefaultAdmin: ConstantContractMethod<[], [newAdmin: string, schedule: bigint] & { readonly newAdmin: string; readonly schedule: bigint }>;
  pendingDefaultAdminDelay: ConstantContractMethod<[], [newDelay: bigint, schedule: bigint] & { readonly newDelay: bigint; readonly schedule: bigint }>;
  proveWrongKey: ContractMethod<[listingId: BigNumberish, recipient: PointInput, ephemeral: PointInput, box: BytesLike, privateKey: BigNumberish, shared: PointInput], void, ContractTransactionResponse>;
  refundUndecided: ContractMethod<[listingId: BigNumberish], void, ContractTransactionResponse>;
  refundUnreleased: ContractMethod<[listingId: BigNumberish], void, ContractTransactionResponse>;
  release: ContractMethod<[listingId: BigNumberish, ephemeral: PointInput, box: BytesLike], void, ContractTransactionResponse>;
  renounceRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  revokeRole: ContractMethod<[role: BytesLike, account: AddressLike], void, ContractTransactionResponse>;
  rollbackDefaultAdminDelay: ContractMethod<[], void, ContractTransactionResponse>;
  supportsInterface: ConstantContractMethod<[interfaceId: BytesLike], boolean>;
  totalCredit: ConstantContractMethod<[], bigint>;
  withdraw: ContractMethod<[to: AddressLike], void, ContractTransactionResponse>;
}

export interface DataMarketplaceEvents {
  DefaultAdminDelayChangeCanceled: {  };
  DefaultAdminDelayChangeScheduled: { readonly newDelay: bigint; readonly effectSchedule: bigint };
  DefaultAdminTransferCanceled: {  };
  DefaultAdminTransferScheduled: { readonly newAdmin: string; readonly acceptSchedule: bigint };
  KeyReleased: { readonly listingId: bigint; readonly buyer: string; readonly ephemeralX: bigint; readonly ephemeralY: bigint; readonly box: string };
  Listed: { readonly listingId: bigint; readonly seller: string; readonly fileHash: string; readonly cid: string; readonly terms: TermsOutput; readonly bond: bigint };
  ListingEnded: { readonly listingId: bigint; readonly seller: string };
  Offered: { readonly listingId: bigint; readonly buyer: string; readonly price: bigint; readonly keyX: bigint; readonly keyY: bigint };
  Outbid: { readonly listingId: bigint; readonly buyer: string; readonly price: bigint };
  RoleAdminChanged: { readonly role: string; readonly previousAdminRole: string; readonly newAdminRole: string };
  RoleGranted: { readonly role: string; readonly account: string; readonly sender: string };
  RoleRevoked: { readonly role: string; readonly account: string; readonly sender: string };
  SaleDisputed: { readonly listingId: bigint; readonly buyer: string; readonly reasonHash: string };
  SalePaid: { readonly listingId: bigint; readonly seller: string; readonly share: bigint; readonly publisherFee: bigint };
  SaleRefunded: { readonly listingId: bigint; readonly buyer: string; readonly price: bigint; readonly bond: bigint };
  Verdict: { readonly listingId: bigint; readonly verifier: string; readonly forSeller: boolean; readonly reward: bigint };
  Withdrawn: { readonly account: string; readonly to: string; readonly amount: bigint };
}

export const DataMarketplace: ContractType<DataMarketplaceContract, [owner: AddressLike, bridge: AddressLike], DataMarketplaceEvents> = contractType("DataMarketplace", artifact);
