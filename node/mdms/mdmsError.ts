import { LedgerError } from "#storage/error.ts";

export type MdmsErrorDetails =
  | { readonly code: "MDMS_CSV_MALFORMED"; readonly row: number; readonly reason: string }
  | { readonly code: "MDMS_TARGET_INVALID"; readonly reason: string }
  /** The system did not take the file, after all tries. */
  | { readonly code: "MDMS_UNREACHABLE"; readonly url: string; readonly tries: number; readonly reason: string }
  /** The system refuses the file, and would do so again. */
  | { readonly code: "MDMS_REFUSED"; readonly url: string; readonly status: number; readonly reason: string };

export class MdmsError extends LedgerError<MdmsErrorDetails> {}
