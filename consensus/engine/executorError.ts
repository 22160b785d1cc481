import type { ErrorDetails } from "#storage/error.ts";
import { LedgerError } from "#storage/error.ts";

export type ExecutorErrorDetails = ErrorDetails &
  (
    | { code: "EXECUTOR_APP_HEIGHT_MISMATCH"; appHeight: number; stateHeight: number }
    | { code: "EXECUTOR_APP_HASH_MISMATCH"; height: number; appHash: Uint8Array; expected: Uint8Array }
    | { code: "EXECUTOR_APP_HASH_EMPTY"; height: number }
    | { code: "EXECUTOR_RESULTS_COUNT"; height: number; txs: number; results: number }
    | { code: "EXECUTOR_VALIDATOR_UPDATE_INVALID"; height: number; reason: string }
    | { code: "EXECUTOR_BLOCK_INVALID"; height: number; reason: string; blockCode: string }
    | { code: "EXECUTOR_COMMIT_MISMATCH"; height: number; commitHeight: number }
  );

/** The application and the chain do not fit together, or a decided block is invalid here: the node must stop. */
export class ExecutorError extends LedgerError<ExecutorErrorDetails> {}
