import type { AssetState, RecordedOutput } from "#storage/assets/assetState.ts";
import type { AssetFacts, AssetOutput, AssetRules } from "#storage/assets/assetTransaction.ts";
import { type AssetErrorClass, type AssetRefusal, refusalText, refused } from "#storage/assets/assetVerdict.ts";
import { type Condition, conditionOf, conditionUri, ed25519Condition, keysOf } from "#storage/assets/condition.ts";
import { signaturesOf } from "#storage/assets/fulfillment.ts";
import { parseAssetTransaction } from "#storage/assets/parseTransaction.ts";
import { validateStateful, validateStateless } from "#storage/assets/validateTransaction.ts";
import { MAX_ASSET_TRANSACTION_BYTES } from "#storage/limits.ts";
import type { BigchainLink, BigchainOutput, Params } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { MsgBigchainTransaction } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, outputId } from "./stateRecords.ts";
import type { StateReader, WorkingState } from "./workingState.ts";

/** Characters of a refusal that results keep: the server's own texts may quote a whole transaction. */
const MAX_LOG_CHARS = 1000;

/** Refusals that depend on which of two transactions came first: whoever sent the other one could not know. */
const OF_ORDER: ReadonlySet<AssetErrorClass> = new Set(["DuplicateTransaction", "InputDoesNotExist", "DoubleSpend"]);

/** Which rules a ledger's BigchainDB transactions keep. */
export function bigchainRulesOf({ bigchainRules }: Pick<Params, "bigchainRules">): AssetRules {
  return bigchainRules === "" ? "strict" : (bigchainRules as AssetRules);
}

/** Canonical JSON bytes that one of them may have. */
export function maxBigchainBytesOf({ maxBigchainBytes }: Pick<Params, "maxBigchainBytes">): number {
  return maxBigchainBytes === 0 ? MAX_ASSET_TRANSACTION_BYTES : maxBigchainBytes;
}

/**
 * A BigchainDB v2 CREATE or TRANSFER (BEP-13). Checks in this order:
 *   a) whoever brings it may (ROLE_FORBIDDEN)
 *   b) it is canonical JSON, and valid by itself (BIGCHAIN_INVALID)
 *   c) BigchainDB's rules about earlier transactions hold, those of this block included: BIGCHAIN_REFUSED for what another transaction
 *      could have changed (it exists already, its inputs are spent or not there yet), else BIGCHAIN_INVALID
 * The reason is the text a client of BigchainDB knows: `Invalid transaction (DoubleSpend): …`.
 */
export function carryBigchainTransaction(
  context: MessageContext,
  message: MsgBigchainTransaction,
): Failure | undefined {
  const forbidden = requireRight(context, signerAccount(message.signer), "carryBigchainTransaction");
  if (forbidden !== undefined) return forbidden;
  const { params, state } = context;
  const rules = bigchainRulesOf(params);
  if (message.transaction.length > maxBigchainBytesOf(params))
    return invalid(
      refused(
        "TransactionTooLarge",
        `${message.transaction.length} bytes, and at most ${maxBigchainBytesOf(params)} are taken`,
      ),
    );
  const checked = checkedOf(message, rules);
  if ("code" in checked) return invalid(checked);
  const { transaction } = checked;
  checked.signaturesHold ??= signatureChecks(transaction)?.every(context.verify) ?? false;
  const refusal = validateStateful(transaction, assetStateOf(state), rules, checked.signaturesHold);
  if (refusal !== undefined)
    return OF_ORDER.has(refusal.code) ? fail("BIGCHAIN_REFUSED", shortText(refusal)) : invalid(refusal);
  record(context, transaction);
  return undefined;
}

/** The signatures that `carryBigchainTransaction` will ask for, so that they can be checked beforehand; none of a transaction that it will refuse anyway. */
export function openAssetChecks(message: MsgBigchainTransaction, params: Params): readonly SignatureCheck[] {
  if (message.transaction.length > maxBigchainBytesOf(params)) return [];
  const checked = checkedOf(message, bigchainRulesOf(params));
  if ("code" in checked || checked.signaturesHold !== undefined) return [];
  return signatureChecks(checked.transaction) ?? [];
}

/** Undefined if an input is not signed at all. */
function signatureChecks({ inputs }: AssetFacts): readonly SignatureCheck[] | undefined {
  const checks: SignatureCheck[] = [];
  for (const { fulfillment, message } of inputs) {
    if (fulfillment === undefined) return undefined;
    for (const { publicKey, signature } of signaturesOf(fulfillment))
      checks.push({ publicKey: { type: "ed25519", bytes: publicKey }, message, signature });
  }
  return checks;
}

/** What a transaction is by itself. It depends on its bytes and the ledger's rules alone, so that CheckTx and the block can share it. */
interface CheckedTransaction {
  readonly transaction: AssetFacts;
  /** Undefined until it was asked for. */
  signaturesHold: boolean | undefined;
}

const checkedTransactions = new WeakMap<MsgBigchainTransaction, Map<AssetRules, CheckedTransaction | AssetRefusal>>();

/** About 30 µs the first time (storage/assets/assets.bench.ts); a decoded message is never changed. */
function checkedOf(message: MsgBigchainTransaction, rules: AssetRules): CheckedTransaction | AssetRefusal {
  const byRules = checkedTransactions.get(message) ?? new Map<AssetRules, CheckedTransaction | AssetRefusal>();
  const known = byRules.get(rules);
  if (known !== undefined) return known;
  const checked = check(message.transaction, rules);
  checkedTransactions.set(message, byRules.set(rules, checked));
  return checked;
}

