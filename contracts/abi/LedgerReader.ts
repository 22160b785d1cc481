// Made from src/LedgerReader.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./LedgerReader.json" with { type: "json" };

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

export interface IntervalEnergyOutput {
  readonly meterIdHash: string;
  readonly startMs: bigint;
  readonly endMs: bigint;
  readonly sumMwh: bigint;
  readonly key: string;
  readonly readingCount: bigint;
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

export interface OutputProofInput {
  readonly transaction: BytesLike;
  readonly outputIndex: BigNumberish;
  readonly record: BytesLike;
  readonly proof: StateProofInput;
}

export interface EnergyOutputOutput {
  readonly txId: string;
  readonly amountMwh: bigint;
  readonly account: string;
  readonly signer: string;
  readonly timeMs: bigint;
}

export interface LedgerReaderContract extends BaseContract {
  BRIDGE: ConstantContractMethod<[], string>;
  readConfiguration: ConstantContractMethod<[meterId: string, version: BigNumberish, record: BytesLike, proof: StateProofInput], [configuration: LedgerConfigurationOutput, timeMs: bigint] & { readonly configuration: LedgerConfigurationOutput; readonly timeMs: bigint }>;
  readInterval: ConstantContractMethod<[given: IntervalProofInput], IntervalEnergyOutput>;
  readMeter: ConstantContractMethod<[meterId: string, record: BytesLike, proof: StateProofInput], [meter: LedgerMeterOutput, timeMs: bigint] & { readonly meter: LedgerMeterOutput; readonly timeMs: bigint }>;
  readMeterOf: ConstantContractMethod<[sender: AddressLike, keyX: BigNumberish, keyY: BigNumberish, meterId: string, record: BytesLike, proof: StateProofInput], [meter: LedgerMeterOutput, timeMs: bigint] & { readonly meter: LedgerMeterOutput; readonly timeMs: bigint }>;
  readOutput: ConstantContractMethod<[given: OutputProofInput], EnergyOutputOutput>;
}

export interface LedgerReaderEvents {

}

export const LedgerReader: ContractType<LedgerReaderContract, [bridge: AddressLike], LedgerReaderEvents> = contractType("LedgerReader", artifact);
