import { LedgerError } from "#storage/error.ts";

export type EvmErrorDetails =
  | { readonly code: "EVM_NOT_INSTALLED"; readonly platform: string }
  | { readonly code: "EVM_START_FAILED"; readonly log: string }
  | { readonly code: "EVM_MEMORY_EXCEEDED"; readonly memoryMib: number; readonly maxMemoryMib: number }
  | { readonly code: "EVM_ENDED"; readonly exitCode: number | null; readonly signal: string | null };

/** The Ethereum node that this program starts for itself. */
export class EvmError extends LedgerError<EvmErrorDetails> {}
