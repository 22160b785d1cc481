import type { CheckTxRequest, CheckTxResponse } from "#consensus/abci.ts";

export interface MempoolOptions {
  /** Transactions held at once. */
  readonly maxTxs: number;
  /** Bytes of the transactions held at once. */
  readonly maxBytes: number;
  /** Bytes of one transaction. */
  readonly maxTxBytes: number;
  /** Transaction ids remembered after they left, so that late gossip of a committed transaction costs one look-up. */
  readonly cacheSize: number;
  /** Transactions of one sender, if `senderOf` is given: one member must not fill the pool alone. */
  readonly maxPerSender?: number;
}

/** 5 000 and 64 MiB as in CometBFT's default, with 16 of our blocks in bytes; a node with little memory sets less. */
export const DEFAULT_MEMPOOL_OPTIONS = {
  maxTxs: 20_000,
  maxBytes: 32 * 1024 * 1024,
  maxTxBytes: 256 * 1024,
  cacheSize: 40_000,
} as const satisfies MempoolOptions;

export interface MempoolPorts {
  /** The application's CheckTx: synchronous, against the state of the last commit and the transactions before it. */
  checkTx(request: CheckTxRequest): CheckTxResponse;
  /**
   * Checks the signatures of these transactions on the worker threads and remembers the verdicts, so that `checkTx`,
   * which stays the only judge, finds them ready. A rejection costs time, not correctness.
   */
  prepareVerification(txs: readonly Uint8Array[]): Promise<void>;
  /** New valid transactions, in order of arrival. Gossip sends on exactly these, and never those known before. */
  onAdded?(txs: readonly Uint8Array[], source: TxSource): void;
  /** Who pays for the transaction's place, for `maxPerSender`. Undefined if the bytes do not say. */
  senderOf?(tx: Uint8Array): string | undefined;
}

/** Where transactions came from: a peer's gossip, or (without `peer`) this node's own API. */
export interface TxSource {
  readonly peer?: string;
}

export type TxVerdict =
  | { readonly added: true }
  | { readonly added: false; readonly code: "TX_TOO_LARGE"; readonly bytes: number; readonly maxBytes: number }
  | { readonly added: false; readonly code: "TX_KNOWN" }
  | { readonly added: false; readonly code: "MEMPOOL_FULL"; readonly txs: number; readonly bytes: number }
  | { readonly added: false; readonly code: "SENDER_FULL"; readonly sender: string; readonly txs: number }
  | { readonly added: false; readonly code: "TX_REJECTED"; readonly response: CheckTxResponse };

export interface MempoolStats {
  readonly txs: number;
  readonly bytes: number;
  /** Transactions that arrived and are still being checked. */
  readonly pending: number;
  readonly added: number;
  readonly known: number;
  readonly rejected: number;
  readonly full: number;
  readonly committed: number;
  /** Transactions that were valid once and no longer are after a block. */
  readonly evicted: number;
}

export interface Mempool {
  readonly stats: MempoolStats;
  /** One verdict per transaction, in their order. Waits while a block is being committed. Never throws for any bytes. */
  addBatch(txs: readonly Uint8Array[], source?: TxSource): Promise<TxVerdict[]>;
  /** Whether the transaction is held now. `txIdHex`: SHA-256 of the transaction. */
  has(txIdHex: string): boolean;
  /** Transactions in order of arrival, up to `maxBytes` in the protobuf form of a block's data and up to `maxTxs`. */
  reap(maxBytes: number, maxTxs?: number): Uint8Array[];
  /** Holds back every CheckTx until `update` has finished: between FinalizeBlock and Commit the state is in motion. */
  lock(): void;
  /** Ends a `lock` whose block was not committed. */
  unlock(): void;
  /** Removes what `height` committed, checks the rest again, and unlocks. */
  update(height: number, committed: readonly Uint8Array[]): Promise<void>;
  /** Resolves once `reap` has something to give; rejects with the signal's reason. */
  waitForTxs(signal?: AbortSignal): Promise<void>;
}
