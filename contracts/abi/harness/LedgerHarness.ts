// Made from harness/LedgerHarness.sol by `npm run contracts:build`; not to be edited.
import type { BaseContract, BigNumberish, BytesLike, ConstantContractMethod } from "ethers";
import { type ContractType, contractType } from "../../contractType.ts";
import artifact from "./LedgerHarness.json" with { type: "json" };

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

export interface LedgerHarnessContract extends BaseContract {
  decodeInterval: ConstantContractMethod<[message: BytesLike], SealedIntervalOutput>;
  intervalFromTx: ConstantContractMethod<[transaction: BytesLike, index: BigNumberish], SealedIntervalOutput>;
  link: ConstantContractMethod<[message: BytesLike, previous: BytesLike], string>;
  messageAt: ConstantContractMethod<[transaction: BytesLike, index: BigNumberish], [typeUrl: string, value: string] & { readonly typeUrl: string; readonly value: string }>;
  openSum: ConstantContractMethod<[message: BytesLike, salt: BytesLike, sumMwh: BigNumberish], bigint>;
  periodOrigin: ConstantContractMethod<[meterId: string, periodStartMs: BigNumberish], string>;
  varint: ConstantContractMethod<[data: BytesLike], [value: bigint, next: bigint] & { readonly value: bigint; readonly next: bigint }>;
}

export interface LedgerHarnessEvents {

}

export const LedgerHarness: ContractType<LedgerHarnessContract, [], LedgerHarnessEvents> = contractType("LedgerHarness", artifact);
