// Made from src/MeterReader.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./MeterReader.json" with { type: "json" };

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

export interface LedgerConfigurationOutput {
  readonly plaintextHash: string;
  readonly schemaIdHash: string;
  readonly schemaVersion: bigint;
  readonly isUrgent: boolean;
  readonly outcome: string;
  readonly code: bigint;
  readonly acknowledgedMs: bigint;
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

export interface LedgerMeterOutput {
  readonly keyType: string;
  readonly deviceKey: string;
  readonly owner: string;
  readonly quantity: string;
  readonly isExport: boolean;
  readonly intervalMs: bigint;
  readonly isRevoked: boolean;
  readonly administrator: string;
  readonly validFromMs: bigint;
  readonly validUntilMs: bigint;
}

export interface MeterReaderContract extends BaseContract {
  BRIDGE: ConstantContractMethod<[], string>;
  configuration: ConstantContractMethod<[meterId: string, version: BigNumberish, record: BytesLike, proof: StateProofInput], [read: LedgerConfigurationOutput, timeMs: bigint] & { readonly read: LedgerConfigurationOutput; readonly timeMs: bigint }>;
  interval: ConstantContractMethod<[message: BytesLike, proof: MessageProofInput, salt: BytesLike, sumMwh: BigNumberish], SealedIntervalOutput>;
  meter: ConstantContractMethod<[meterId: string, record: BytesLike, proof: StateProofInput], [read: LedgerMeterOutput, timeMs: bigint] & { readonly read: LedgerMeterOutput; readonly timeMs: bigint }>;
  meterOf: ConstantContractMethod<[sender: AddressLike, keyX: BigNumberish, keyY: BigNumberish, meterId: string, record: BytesLike, proof: StateProofInput], [read: LedgerMeterOutput, timeMs: bigint] & { readonly read: LedgerMeterOutput; readonly timeMs: bigint }>;
}

export interface MeterReaderEvents {

}

export const MeterReader: ContractType<MeterReaderContract, [bridge: AddressLike], MeterReaderEvents> = contractType("MeterReader", artifact);
