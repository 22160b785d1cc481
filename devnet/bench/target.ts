/** A network under load: four validators, into which each lane of transactions goes at its own one. */
export interface BenchTarget extends AsyncDisposable {
  /** How it stands in a table. */
  readonly name: string;
  /** Processes of each validator: its node and, where there is one, its engine. */
  pids(): readonly (readonly number[])[];
  /** Hands a batch to the validator of that lane; the number it refused. */
  submit(lane: number, txs: readonly Uint8Array[]): Promise<number>;
  /** Transactions of each whole block from this height on, as far as they can be had in one go; none when there is no such block yet. */
  blocks(from: number): Promise<readonly (readonly Uint8Array[])[]>;
  /** Resolves when there may be a new block, after that time at the latest, in ms. */
  arrival(timeoutMs: number): Promise<void>;
  /** The first block that can hold a transaction of the load. */
  readonly firstHeight: number;
  /** After the load: whether all validators hold one chain, and transactions that failed in a block. */
  close(): Promise<{ readonly agreement: boolean; readonly rejectedInBlocks: number }>;
}
