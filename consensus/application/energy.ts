import { MAX_ENERGY_MWH, MAX_LOCK_ACCOUNTS, MAX_TRANSFER_OUTPUTS } from "#storage/limits.ts";
import type { Meter } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { EnergyOutput, MsgRegisterEnergy, MsgTransferEnergy } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import { unopenedSlot } from "./intervals.ts";
import type { MessageContext } from "./messageContext.ts";
import { isSigner, requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, outputId, unopenedId } from "./stateRecords.ts";

/**
 * Turns measured production into an asset. Checks in this order:
 *   a) the signer may register (ROLE_FORBIDDEN), owns the meter (METER_UNKNOWN, METER_NOT_OWNED), and it measures production (METER_NOT_EXPORT)
 *   b) each opening matches its sealed interval or amendment (OPENING_UNKNOWN, OPENING_MISMATCH); what it opens counts as produced from now on
 *   c) the outputs are well-formed (OUTPUTS_INVALID, AMOUNT_INVALID, LOCK_INVALID, ACCOUNT_MALFORMED, MEMBER_UNKNOWN)
 *   d) they do not exceed what is produced and not yet registered (ENERGY_NOT_PRODUCED)
 * A revoked meter seals no more, but what it sealed before stays its owner's.
 */
export function registerEnergy(context: MessageContext, message: MsgRegisterEnergy): Failure | undefined {
  const { state } = context;
  const { meterId } = message;
  const owner = signerAccount(message.owner);
  const forbidden = requireRight(context, owner, "registerEnergy");
  if (forbidden !== undefined) return forbidden;
  const meter = state.get("meter", meterId);
  const chain = state.get("chain", meterId);
  if (meter === undefined || chain === undefined) return fail("METER_UNKNOWN", JSON.stringify(meterId.slice(0, 96)));
  if (meter.owner !== owner) return fail("METER_NOT_OWNED", `${meterId} belongs to ${meter.owner}`);
  if (meter.direction !== "export") return fail("METER_NOT_EXPORT", meterId);

  const opened = openIntervals(context, message, meter);
  if (typeof opened !== "bigint") return opened;
  const producedMwh = chain.producedMwh + opened;
  if (producedMwh > MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", "the meter's total exceeds 2^53 - 1 mWh");

  const amount = createOutputs(context, message.outputs, meter.quantity);
  if (typeof amount !== "bigint") return amount;
  const registeredMwh = chain.registeredMwh + amount;
  if (registeredMwh > producedMwh)
    return fail(
      "ENERGY_NOT_PRODUCED",
      `${amount} mWh, but ${producedMwh} mWh produced and ${chain.registeredMwh} mWh registered`,
    );
  state.put("chain", meterId, { ...chain, producedMwh, registeredMwh });
  context.events.push(event("asset", { meter: meterId, account: owner, amount_mwh: amount.toString() }));
  return undefined;
}

/**
 * Spends outputs and creates new ones. Checks in this order:
 *   a) every signer may transfer (ROLE_FORBIDDEN)
 *   b) 1 to MAX_TRANSFER_OUTPUTS inputs (OUTPUTS_INVALID), each a pointer (INPUT_MALFORMED), none twice (INPUT_REPEATED), unspent
 *      (INPUT_SPENT_OR_UNKNOWN), its lock satisfied by this transaction's signers (INPUT_LOCKED), all of one quantity (INPUT_QUANTITY_MIXED)
 *   c) the outputs are well-formed, as in registerEnergy
 *   d) both totals are equal (AMOUNTS_UNBALANCED)
 */
export function transferEnergy(context: MessageContext, message: MsgTransferEnergy): Failure | undefined {
  for (const text of message.signers) {
    const forbidden = requireRight(context, signerAccount(text), "transferEnergy");
    if (forbidden !== undefined) return forbidden;
  }
  if (message.inputs.length === 0 || message.inputs.length > MAX_TRANSFER_OUTPUTS)
    return fail("OUTPUTS_INVALID", `${message.inputs.length} inputs, 1 to ${MAX_TRANSFER_OUTPUTS} allowed`);
  const spent = new Set<string>();
  let quantity = "";
  let total = 0n;
  for (const pointer of message.inputs) {
    if (pointer.txId.length !== 32) return fail("INPUT_MALFORMED", `tx id of ${pointer.txId.length} bytes`);
    const { buffer, byteOffset, length } = pointer.txId;
    const id = outputId(Buffer.from(buffer, byteOffset, length).toString("hex"), pointer.outputIndex);
    if (spent.has(id)) return fail("INPUT_REPEATED", id);
    spent.add(id);
    const output = context.state.get("output", id);
    if (output === undefined) return fail("INPUT_SPENT_OR_UNKNOWN", id);
    let signed = 0;
    for (const account of output.accounts) if (isSigner(context, account)) signed += 1;
    if (signed < output.threshold) return fail("INPUT_LOCKED", `${id}: ${signed} of ${output.threshold} signed`);
    if (quantity !== "" && output.quantity !== quantity)
      return fail("INPUT_QUANTITY_MIXED", `${quantity} and ${output.quantity}`);
    quantity = output.quantity;
    total += output.amountMwh;
    context.state.remove("output", id);
    context.events.push(event("output_spent", { output: pointerText(id) }));
  }
  const created = createOutputs(context, message.outputs, quantity);
  if (typeof created !== "bigint") return created;
  if (created !== total) return fail("AMOUNTS_UNBALANCED", `${total} mWh in, ${created} mWh out`);
  return undefined;
}

/** The sum of all openings; the intervals are no longer unopened then. */
function openIntervals(context: MessageContext, message: MsgRegisterEnergy, meter: Meter): bigint | Failure {
  const intervalMs = Number(meter.intervalMs);
  let total = 0n;
  for (const { intervalEndMs, sumMwh, salt, amendment } of message.openings) {
    const endMs = Number(intervalEndMs);
    const id = unopenedId(message.meterId, unopenedSlot(endMs, intervalMs), amendment);
    const interval = context.state.get("unopened", id);
    if (interval === undefined || interval.endMs !== intervalEndMs) return fail("OPENING_UNKNOWN", `${intervalEndMs}`);
    const verdict = verifySumOpening(interval.sumCommitment, { sum: sumMwh, count: interval.readingCount, salt });
    if (!verdict.accepted) return fail("OPENING_MISMATCH", `${intervalEndMs}: ${verdict.reason}`);
    if (sumMwh < 0n || (interval.readingCount === 0 && sumMwh !== 0n))
      return fail("INTERVAL_ENERGY_INVALID", `${sumMwh} mWh in ${interval.readingCount} readings`);
    if (sumMwh > MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", "opened sum");
    total += sumMwh;
    context.state.remove("unopened", id);
  }
  return total;
}

/** Writes the outputs and answers their total. */
function createOutputs(context: MessageContext, outputs: readonly EnergyOutput[], quantity: string): bigint | Failure {
  if (outputs.length === 0 || outputs.length > MAX_TRANSFER_OUTPUTS)
    return fail("OUTPUTS_INVALID", `${outputs.length} outputs, 1 to ${MAX_TRANSFER_OUTPUTS} allowed`);
  let total = 0n;
  for (const { amountMwh, lock } of outputs) {
    if (amountMwh === 0n || amountMwh > MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", `${amountMwh} mWh`);
    total += amountMwh;
    const accounts = readLock(context, lock?.accounts ?? [], lock?.threshold ?? 0);
    if (!Array.isArray(accounts)) return accounts;
    const index = context.nextOutputIndex;
    context.nextOutputIndex += 1;
    const id = outputId(context.txIdHex, index);
    const threshold = lock?.threshold ?? 0;
    context.state.put("output", id, newRecord("output", { amountMwh, quantity, threshold, accounts }));
    context.events.push(
      event("output_created", { output: pointerText(id), account: accounts, amount_mwh: amountMwh.toString() }),
    );
  }
  return total;
}

function readLock(context: MessageContext, texts: readonly string[], threshold: number): string[] | Failure {
  if (texts.length === 0 || texts.length > MAX_LOCK_ACCOUNTS)
    return fail("LOCK_INVALID", `${texts.length} accounts, 1 to ${MAX_LOCK_ACCOUNTS} allowed`);
  if (threshold < 1 || threshold > texts.length)
    return fail("LOCK_INVALID", `threshold ${threshold} of ${texts.length}`);
  const accounts: string[] = [];
  for (const text of texts) {
    const account = canonicalAccount(text);
    if (account === undefined) return fail("ACCOUNT_MALFORMED", "lock");
    if (accounts.includes(account)) return fail("LOCK_INVALID", `${account} twice`);
    if (context.state.get("member", account) === undefined) return fail("MEMBER_UNKNOWN", account);
    accounts.push(account);
  }
  return accounts;
}

/** `<tx id>:<index>`, as users write it. */
function pointerText(id: string): string {
  return id.replace("/", ":");
}
