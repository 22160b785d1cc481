import type { Logger } from "pino";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { txId } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import { MAX_GROUP, takeGroups, type Waiting } from "./carrierGroups.ts";
import { submissionOf } from "./carrierVerdict.ts";
import type { BigchainSubmission } from "./ports.ts";

/** Transactions of the ledger that are handed to the mempool in one go. */
const MAX_BATCH = 64;

/** Clients' transactions that wait for a place among those of this account. */
const MAX_QUEUED = 10_000;

/** How long one waits for such a place, in ms. */
const QUEUE_TIMEOUT_MS = 10_000;

/**
 * How long the first one of the queue waits for others to share its transaction of the ledger, in ms, while such transactions of this account are under way. With
 * none under way nobody waits: one client who sends one after another.
 */
const GATHER_MS = 10;

/** How often those that wait too long are looked for, in ms. */
const LOOK_MS = 500;

/** Times that a transaction is signed anew because its place in the account's sequence was lost. */
const MAX_ATTEMPTS = 8;

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
  /**
   * Of a transaction that has been found valid; resolves once the mempool has it, or will not. `spends`: a name of each output that it spends, so that of two
   * rivals neither takes others down with it.
   */
  submit(id: string, json: string, spends: readonly string[]): Promise<BigchainSubmission>;
  /** A block has it. Answers whether that is the last word: a group that failed is not, nor what another node's carrier met. */
  decided(decision: { readonly id: string; readonly accepted: boolean; readonly ledgerTxId: string }): boolean;
  /** Everything that is committed has been told by `decided`: what is in no block and not in the mempool goes again. */
  caughtUp(): void;
  close(): void;
}

interface Flying {
  readonly json: string;
  readonly spends: readonly string[];
  readonly txIdHex: string;
  readonly attempts: number;
  /** So many are in its transaction of the ledger. */
  readonly groupSize: number;
}

