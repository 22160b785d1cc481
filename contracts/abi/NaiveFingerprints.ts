// Made from src/baseline/NaiveFingerprints.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod, ContractMethod, ContractTransactionResponse } from "ethers";
import { type ContractType, contractType } from "../contractType.ts";
import artifact from "./NaiveFingerprints.json" with { type: "json" };

export interface NaiveFingerprintsContract extends BaseContract {
  PERIOD: ConstantContractMethod<[], bigint>;
  SEED: ConstantContractMethod<[], string>;
  SENSOR: ConstantContractMethod<[], string>;
  count: ConstantContractMethod<[], bigint>;
  periodHash: ConstantContractMethod<[period: BigNumberish], string>;
  register: ContractMethod<[fingerprint: BytesLike, average: BigNumberish, startTime: BigNumberish, endTime: BigNumberish], void, ContractTransactionResponse>;
  transactions: ConstantContractMethod<[arg0: BigNumberish], [fingerprint: string, average: bigint, startTime: bigint, endTime: bigint, link: string] & { readonly fingerprint: string; readonly average: bigint; readonly startTime: bigint; readonly endTime: bigint; readonly link: string }>;
}

export interface NaiveFingerprintsEvents {
  Registered: { readonly index: bigint; readonly fingerprint: string; readonly average: bigint };
}

export const NaiveFingerprints: ContractType<NaiveFingerprintsContract, [sensor: AddressLike, seed: BytesLike], NaiveFingerprintsEvents> = contractType("NaiveFingerprints", artifact);
