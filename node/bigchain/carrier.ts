import type { Logger } from "pino";
import { codeNumber, LEDGER_CODES } from "#consensus/application/codes.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { txId } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import type { BigchainSubmission } from "./ports.ts";

/** Transactions signed and handed to the mempool in one go. */
const MAX_BATCH = 256;

/** Clients' transactions that wait for a place among those of this account. */
const MAX_QUEUED = 10_000;

/** How long one waits for such a place, in ms. */
const QUEUE_TIMEOUT_MS = 10_000;

/** How often those that wait too long are looked for, in ms. */
const LOOK_MS = 500;

/** Times that a transaction is signed anew because its place in the account's sequence was lost. */
const MAX_ATTEMPTS = 8;

const SEQUENCE_MISMATCH = codeNumber("SEQUENCE_MISMATCH");
const QUOTA_EXCEEDED = codeNumber("QUOTA_EXCEEDED");
const BIGCHAIN = new Set([codeNumber("BIGCHAIN_INVALID"), codeNumber("BIGCHAIN_REFUSED")]);
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(LEDGER_CODES).map(([name, [code]]) => [code, name]));

export interface CarrierPorts {
  /** The account's number, and the sequence behind its transactions that wait; undefined for one that the ledger does not know. */
  account(): Promise<{ readonly number: bigint; readonly next: bigint } | undefined>;
  /** To the mempool, in order. */
  add(txs: readonly Uint8Array[]): Promise<readonly TxVerdict[]>;
  /** Whether the mempool has a transaction. `txIdHex`: SHA-256 of its bytes. */
  has(txIdHex: string): boolean;
  /** Transactions of one account that may wait for blocks at once. */
  maxPending(): number;
  nowMs(): number;
}

/**
 * Brings clients' BigchainDB transactions onto the ledger under the account of this node, which pays for their places with its quota: one
 * MsgBigchainTransaction in each, one sequence after another. A transaction whose place is lost (an earlier one of the account was evicted) is signed anew.
 */
export interface Carrier {
  /** Of a transaction that has been found valid; resolves once the mempool has it, or will not. */
  submit(id: string, json: string): Promise<BigchainSubmission>;
  /** A block has it. */
  decided(id: string): void;
  /** Everything that is committed has been told by `decided`: what is in no block and not in the mempool goes again. */
  caughtUp(): void;
  close(): void;
}

interface Waiting {
  readonly id: string;
  readonly json: string;
  readonly settle: (submission: BigchainSubmission) => void;
  readonly sinceMs: number;
  readonly attempts: number;
}

interface Flying {
  readonly json: string;
  readonly txIdHex: string;
  readonly attempts: number;
}

