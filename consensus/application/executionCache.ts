import type { BlockContext } from "#consensus/abci.ts";
import type { BlockExecution } from "./blockExecution.ts";
import { transactionsKey } from "./blockExecution.ts";
import type { DecodedTransactions } from "./decodedTransactions.ts";

/** Proposals at the next height that wait to be decided: one or two rounds. */
const MAX_KEPT_EXECUTIONS = 4;

/** Executions on top of the last commit, by all that their outcome depends on: height, time, misbehaviour and transactions. */
export class ExecutionCache {
  readonly #executions = new Map<string, BlockExecution>();
  readonly #decoded: DecodedTransactions;

  constructor(decoded: DecodedTransactions) {
    this.#decoded = decoded;
  }

  get(block: BlockContext, txs: readonly Uint8Array[]): BlockExecution | undefined {
    return this.#executions.get(this.#keyOf(block, txs));
  }

  keep(block: BlockContext, txs: readonly Uint8Array[], execution: BlockExecution): void {
    this.#executions.set(this.#keyOf(block, txs), execution);
    if (this.#executions.size <= MAX_KEPT_EXECUTIONS) return;
    const oldest = this.#executions.keys().next();
    if (oldest.done !== true) this.#executions.delete(oldest.value);
  }

  /** After a commit nothing that was executed before it counts. */
  clear(): void {
    this.#executions.clear();
  }

  #keyOf({ height, time, misbehavior }: BlockContext, txs: readonly Uint8Array[]): string {
    const culprits = misbehavior.map(
      (each) =>
        `${Buffer.from(each.address).toString("hex")} ${each.type} ${each.height} ${each.time.seconds}.${each.time.nanos}`,
    );
    return `${height}/${time.seconds}.${time.nanos}/${culprits.join()}/${transactionsKey(this.#decoded, txs)}`;
  }
}
