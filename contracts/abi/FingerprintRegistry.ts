// Made from src/FingerprintRegistry.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./FingerprintRegistry.json" with { type: "json" };

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

export interface MessageProofInput {
  readonly blockProof: BlockProofInput;
  readonly txId: BytesLike;
  readonly messageIndex: BigNumberish;
  readonly index: BigNumberish;
  readonly path: readonly BytesLike[];
}

export interface SealedIntervalOutput {
  readonly meterId: string;
  readonly startMs: bigint;
  readonly endMs: bigint;
  readonly readingCount: bigint;
  readonly fingerprint: string;
  readonly readingsRoot: string;
  readonly isCommitted: boolean;
  readonly sumMwh: bigint;
  readonly sumCommitment: string;
  readonly hasRegister: boolean;
  readonly registerEndMwh: bigint;
}

export interface ClosedPeriodOutput {
  readonly periodHash: string;
  readonly intervalCount: bigint;
  readonly lastEndMs: bigint;
}

export interface PeriodLinkInput {
  readonly fingerprint: BytesLike;
  readonly readingCount: BigNumberish;
  readonly isCommitted: boolean;
  readonly sumMwh: BigNumberish;
  readonly sumCommitment: BytesLike;
}

export interface ReadingProofInput {
  readonly index: BigNumberish;
  readonly value: BigNumberish;
  readonly timestampMs: BigNumberish;
  readonly salt: BytesLike;
  readonly path: readonly BytesLike[];
}

export interface FingerprintRegistryContract extends BaseContract {
  BRIDGE: ConstantContractMethod<[], string>;
  periodKey: ConstantContractMethod<[meterId: string, periodStartMs: BigNumberish], string>;
  pin: ContractMethod<[meterId: string, periodStartMs: BigNumberish, record: BytesLike, proof: StateProofInput], void, ContractTransactionResponse>;
  pinned: ConstantContractMethod<[periodKey: BytesLike], string>;
  verifyFingerprint: ConstantContractMethod<[message: BytesLike, proof: MessageProofInput, fingerprint: BytesLike, sumMwh: BigNumberish, average: BigNumberish, salt: BytesLike], SealedIntervalOutput>;
  verifyInterval: ConstantContractMethod<[message: BytesLike, proof: MessageProofInput], SealedIntervalOutput>;
  verifyPeriod: ConstantContractMethod<[meterId: string, periodStartMs: BigNumberish, record: BytesLike, proof: StateProofInput], ClosedPeriodOutput>;
  verifyPinned: ConstantContractMethod<[meterId: string, periodStartMs: BigNumberish, links: readonly PeriodLinkInput[]], void>;
  verifyReading: ConstantContractMethod<[message: BytesLike, proof: MessageProofInput, reading: ReadingProofInput], SealedIntervalOutput>;
}

export interface FingerprintRegistryEvents {
  PeriodPinned: { readonly periodKey: string; readonly meterId: string; readonly periodStartMs: bigint; readonly periodHash: string; readonly intervalCount: bigint; readonly lastEndMs: bigint };
}

export const FingerprintRegistry: ContractType<FingerprintRegistryContract, [bridge: AddressLike], FingerprintRegistryEvents> = contractType("FingerprintRegistry", artifact);
