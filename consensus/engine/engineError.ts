import type { ErrorDetails } from "#storage/error.ts";
import { LedgerError } from "#storage/error.ts";

export type EngineErrorDetails = ErrorDetails & { code: "ENGINE_LAST_BLOCK_MISSING"; height: number };

/** What the engine needs to begin is not there. */
export class EngineError extends LedgerError<EngineErrorDetails> {}
