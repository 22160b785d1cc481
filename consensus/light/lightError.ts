import { type ErrorDetails, LedgerError } from "#storage/error.ts";

/** Why a light client cannot go on. Codes of failed checks are listed in README.md; `check` and `reason` are those of the verdict. */
export type LightErrorDetails = ErrorDetails &
  (
    | { code: "LIGHT_BLOCK_REJECTED"; height: number; check: string; reason: string }
    | { code: "LIGHT_STEPS_EXCEEDED"; from: number; to: number; maxSteps: number }
    | { code: "LIGHT_PROVIDER_FAILED"; provider: string; height: number }
    | { code: "LIGHT_PROVIDER_WRONG_HEIGHT"; provider: string; asked: number; got: number }
    | {
        code: "LIGHT_PROVIDER_CONFLICT";
        height: number;
        provider: string;
        hash: Uint8Array;
        otherProvider: string;
        otherHash: Uint8Array;
      }
    | { code: "LIGHT_NOT_CROSS_CHECKED"; height: number; agreed: number; needed: number }
    | { code: "LIGHT_TRUST_ROOT_MISMATCH"; height: number; expected: Uint8Array; hash: Uint8Array }
    | { code: "LIGHT_NOT_INITIALISED" }
    | { code: "LIGHT_OPTION_OUT_OF_RANGE"; option: string; value: number }
  );

export class LightError extends LedgerError<LightErrorDetails> {}