export function createCarrier(
  { chainId, key }: { readonly chainId: string; readonly key: PrivateKey },
  ports: CarrierPorts,
  { log, gatherMs = GATHER_MS }: { readonly log: Logger; readonly gatherMs?: number },
): Carrier {
  const signer = accountOfKey(publicKeyOf(key));
  const queue: Waiting[] = [];
  const queuedIds = new Set<string>();
  const flying = new Map<string, Flying>();
  /** Transactions of the ledger in flight, by their id: how many of the clients' are in each. */
  const carrying = new Map<string, number>();
  /** Outputs that those in flight spend. */
  const spending = new Map<string, number>();
  let account: { readonly number: bigint; next: bigint } | undefined;
  let isPumping = false;
  let isClosed = false;
  let wake: (() => void) | undefined;
  let gathered: (() => void) | undefined;

  function sign(group: readonly Waiting[], number: bigint, sequence: bigint): Uint8Array {
    const messages = group.map(({ json }) =>
      ledgerMessage("MsgBigchainTransaction", { signer, transaction: Buffer.from(json, "utf8") }),
    );
    return signTransaction({
      messages,
      chainId,
      signers: [{ privateKey: key, accountNumber: number, sequence }],
    });
  }

  function fly(item: Waiting, txIdHex: string, groupSize: number): void {
    const { id, json, spends, attempts } = item;
    flying.set(id, { json, spends, attempts, txIdHex, groupSize });
    count(carrying, txIdHex, 1);
    for (const output of spends) count(spending, output, 1);
  }

  function land(id: string): Flying | undefined {
    const landed = flying.get(id);
    if (landed === undefined) return undefined;
    flying.delete(id);
    count(carrying, landed.txIdHex, -1);
    for (const output of landed.spends) count(spending, output, -1);
    return landed;
  }

  /** Nobody waits for the answer any more: it was accepted when it was first sent. */
  function resend(id: string, { json, spends, attempts }: Flying, isAlone: boolean): void {
    if (attempts >= MAX_ATTEMPTS) {
      log.warn({ id, attempts }, "A BigchainDB transaction found no place on the ledger");
      return;
    }
    queuedIds.add(id);
    const settle = () => undefined;
    queue.push({ id, json, spends, isAlone, settle, sinceMs: ports.nowMs(), attempts: attempts + 1 });
  }

  function settle(item: Waiting, submission: BigchainSubmission): void {
    queuedIds.delete(item.id);
    item.settle(submission);
  }

  function full(): BigchainSubmission {
    const maxTxs = ports.maxPending();
    const bytes = [...flying.values()].reduce((sum, { json }) => sum + json.length, 0);
    return { result: "full", txs: carrying.size, maxTxs, bytes, maxBytes: maxTxs * MAX_TX_BYTES };
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

  /** Until a group is full, or the first one has waited long enough. */
  async function gather(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, gatherMs);
    gathered = resolve;
    await promise;
    clearTimeout(timer);
    gathered = undefined;
  }

  /** Sends the first ones of the queue; those that lost their place stand at its beginning again. Answers whether it may go on at once. */
  async function sendSome(count: number): Promise<boolean> {
    const groups = takeGroups(queue, count, (output) => spending.has(output));
    account ??= await ports.account();
    if (account === undefined) {
      for (const item of groups.flat()) settle(item, { result: "refused", code: "ACCOUNT_UNKNOWN", reason: signer });
      return true;
    }
    const { number, next } = account;
    const txs = groups.map((group, index) => sign(group, number, next + BigInt(index)));
    const verdicts = await ports.add(txs);
    const again: Waiting[] = [];
    let isFull = false;
    for (const [index, group] of groups.entries()) {
      const submission = submissionOf(verdicts[index]);
      const txIdHex = Buffer.from(txId(txs[index] as Uint8Array)).toString("hex");
      for (const item of group) {
        if (submission === "full") again.push(item);
        else if (submission === "again" || (submission.result !== "added" && group.length > 1)) {
          if (item.attempts < MAX_ATTEMPTS)
            again.push({ ...item, attempts: item.attempts + 1, isAlone: item.isAlone || submission !== "again" });
          else settle(item, { result: "refused", code: "SEQUENCE_MISMATCH", reason: signer });
        } else {
          if (submission.result === "added") fly(item, txIdHex, group.length);
          settle(item, submission);
        }
      }
      if (submission === "full") isFull = true;
    }
    const areAllAdded = verdicts.every((verdict) => verdict.added);
    // Whatever was not added left a hole behind which nothing fits: the account is looked up anew.
    account = areAllAdded ? { number, next: next + BigInt(groups.length) } : undefined;
    queue.unshift(...again);
    return !isFull;
  }

  async function pump(): Promise<void> {
    if (isPumping) return;
    isPumping = true;
    try {
      let mayGoOn = true;
      while (queue.length > 0 && !isClosed) {
        const places = ports.maxPending() - carrying.size;
        if (places <= 0 || !mayGoOn) await room();
        else if (carrying.size > 0 && queue.length < MAX_GROUP && queue[0]?.isAlone === false) await gather();
        mayGoOn = true;
        const free = Math.min(places, MAX_BATCH);
        if (free > 0 && queue.length > 0) mayGoOn = await sendSome(free);
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
    submit(id, json, spends) {
      if (flying.has(id) || queuedIds.has(id)) return Promise.resolve({ result: "known" });
      if (queue.length >= MAX_QUEUED) return Promise.resolve(full());
      const { promise, resolve } = Promise.withResolvers<BigchainSubmission>();
      queuedIds.add(id);
      queue.push({ id, json, spends, isAlone: false, settle: resolve, sinceMs: ports.nowMs(), attempts: 0 });
      if (queue.length >= MAX_GROUP) gathered?.();
      void pump();
      return promise;
    },

    decided({ id, accepted, ledgerTxId }) {
      const own = flying.get(id);
      if (!accepted && own?.txIdHex !== ledgerTxId) return false;
      const landed = land(id);
      wake?.();
      if (accepted || landed === undefined || landed.groupSize === 1) return true;
      resend(id, landed, true);
      void pump();
      return false;
    },

    caughtUp() {
      for (const [id, { txIdHex }] of [...flying]) {
        if (ports.has(txIdHex)) continue;
        const landed = land(id);
        account = undefined;
        if (landed !== undefined) resend(id, landed, landed.groupSize === 1);
      }
      wake?.();
      void pump();
    },

    close() {
      isClosed = true;
      wake?.();
      gathered?.();
      for (const item of queue.splice(0))
        settle(item, { result: "refused", code: "NOT_READY", reason: "the node is stopping" });
    },
  };
}

/** Names are in the map as long as there is something of them. */
function count(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const left = (counts.get(name) ?? 0) + change;
  if (left > 0) counts.set(name, left);
  else counts.delete(name);
}
