import { type ErrorDetails, LedgerError } from "../error.ts";

/** Bytes or JSON that are not a well-formed ledger structure. `field` is dotted, for example `commit.round`. */
export type FormatErrorDetails = ErrorDetails &
  (
    | { code: "FORMAT_TOO_LARGE"; format: string; bytes: number; maxBytes: number }
    | { code: "FORMAT_TOO_MANY"; field: string; max: number }
    | { code: "FORMAT_WIRE_MALFORMED"; format: string; offset: number; reason: string }
    | { code: "FORMAT_FIELD_UNKNOWN"; format: string; field: number }
    | { code: "FORMAT_FIELD_MISSING"; field: string }
    | { code: "FORMAT_FIELD_LENGTH"; field: string; length: number; expected: string }
    | { code: "FORMAT_FIELD_RANGE"; field: string; value: string }
    | { code: "FORMAT_NOT_CANONICAL"; format: string }
    | { code: "FORMAT_JSON_MALFORMED"; format: string; reason: string }
  );

/** Thrown by every decoder of the CometBFT formats. Validator sets may also refuse with a ValidatorSetError; nothing else is thrown. */
export class FormatError extends LedgerError<FormatErrorDetails> {}
