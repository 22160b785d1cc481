import { LedgerError } from "#storage/error.ts";

export type NetworkErrorDetails =
  | { readonly code: "FRAME_TOO_LARGE"; readonly bytes: number; readonly maxBytes: number }
  | { readonly code: "FRAME_LENGTH_MALFORMED" }
  | { readonly code: "FRAME_TRUNCATED"; readonly have: number; readonly need: number }
  | { readonly code: "MESSAGE_TOO_LARGE"; readonly bytes: number; readonly maxBytes: number }
  | { readonly code: "TX_BATCH_MALFORMED"; readonly reason: string }
  | { readonly code: "STATUS_MALFORMED"; readonly reason: string }
  | { readonly code: "PEERS_MALFORMED"; readonly reason: string }
  | { readonly code: "REQUEST_MALFORMED"; readonly reason: string }
  | { readonly code: "ADDRESS_MALFORMED"; readonly address: string }
  | { readonly code: "NODE_KEY_MALFORMED"; readonly bytes: number }
  | { readonly code: "PEER_NOT_CONNECTED"; readonly peer: string }
  | { readonly code: "REQUEST_FAILED"; readonly peer: string; readonly protocol: string; readonly reason: string }
  | { readonly code: "REQUEST_TIMEOUT"; readonly peer: string; readonly protocol: string; readonly timeoutMs: number }
  /** The peer answered with an error frame: its code and reason. */
  | {
      readonly code: "REQUEST_REFUSED";
      readonly peer: string;
      readonly protocol: string;
      readonly refusal: string;
      readonly reason: string;
    }
  | { readonly code: "GOSSIP_LIBRARY_CHANGED"; readonly missing: string };

export class NetworkError extends LedgerError<NetworkErrorDetails> {}

/** Thrown by a request handler to refuse with a code of its own; anything else a handler throws is INTERNAL to the peer. */
export class RefusalError extends LedgerError<{ readonly code: string; readonly reason: string }> {}
