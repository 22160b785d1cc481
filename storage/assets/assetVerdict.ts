/**
 * Why a BigchainDB transaction is refused: the server's own classes, and those of this ledger for what the server answers with a crash or
 * does not look at. Codes and texts stand in README.md.
 */
export type AssetErrorClass =
  | "InvalidHash"
  | "SchemaValidationError"
  | "ValidationError"
  | "InvalidSignature"
  | "AmountError"
  | "DuplicateTransaction"
  | "InputDoesNotExist"
  | "DoubleSpend"
  | "AssetIdMismatch"
  | "ThresholdTooDeep"
  | "MalformedTransaction"
  | "TransactionTooLarge"
  | "UnsupportedOperation";

export interface AssetRefusal {
  readonly accepted: false;
  readonly code: AssetErrorClass;
  /** The server's text where it has one. */
  readonly reason: string;
}

export type AssetVerdict<T> = AssetRefusal | { readonly accepted: true; readonly value: T };

export function refused(code: AssetErrorClass, reason: string): AssetRefusal {
  return { accepted: false, code, reason };
}

export function accept<T>(value: T): AssetVerdict<T> {
  return { accepted: true, value };
}

/** The refusal as BigchainDB's HTTP answers word it. */
export function refusalText({ code, reason }: AssetRefusal): string {
  return code === "SchemaValidationError"
    ? `Invalid transaction schema: ${reason}`
    : `Invalid transaction (${code}): ${reason}`;
}
