import { LedgerError } from "#storage/error.ts";

/** A text is no query; `reason` is what CometBFT says, with the offset in bytes of UTF-8. */
export class QueryError extends LedgerError<{ code: "QUERY_MALFORMED"; reason: string }> {}

export function queryError(reason: string): QueryError {
  return new QueryError({ code: "QUERY_MALFORMED", reason });
}