export function createCarrier(
  { chainId, key }: { readonly chainId: string; readonly key: PrivateKey },
  ports: CarrierPorts,
  { log }: { readonly log: Logger },
): Carrier {
  const signer = accountOfKey(publicKeyOf(key));
  const queue: Waiting[] = [];
  const queuedIds = new Set<string>();
  const flying = new Map<string, Flying>();
  let account: { readonly number: bigint; next: bigint } | undefined;
  let isPumping = false;
  let isClosed = false;
  let wake: (() => void) | undefined;

  function sign(json: string, number: bigint, sequence: bigint): Uint8Array {
    const message = ledgerMessage("MsgBigchainTransaction", { signer, transaction: Buffer.from(json, "utf8") });
    return signTransaction({
      messages: [message],
      chainId,
      signers: [{ privateKey: key, accountNumber: number, sequence }],
    });
  }

  function settle(item: Waiting, submission: BigchainSubmission): void {
    queuedIds.delete(item.id);
    item.settle(submission);
  }

  function full(): BigchainSubmission {
    const maxTxs = ports.maxPending();
    const bytes = [...flying.values()].reduce((sum, { json }) => sum + json.length, 0);
    return { result: "full", txs: flying.size, maxTxs, bytes, maxBytes: maxTxs * MAX_TX_BYTES };
  }

  /** Until something is decided, or it is time to look for those that wait too long. */
  async function room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LOOK_MS);
    wake = resolve;
    await promise;
    clearTimeout(timer);
    const oldest = ports.nowMs() - QUEUE_TIMEOUT_MS;
    while (queue[0] !== undefined && queue[0].sinceMs < oldest) settle(queue.shift() as Waiting, full());
  }

  /** Sends the first ones of the queue; those that lost their place stand at its beginning again. Answers whether it may go on at once. */
  async function sendSome(count: number): Promise<boolean> {
    const items = queue.splice(0, count);
    account ??= await ports.account();
    if (account === undefined) {
      for (const item of items) settle(item, { result: "refused", code: "ACCOUNT_UNKNOWN", reason: signer });
      return true;
    }
    const { number, next } = account;
    const txs = items.map(({ json }, index) => sign(json, number, next + BigInt(index)));
    const verdicts = await ports.add(txs);
    const again: Waiting[] = [];
    let isFull = false;
    for (const [index, item] of items.entries()) {
      const verdict = verdicts[index];
      const submission = submissionOf(verdict);
      if (submission === "again" && item.attempts < MAX_ATTEMPTS) again.push({ ...item, attempts: item.attempts + 1 });
      else if (submission === "full") {
        again.push(item);
        isFull = true;
      } else {
        if (submission !== "again" && submission.result === "added") {
          const txIdHex = Buffer.from(txId(txs[index] as Uint8Array)).toString("hex");
          flying.set(item.id, { json: item.json, txIdHex, attempts: item.attempts });
        }
        settle(
          item,
          submission === "again" ? { result: "refused", code: "SEQUENCE_MISMATCH", reason: signer } : submission,
        );
      }
    }
    const areAllAdded = verdicts.every((verdict) => verdict.added);
    // Whatever was not added left a hole behind which nothing fits: the account is looked up anew.
    account = areAllAdded ? { number, next: next + BigInt(items.length) } : undefined;
    queue.unshift(...again);
    return !isFull;
  }

  async function pump(): Promise<void> {
    if (isPumping) return;
    isPumping = true;
    try {
      let mayGoOn = true;
      while (queue.length > 0 && !isClosed) {
        const places = ports.maxPending() - flying.size;
        if (places <= 0 || !mayGoOn) await room();
        mayGoOn = true;
        const free = Math.min(queue.length, places, MAX_BATCH);
        if (free > 0) mayGoOn = await sendSome(free);
      }
    } catch (error) {
      log.error({ err: error }, "BigchainDB transactions could not be handed on");
      for (const item of queue.splice(0))
        settle(item, { result: "refused", code: "INTERNAL", reason: "the node's log has it" });
    } finally {
      isPumping = false;
    }
  }

  return {
    submit(id, json) {
      if (flying.has(id) || queuedIds.has(id)) return Promise.resolve({ result: "known" });
      if (queue.length >= MAX_QUEUED) return Promise.resolve(full());
      const { promise, resolve } = Promise.withResolvers<BigchainSubmission>();
      queuedIds.add(id);
      queue.push({ id, json, settle: resolve, sinceMs: ports.nowMs(), attempts: 0 });
      void pump();
      return promise;
    },

    decided(id) {
      if (flying.delete(id)) wake?.();
    },

    caughtUp() {
      for (const [id, { json, txIdHex, attempts }] of flying) {
        if (ports.has(txIdHex)) continue;
        flying.delete(id);
        account = undefined;
        if (attempts >= MAX_ATTEMPTS) {
          log.warn({ id, attempts }, "A BigchainDB transaction found no place on the ledger");
          continue;
        }
        queuedIds.add(id);
        queue.push({ id, json, settle: () => undefined, sinceMs: ports.nowMs(), attempts: attempts + 1 });
      }
      wake?.();
      void pump();
    },

    close() {
      isClosed = true;
      wake?.();
      for (const item of queue.splice(0))
        settle(item, { result: "refused", code: "NOT_READY", reason: "the node is stopping" });
    },
  };
}

/** `again`: its sequence was not the account's next; `full`: the account's places are taken, and one gets free with the next block. */
function submissionOf(verdict: TxVerdict | undefined): BigchainSubmission | "again" | "full" {
  if (verdict === undefined) return { result: "refused", code: "INTERNAL", reason: "no verdict" };
  if (verdict.added || verdict.code === "TX_KNOWN") return { result: "added" };
  switch (verdict.code) {
    case "TX_TOO_LARGE":
      return { result: "tooLarge" };
    case "MEMPOOL_FULL":
    case "SENDER_FULL":
      return "full";
    case "TX_REJECTED": {
      const { code, log } = verdict.response;
      if (code === SEQUENCE_MISMATCH) return "again";
      if (code === QUOTA_EXCEEDED) return "full";
      const reason = log.replace(/^[A-Z_]+: /, "");
      const error = /^Invalid transaction \((\w+)\)/.exec(reason)?.[1] ?? "SchemaValidationError";
      if (BIGCHAIN.has(code)) return { result: "invalid", error, message: reason };
      return { result: "refused", code: NAMES.get(code) ?? String(code), reason };
    }
  }
}
