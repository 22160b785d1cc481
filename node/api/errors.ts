import { LedgerError } from "#storage/error.ts";

/** Every error code of the REST API: its HTTP status and what a caller can do. node/README.md holds the same table; a test compares them. */
export const API_ERRORS = {
  BAD_JSON: { status: 400, hint: "Send one JSON object in UTF-8." },
  JSON_TOO_DEEP: { status: 400, hint: "Nest objects and arrays less deeply." },
  BAD_REQUEST: { status: 400, hint: "Compare the request with /docs." },
  BAD_TRANSACTION: { status: 400, hint: 'Send {"tx": "<base64 of TxRaw>"} or the bytes as application/octet-stream.' },
  UNAUTHORIZED: { status: 401, hint: "Send the token of --api-token-file as Authorization: Bearer." },
  NOT_FOUND: { status: 404, hint: "The node does not have it: check the identifier, or ask a node that keeps more." },
  ROUTE_UNKNOWN: { status: 404, hint: "All routes are listed at /docs." },
  REQUEST_TIMEOUT: { status: 408, hint: "Send the whole request faster." },
  BODY_TOO_LARGE: { status: 413, hint: "Send fewer messages in one transaction." },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, hint: "Use application/json or application/octet-stream." },
  TRANSACTION_REFUSED: {
    status: 422,
    hint: "The ledger's code and reason are in details; consensus/application/README.md explains each.",
  },
  CONTRACT_REFUSED: { status: 422, hint: "details has the contract's error, and what to do next." },
  QUERY_REFUSED: { status: 422, hint: "consensus/README.md lists the query paths and their arguments." },
  RATE_LIMITED: { status: 429, hint: "Wait for the seconds in Retry-After." },
  HEADERS_TOO_LARGE: { status: 431, hint: "Send fewer or shorter headers." },
  MALFORMED_HTTP: { status: 400, hint: "The bytes received were not an HTTP/1.1 request." },
  INTERNAL: { status: 500, hint: "The node's log has the details." },
  NOT_SERVED_BY_ROLE: { status: 501, hint: "Ask a full node." },
  ETHEREUM_UNAVAILABLE: {
    status: 502,
    hint: "Check the node's ethereumUrl and contractsFile: details has what is wrong.",
  },
  NOT_READY: { status: 503, hint: "Try again later." },
  MEMPOOL_REFUSED: { status: 503, hint: "Send the same transaction again later." },
  TOO_MANY_CLIENTS: { status: 503, hint: "Close unused event streams." },
  COMMIT_TIMEOUT: { status: 504, hint: "It may still be committed: ask for the transaction by its id." },
} as const;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** What every error answer of the API looks like. */
export interface ApiErrorBody {
  readonly code: ApiErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Thrown by routes; the error handler turns it into its answer. */
export class ApiError extends LedgerError<{ code: ApiErrorCode; message: string; facts?: Record<string, unknown> }> {
  get status(): number {
    return API_ERRORS[this.details.code].status;
  }

  get body(): ApiErrorBody {
    const { code, message, facts } = this.details;
    return errorBody(code, message, facts);
  }
}

export function apiError(code: ApiErrorCode, message: string, facts?: Record<string, unknown>): ApiError {
  return new ApiError({ code, message, ...(facts === undefined ? {} : { facts }) });
}

export function errorBody(code: ApiErrorCode, message: string, facts?: Record<string, unknown>): ApiErrorBody {
  return { code, message, hint: API_ERRORS[code].hint, ...(facts === undefined ? {} : { details: facts }) };
}

/** The API could not be started. */
export class ApiStartError extends LedgerError<
  | { code: "API_TOKEN_REQUIRED"; host: string; hint: string }
  | { code: "API_TOKEN_UNREADABLE"; file: string; reason: string }
  | { code: "API_ADDRESS_UNAVAILABLE"; host: string; port: number; reason: string }
> {}
