import { type ErrorDetails, LedgerError } from "../error.ts";

export type SignStateErrorDetails =
  /** Something at a later height, round or step was signed already. */
  | {
      readonly code: "SIGN_STATE_REGRESSION";
      readonly height: number;
      readonly round: number;
      readonly step: number;
      readonly lastHeight: number;
      readonly lastRound: number;
      readonly lastStep: number;
    }
  /** Something else was signed for the same height, round and step. */
  | { readonly code: "SIGN_STATE_CONFLICT"; readonly height: number; readonly round: number; readonly step: number }
  | { readonly code: "SIGN_STATE_MALFORMED"; readonly path: string; readonly reason: string; readonly next: string }
  | { readonly code: "SIGN_STATE_MISSING"; readonly path: string; readonly next: string }
  | { readonly code: "SIGN_STATE_EXISTS"; readonly path: string }
  /** An earlier write failed: what is on disk is known only after opening anew. */
  | { readonly code: "SIGN_STATE_FAILED"; readonly earlier: string };

export class SignStateError extends LedgerError<SignStateErrorDetails & ErrorDetails> {}
