import { LedgerError } from "../error.ts";

export type ArchiveErrorDetails =
  /** What the caller gave cannot be put into an archive. */
  | {
      readonly code: "ARCHIVE_READING_FOREIGN";
      readonly field: "meterId" | "timestampMs" | "order";
      readonly at: number;
    }
  | { readonly code: "ARCHIVE_TOO_LARGE"; readonly what: "bytes" | "readings" | "series"; readonly limit: number }
  | { readonly code: "ARCHIVE_PERIOD_INVALID"; readonly text: string }
  /** The bytes are no archive; `offset` is where the item begins that is none. */
  | { readonly code: "ARCHIVE_MALFORMED"; readonly offset: number; readonly reason: string }
  /** An archive that this version cannot read. */
  | { readonly code: "ARCHIVE_FORMAT_UNKNOWN"; readonly format: string }
  | { readonly code: "ARCHIVE_ROOT_MISMATCH"; readonly series: string }
  | { readonly code: "ARCHIVE_ENCRYPTED" }
  | { readonly code: "ARCHIVE_KEY_WRONG" };

export class ArchiveError extends LedgerError<ArchiveErrorDetails> {}
