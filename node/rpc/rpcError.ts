import { LedgerError } from "#storage/error.ts";

/** The JSON-RPC errors of CometBFT (rpc/jsonrpc/types). node/rpc/README.md has the same table. */
export const RPC_ERRORS = {
  RPC_PARSE_ERROR: { code: -32700, message: "Parse error. Invalid JSON" },
  RPC_INVALID_REQUEST: { code: -32600, message: "Invalid Request" },
  RPC_METHOD_NOT_FOUND: { code: -32601, message: "Method not found" },
  RPC_INVALID_PARAMS: { code: -32602, message: "Invalid params" },
  RPC_INTERNAL_ERROR: { code: -32603, message: "Internal error" },
  RPC_SERVER_ERROR: { code: -32000, message: "Server error" },
} as const;

export type RpcErrorCode = keyof typeof RPC_ERRORS;

/** Thrown while a request is answered; `data` is the text of the answer's `data`. */
export class RpcError extends LedgerError<{ code: RpcErrorCode; data: string }> {
  /** What stands under `error` in the answer. */
  get body(): { readonly code: number; readonly message: string; readonly data: string } {
    return { ...RPC_ERRORS[this.details.code], data: this.details.data };
  }
}

/** What a method throws when it cannot answer: CometBFT has one code for all of them. */
export function methodError(data: string): RpcError {
  return new RpcError({ code: "RPC_INTERNAL_ERROR", data });
}

export function rpcError(code: RpcErrorCode, data = ""): RpcError {
  return new RpcError({ code, data });
}

/** The RPC server could not be started. */
export class RpcStartError extends LedgerError<
  | { code: "RPC_ADDRESS_MALFORMED"; address: string }
  | { code: "RPC_ADDRESS_UNAVAILABLE"; host: string; port: number; reason: string }
> {}
