import { LedgerError } from "#storage/error.ts";

/** What a consensus engine sent over ABCI, or where it was to be sent, is wrong. Codes in node/abci/README.md. */
export class AbciError extends LedgerError<
  | { code: "ABCI_REQUEST_UNKNOWN" }
  | { code: "ABCI_FIELD_INVALID"; field: string; reason: string }
  | { code: "ABCI_GENESIS_MISMATCH"; field: string }
  | { code: "ABCI_OUT_OF_ORDER"; call: string; reason: string }
  | { code: "ABCI_SOCKET_PATH_LENGTH"; path: string; bytes: number; maxBytes: number }
> {}
