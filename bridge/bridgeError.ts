import { LedgerError } from "#storage/error.ts";

export type BridgeErrorDetails =
  | { readonly code: "BRIDGE_VALSET_MEMBERS"; readonly members: number }
  | { readonly code: "BRIDGE_VALSET_ORDER"; readonly member: number }
  | { readonly code: "BRIDGE_VALSET_POWER"; readonly member: number; readonly power: bigint }
  | { readonly code: "BRIDGE_VALSET_LENGTH"; readonly bytes: number }
  | { readonly code: "BRIDGE_RESULTS_COUNT"; readonly txs: number; readonly results: number }
  | { readonly code: "BRIDGE_APP_HASH"; readonly bytes: number }
  | { readonly code: "BRIDGE_EVENT_NONCE"; readonly expected: bigint; readonly given: bigint }
  | { readonly code: "BRIDGE_RANGE"; readonly fromHeight: number; readonly blocks: number }
  | { readonly code: "BRIDGE_HEIGHT_OUTSIDE"; readonly height: number }
  | { readonly code: "BRIDGE_TX_ABSENT"; readonly txId: Uint8Array }
  | { readonly code: "BRIDGE_MESSAGE_ABSENT"; readonly txId: Uint8Array; readonly messageIndex: number }
  | { readonly code: "BRIDGE_TX_UNREADABLE"; readonly txId: Uint8Array }
  | { readonly code: "BRIDGE_BLOCK_ABSENT"; readonly height: number }
  | { readonly code: "BRIDGE_SET_ABSENT"; readonly number: bigint }
  | { readonly code: "BRIDGE_SIGNATURE_LOG_DAMAGED"; readonly path: string; readonly line: number }
  | { readonly code: "BRIDGE_SIGNATURE_LOG_FAILED"; readonly name: string }
  | { readonly code: "BRIDGE_SIGNED_OTHER"; readonly name: string; readonly signed: string; readonly digest: string }
  | { readonly code: "BRIDGE_STATE_ABSENT"; readonly height: number }
  | { readonly code: "BRIDGE_STATE_PROOF"; readonly reason: string };

/** Codes: bridge/README.md. */
export class BridgeError extends LedgerError<BridgeErrorDetails> {}
