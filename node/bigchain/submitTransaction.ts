import type { SubmitMode } from "#storage/assets/assetStore.ts";
import { type Answer, bodyTooLarge, errorAnswer, internalError, unreadableBody } from "./answers.ts";
import type { BigchainWaiters } from "./commitWaiters.ts";
import type { BigchainDecision, BigchainPorts, BigchainSubmission } from "./ports.ts";

/** What becomes of a posted transaction that passes BigchainDB's rules but not the network: texts are Tendermint's, as the real server passes them on. */
const VALIDATION_FAILED = "Transaction validation failed";
const IN_CACHE = "Internal error - Tx already exists in cache";
const TIMED_OUT = "Internal error - Timed out waiting for tx to be included in a block";

/**
 * POST /transactions. Every mode checks the transaction before anything is handed on, so that what breaks a rule is 400 in each of them. `async` and `sync` are
 * answered when it waits in the mempool; `commit` when it is in a block and in the index, so that the next request finds it.
 */
export async function submitTransaction(
  body: Uint8Array,
  mode: SubmitMode,
  ports: BigchainPorts,
  { waiters, commitTimeoutMs }: { readonly waiters: BigchainWaiters; readonly commitTimeoutMs: number },
): Promise<Answer> {
  const verdict = await ports.validate(body);
  if (verdict === undefined) return unreadableBody();
  if (!verdict.accepted) {
    if (verdict.message !== undefined) return errorAnswer(400, verdict.message, verdict.error);
    return verdict.error === "tooLarge" ? bodyTooLarge() : internalError();
  }
  const { id, json, spends } = verdict;
  const echo: Answer = { status: 202, contentType: "application/json", body: `${json}\n` };

  const waiter = mode === "commit" ? waiters.wait(id, commitTimeoutMs) : undefined;
  if (mode === "commit" && waiter === undefined)
    return errorAnswer(500, "Internal error - too many transactions are waited for", "TOO_MANY_CLIENTS");
  try {
    const refusal = refusalOf(await ports.submit(id, json, spends));
    if (refusal !== undefined) return refusal;
    if (waiter === undefined) return echo;
    return commitAnswer(await waiter.decided, echo);
  } finally {
    waiter?.cancel();
  }
}

/** Undefined when it was added. */
function refusalOf(submission: BigchainSubmission): Answer | undefined {
  switch (submission.result) {
    case "added":
      return undefined;
    case "known":
      return errorAnswer(400, IN_CACHE, "TX_KNOWN");
    case "full": {
      const { txs, maxTxs, bytes, maxBytes } = submission;
      const counts = `number of txs ${txs} (max: ${maxTxs}), total txs bytes ${bytes} (max: ${maxBytes})`;
      return errorAnswer(500, `Internal error - Mempool is full: ${counts}`, "MEMPOOL_FULL");
    }
    case "tooLarge":
      return bodyTooLarge();
    case "invalid":
      return errorAnswer(400, submission.message, submission.error);
    case "refused":
      return errorAnswer(500, VALIDATION_FAILED, `${submission.code}: ${submission.reason}`);
  }
}

function commitAnswer(decision: BigchainDecision | undefined, echo: Answer): Answer {
  if (decision === undefined) return errorAnswer(500, TIMED_OUT, "COMMIT_TIMEOUT");
  return decision.accepted ? echo : errorAnswer(500, VALIDATION_FAILED, decision.log);
}
