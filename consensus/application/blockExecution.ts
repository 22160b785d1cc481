import type { AbciEvent, ExecTxResult, Misbehavior } from "#consensus/abci.ts";
import { sha256Latin1 } from "#storage/crypto/hash.ts";
import type { Failure } from "./codes.ts";
import type { DecodedTransactions, KnownTransaction } from "./decodedTransactions.ts";
import { punish } from "./exclusions.ts";
import type { ExecutionSite } from "./executeTransaction.ts";
import { executeTransaction, isPaidFor, resultOf } from "./executeTransaction.ts";

/** A block's transactions executed on a working copy, before its hash is known. */
export interface BlockExecution {
  readonly site: ExecutionSite;
  /** Of the block itself: what became of validators that misbehaved. */
  readonly events: readonly AbciEvent[];
  /** One per transaction. */
  readonly results: readonly ExecTxResult[];
  /** Why a proposal with these transactions is malformed; undefined if it is not. */
  readonly malformed: string | undefined;
}

/** Punishes misbehaviour, then executes all transactions; those that fail have a code and no effect. */
export function executeBlock(
  site: ExecutionSite,
  decoded: DecodedTransactions,
  misbehavior: readonly Misbehavior[],
  txs: readonly Uint8Array[],
): BlockExecution {
  const events = punish(site.state, misbehavior, site.height);
  const results: ExecTxResult[] = [];
  const seen = new Set<string>();
  let malformed: string | undefined;
  for (const [index, bytes] of txs.entries()) {
    const known = decoded.decode(bytes);
    const outcome = executeKnown(site, known);
    const failure = "code" in outcome ? outcome : undefined;
    if (!known.decoded.accepted || failure?.code === "SIGNATURE_INVALID")
      malformed ??= `transaction ${index}: ${failure?.code} ${failure?.reason}`;
    if (seen.has(known.id)) malformed ??= `transaction ${index} is in the block twice`;
    seen.add(known.id);
    results.push(resultFor(known, outcome));
  }
  return { site, events, results, malformed };
}

/** As executeBlock, but takes transactions in their order as long as they succeed, or pay for their place, and fit into `maxTxBytes`; the others wait for another block. */
export function selectTransactions(
  site: ExecutionSite,
  decoded: DecodedTransactions,
  misbehavior: readonly Misbehavior[],
  txs: readonly Uint8Array[],
  maxTxBytes: number,
): { txs: readonly Uint8Array[]; execution: BlockExecution } {
  const events = punish(site.state, misbehavior, site.height);
  const taken: Uint8Array[] = [];
  const results: ExecTxResult[] = [];
  let bytesLeft = maxTxBytes;
  for (const bytes of txs) {
    const size = protoSize(bytes);
    if (size > bytesLeft) continue;
    const known = decoded.decode(bytes);
    const outcome = executeKnown(site, known);
    if ("code" in outcome && !isPaidFor(outcome)) continue;
    bytesLeft -= size;
    taken.push(bytes);
    results.push(resultFor(known, outcome));
  }
  return { txs: taken, execution: { site, events, results, malformed: undefined } };
}

/** Bytes a transaction takes in a block's data: one tag, the length, itself. */
export function protoSize(tx: Uint8Array): number {
  let lengthBytes = 1;
  for (let rest = tx.length; rest >= 0x80; rest = Math.floor(rest / 128)) lengthBytes += 1;
  return 1 + lengthBytes + tx.length;
}

/** Names a list of transactions: the hash of their ids. */
export function transactionsKey(decoded: DecodedTransactions, txs: readonly Uint8Array[]): string {
  return sha256Latin1(Buffer.from(txs.map((tx) => decoded.decode(tx).id).join(""), "latin1"));
}

function executeKnown(site: ExecutionSite, { decoded }: KnownTransaction): readonly AbciEvent[] | Failure {
  return decoded.accepted ? executeTransaction(site, decoded.tx) : { code: decoded.code, reason: decoded.reason };
}

function resultFor({ decoded }: KnownTransaction, outcome: readonly AbciEvent[] | Failure): ExecTxResult {
  return resultOf(decoded.accepted ? decoded.tx : undefined, outcome);
}
