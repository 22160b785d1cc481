import { type ErrorDetails, LedgerError } from "../error.ts";

export type WalErrorDetails =
  /** A bad record with good ones behind it: not what a crash leaves, but a disk or a hand that changed the file. */
  | {
      readonly code: "WAL_CORRUPT";
      readonly file: string;
      readonly offset: number;
      /** Where the next good record starts, in `nextFile`. */
      readonly nextFile: string;
      readonly nextOffset: number;
      readonly next: string;
    }
  | { readonly code: "WAL_SEGMENT_MISSING"; readonly file: string; readonly next: string }
  | { readonly code: "WAL_PAYLOAD_TOO_LONG"; readonly bytes: number; readonly maxBytes: number }
  /** An earlier write or sync failed: what is on disk is known only after opening anew. */
  | { readonly code: "WAL_FAILED"; readonly earlier: string }
  | { readonly code: "WAL_CLOSED" };

export class WalError extends LedgerError<WalErrorDetails & ErrorDetails> {}

/** Why going on by itself would be wrong: a validator that forgets what it locked may vote against it. */
export const WAL_CORRUPT_NEXT =
  "Keep a copy of the file. A validator must not vote again before the height it was at is decided by the others: " +
  "remove the log when the net has gone past that height, and the node fetches the blocks from its peers.";
