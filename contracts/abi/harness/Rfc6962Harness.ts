// Made from harness/Rfc6962Harness.sol by `npm run contracts:build`; not to be edited.
import type { BaseContract, BigNumberish, BytesLike, ConstantContractMethod } from "ethers";
import { type ContractType, contractType } from "../../contractType.ts";
import artifact from "./Rfc6962Harness.json" with { type: "json" };

export interface Rfc6962HarnessContract extends BaseContract {
  gasOfWalk: ConstantContractMethod<[leaf: BytesLike, index: BigNumberish, size: BigNumberish, path: readonly BytesLike[]], bigint>;
  leafHash: ConstantContractMethod<[item: BytesLike], string>;
  leafHashOfWord: ConstantContractMethod<[item: BytesLike], string>;
  rootOf: ConstantContractMethod<[leaf: BytesLike, index: BigNumberish, size: BigNumberish, path: readonly BytesLike[]], string>;
}

export interface Rfc6962HarnessEvents {

}

export const Rfc6962Harness: ContractType<Rfc6962HarnessContract, [], Rfc6962HarnessEvents> = contractType("Rfc6962Harness", artifact);
