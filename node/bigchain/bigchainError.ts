import { LedgerError } from "#storage/error.ts";

/** The interface could not be started. */
export class BigchainStartError extends LedgerError<
  | { code: "BIGCHAIN_ADDRESS_MALFORMED"; option: string; address: string }
  | { code: "BIGCHAIN_ADDRESS_UNAVAILABLE"; host: string; port: number; reason: string }
> {}
