import { LedgerError } from "#storage/error.ts";

export type ArchiveStoreErrorDetails =
  | { readonly code: "ARCHIVE_NOT_FOUND"; readonly cid: string }
  /** A file on disk is not what was written; an archive made of it is not given out. */
  | { readonly code: "ARCHIVE_BLOCK_CORRUPT"; readonly cid: string; readonly file: string }
  | { readonly code: "ARCHIVE_RECORD_CORRUPT"; readonly file: string; readonly reason: string }
  /** No full node answers with a proof, or the transaction is in no block yet. */
  | { readonly code: "ARCHIVE_LEDGER_AWAY"; readonly what: string }
  | { readonly code: "ARCHIVE_SEAL_REFUSED"; readonly ledgerCode: string; readonly reason: string }
  | { readonly code: "KUBO_UNREACHABLE"; readonly url: string; readonly reason: string }
  | { readonly code: "KUBO_REFUSED"; readonly status: number; readonly reason: string }
  | { readonly code: "KUBO_ANSWER_MALFORMED"; readonly reason: string }
  /** The IPFS node named the file otherwise than this one, or sent another file. */
  | { readonly code: "KUBO_CID_MISMATCH"; readonly expected: string; readonly got: string }
  | { readonly code: "KUBO_ANSWER_TOO_LARGE"; readonly limit: number };

export class ArchiveStoreError extends LedgerError<ArchiveStoreErrorDetails> {}
