/** What the rules must know of one output. */
export interface RecordedOutput {
  readonly amount: bigint;
  /** Computed from the condition's details, whatever the transaction itself called it; undefined if no fulfillment can meet it. */
  readonly conditionUri: string | undefined;
  /** Keys of its condition, 32 bytes each in hex, each once, sorted. */
  readonly owners: readonly string[];
  /** The transaction that spends it. */
  readonly spentBy: string | undefined;
}

/**
 * What is known of earlier transactions: of committed ones, and of those that come before in the same block. Ids are 64 hex digits;
 * of anything else nothing is known. Must not throw.
 */
export interface AssetState {
  /**
   * The asset of a valid transaction. A state that forgets what was spent long ago needs to know only of transactions with this output, and of
   * every CREATE.
   */
  assetIdOf(transactionId: string, outputIndex: number): string | undefined;
  /** Undefined if the transaction has no such output. */
  output(transactionId: string, outputIndex: number): RecordedOutput | undefined;
}