function check(bytes: Uint8Array, rules: AssetRules): CheckedTransaction | AssetRefusal {
  const verdict = parseAssetTransaction(bytes);
  if (!verdict.accepted) return verdict;
  const { canonical, id, operation, assetId, inputs, outputs } = verdict.value;
  if (Buffer.compare(Buffer.from(canonical), bytes) !== 0)
    return refused("MalformedTransaction", "not in canonical form");
  // What is kept for the block holds nothing of the parsed JSON, which is several times as large as its text.
  const transaction: AssetFacts = { id, operation, assetId, inputs, outputs };
  return validateStateless(transaction, rules) ?? { transaction, signaturesHold: undefined };
}

/** What earlier transactions left; of ids in another spelling than that of ids nothing is known. */
export function assetStateOf(state: StateReader): AssetState {
  const recordOf = (transactionId: string, index: number) =>
    isId(transactionId) && Number.isSafeInteger(index)
      ? state.get("bigchain", outputId(transactionId, index))
      : undefined;
  return {
    assetIdOf(transactionId, outputIndex) {
      const known = recordOf(transactionId, outputIndex) ?? recordOf(transactionId, 0);
      if (known === undefined) return undefined;
      return known.assetId.length === 0 ? transactionId : hexOf(known.assetId);
    },
    output(transactionId, outputIndex) {
      const output = recordOf(transactionId, outputIndex);
      return output === undefined || isPlaceholder(output) ? undefined : recordedOf(output);
    },
  };
}

/** No output has an amount of 0. */
function isPlaceholder({ amount, spentBy }: BigchainOutput): boolean {
  return amount === 0n && spentBy.length === 0;
}

function recordedOf(output: BigchainOutput): RecordedOutput {
  const { amount, owners, spentBy } = output;
  const condition = spentBy.length === 0 ? conditionIn(output) : undefined;
  return {
    amount,
    conditionUri: condition && conditionUri(condition),
    owners: owners.map(hexOf),
    spentBy: spentBy.length === 0 ? undefined : hexOf(spentBy),
  };
}

function conditionIn({ owners, isThreshold, fingerprint, cost }: BigchainOutput): Condition | undefined {
  const [owner] = owners;
  if (!isThreshold) return owner && ed25519Condition(owner);
  return fingerprint.length === 0 ? undefined : { type: "threshold-sha-256", fingerprint, cost };
}

/**
 * What is spent stays until its spender's first output is spent as well: long enough for whoever lost a race to be told DoubleSpend, and a chain of a thousand
 * updates leaves two records. The first output of a CREATE stays for good, or the same asset could be created again.
 */
function record({ state, events }: MessageContext, transaction: AssetFacts): void {
  const { id, assetId, operation, inputs, outputs } = transaction;
  const ofAsset = { assetId: operation === "CREATE" ? new Uint8Array(0) : bytesOf(assetId) };
  const links = inputs.flatMap(({ fulfills }) => (fulfills === undefined ? [] : [fulfills]));
  const spends = links.map(({ transactionId, outputIndex }) => ({
    transactionId: bytesOf(transactionId),
    outputIndex,
  }));
  if (outputs.length === 0) state.put("bigchain", outputId(id, 0), newRecord("bigchain", ofAsset));
  for (const [index, output] of outputs.entries()) {
    const fields = { ...ofAsset, ...lockOf(output), spends: index === 0 ? spends : [] };
    state.put("bigchain", outputId(id, index), newRecord("bigchain", fields));
  }
  for (const { transactionId, outputIndex } of links) {
    const spentId = outputId(transactionId, outputIndex);
    const spent = state.get("bigchain", spentId);
    for (const link of spent?.spends ?? []) forget(state, link);
    const spentAsset = spent?.assetId ?? new Uint8Array(0);
    state.put("bigchain", spentId, newRecord("bigchain", { assetId: spentAsset, spentBy: bytesOf(id) }));
  }
  events.push(event("bigchain", { asset_id: assetId, transaction_id: id, operation }));
}

function forget(state: WorkingState, { transactionId, outputIndex }: BigchainLink): void {
  const id = outputId(hexOf(transactionId), outputIndex);
  const isAssetItself = outputIndex === 0 && state.get("bigchain", id)?.assetId.length === 0;
  if (!isAssetItself) state.remove("bigchain", id);
}

function lockOf({ amount, details }: AssetOutput) {
  const owners = [...new Set(keysOf(details).map(hexOf))].sort().map(bytesOf);
  if (details.type === "ed25519-sha-256") return { amount, owners };
  const condition = conditionOf(details);
  const fingerprint = new Uint8Array(condition?.fingerprint ?? []);
  return { amount, owners, isThreshold: true, fingerprint, cost: condition?.cost ?? 0 };
}

function invalid(refusal: AssetRefusal): Failure {
  return fail("BIGCHAIN_INVALID", shortText(refusal));
}

function shortText(refusal: AssetRefusal): string {
  const text = refusalText(refusal);
  return text.length <= MAX_LOG_CHARS ? text : `${text.slice(0, MAX_LOG_CHARS).toWellFormed()}…`;
}

function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
