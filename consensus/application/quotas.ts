import type { Params } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { Transaction } from "#storage/types/transaction.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";

/** What each signer has used of its place in one block. The first signer of a transaction pays for all of it. */
export class BlockQuotas {
  readonly #used = new Map<string, { txs: number; bytes: number }>();
  readonly #params: Params;

  constructor(params: Params) {
    this.#params = params;
  }

  check(tx: Transaction): Failure | undefined {
    const used = this.#used.get(payerOf(tx));
    const { quotaTxsPerBlock, quotaBytesPerBlock } = this.#params;
    if ((used?.txs ?? 0) + 1 > quotaTxsPerBlock)
      return fail("QUOTA_EXCEEDED", `${quotaTxsPerBlock} transactions in this block`);
    if ((used?.bytes ?? 0) + tx.sizeBytes > quotaBytesPerBlock)
      return fail("QUOTA_EXCEEDED", `${quotaBytesPerBlock} bytes in this block`);
    return undefined;
  }

  /** Only what takes effect is charged: a transaction that fails changes nothing, not even this. */
  charge(tx: Transaction): void {
    const payer = payerOf(tx);
    const used = this.#used.get(payer);
    if (used === undefined) this.#used.set(payer, { txs: 1, bytes: tx.sizeBytes });
    else {
      used.txs += 1;
      used.bytes += tx.sizeBytes;
    }
  }
}

/** Blocks' worth of one signer's transactions that may wait in the mempool: enough to fill blocks while one is being decided. */
const MAX_PENDING_BLOCKS = 4n;

/** For CheckTx, which sees no blocks: how far ahead of the committed sequence a signer may be. */
export function checkPending(tx: Transaction, committedSequence: bigint, params: Params): Failure | undefined {
  const pending = (tx.signers[0]?.sequence ?? 0n) - committedSequence;
  const allowed = BigInt(params.quotaTxsPerBlock) * MAX_PENDING_BLOCKS;
  return pending >= allowed ? fail("QUOTA_EXCEEDED", `${allowed} transactions wait already`) : undefined;
}

function payerOf(tx: Transaction): string {
  return tx.signers[0]?.account ?? "";
}
