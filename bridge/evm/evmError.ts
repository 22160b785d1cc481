import { LedgerError } from "#storage/error.ts";

export type EvmErrorDetails =
  | { readonly code: "EVM_NOT_INSTALLED"; readonly platform: string }
  | { readonly code: "EVM_START_FAILED"; readonly log: string }
  | { readonly code: "EVM_MEMORY_EXCEEDED"; readonly memoryMib: number; readonly maxMemoryMib: number }
  | { readonly code: "EVM_ENDED"; readonly exitCode: number | null; readonly signal: string | null }
  | { readonly code: "EVM_URL_MALFORMED"; readonly hint: string }
  | { readonly code: "EVM_UNREACHABLE"; readonly node: string; readonly reason: string; readonly hint: string }
  | { readonly code: "EVM_WRONG_CHAIN"; readonly chainId: bigint; readonly expected: bigint; readonly hint: string }
  | { readonly code: "EVM_ANSWER_MALFORMED"; readonly reason: string; readonly hint: string }
  | { readonly code: "EVM_ANSWER_FALSE"; readonly reason: string; readonly hint: string }
  | { readonly code: "EVM_ANSWER_TOO_LARGE"; readonly maxBytes: number; readonly hint: string }
  | { readonly code: "EVM_REFUSED"; readonly reason: string; readonly hint: string }
  | { readonly code: "EVM_CONTRACTS_MALFORMED"; readonly reason: string; readonly hint: string }
  | { readonly code: "EVM_CONTRACT_ABSENT"; readonly contract: string; readonly hint: string }
  | { readonly code: "EVM_NO_CODE"; readonly contract: string; readonly address: string; readonly hint: string }
  | { readonly code: "EVM_KEY_TYPE"; readonly type: string; readonly hint: string }
  | { readonly code: "EVM_KEYSTORE_MALFORMED"; readonly reason: string; readonly hint: string }
  | { readonly code: "EVM_KEYSTORE_PASSPHRASE_WRONG"; readonly hint: string }
  | {
      readonly code: "EVM_REVERTED";
      /** Of the contract's error; empty where it gave none that is known. */
      readonly error: string;
      readonly args: readonly string[];
      readonly reason: string;
      readonly hint: string;
    }
  | {
      readonly code: "EVM_FUNDS_TOO_LOW";
      readonly address: string;
      readonly balanceWei: bigint;
      readonly neededWei: bigint;
      readonly hint: string;
    }
  | { readonly code: "EVM_FEE_TOO_HIGH"; readonly feePerGasWei: bigint; readonly maxWei: bigint; readonly hint: string }
  | { readonly code: "EVM_GAS_TOO_HIGH"; readonly gas: bigint; readonly maxGas: bigint; readonly hint: string }
  | { readonly code: "EVM_TX_FAILED"; readonly txHash: string; readonly hint: string }
  | { readonly code: "EVM_RECEIPT_TIMEOUT"; readonly txHash: string; readonly seconds: number; readonly hint: string };

/** An Ethereum node: one that this program starts for itself, or one that it asks. `hint` says what to do next. */
export class EvmError extends LedgerError<EvmErrorDetails> {}
