// Made from harness/LedgerAccountsHarness.sol by `npm run contracts:build`; not to be edited.
import type { AddressLike, BaseContract, BigNumberish, BytesLike, ConstantContractMethod } from "ethers";
import { type ContractType, contractType } from "../../contractType.ts";
import artifact from "./LedgerAccountsHarness.json" with { type: "json" };

export interface LedgerAccountsHarnessContract extends BaseContract {
  accountOf: ConstantContractMethod<[sender: AddressLike, x: BigNumberish, y: BigNumberish], string>;
  parse: ConstantContractMethod<[text: BytesLike], string>;
}

export interface LedgerAccountsHarnessEvents {

}

export const LedgerAccountsHarness: ContractType<LedgerAccountsHarnessContract, [], LedgerAccountsHarnessEvents> = contractType("LedgerAccountsHarness", artifact);
