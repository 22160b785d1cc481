import assert from "node:assert";
import type { AbciEvent } from "#consensus/abci.ts";
import type { Meter, Params, Validators } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { SignatureCheck, Transaction } from "#storage/types/transaction.ts";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { revokedOnEthereum } from "./registryStanding.ts";
import type { Right, Standing } from "./roles.ts";
import { hasRight, isRole } from "./roles.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import type { WorkingState } from "./workingState.ts";

/** What the rules of one message see. They may write before they fail: a failed transaction's writes are taken back. */
export interface MessageContext {
  readonly state: WorkingState;
  readonly params: Params;
  readonly chainId: string;
  readonly tx: Transaction;
  /** The transaction's id as lower-case hex. */
  readonly txIdHex: string;
  /** Unix ms of the block; undefined in CheckTx without a clock, where rules about time are left to the block. */
  readonly timeMs: number | undefined;
  /** Of the block, in CheckTx of the next one. */
  readonly height: number;
  /** The validators before the block. */
  readonly validatorsBefore: Validators;
  /** Answers what storage/crypto/keys.ts `verifySignature` answers. */
  readonly verify: (check: SignatureCheck) => boolean;
  readonly events: AbciEvent[];
  /** Index of the next output this transaction creates. */
  nextOutputIndex: number;
  /** Signatures of checkers that this transaction has brought along so far. */
  attestations: number;
}

/** The canonical account of a signer field: decoding has checked it already. */
export function signerAccount(text: string): string {
  const account = canonicalAccount(text);
  assert(account !== undefined);
  return account;
}

export function isSigner(context: MessageContext, account: string): boolean {
  return context.tx.signers.some((signer) => signer.account === account);
}

/** As what the account acts, other than as a device. The owner of the ledger acts as owner even if it is a member as well. */
function standingsOf(context: MessageContext, account: string): Standing[] {
  const standings: Standing[] = [];
  if (account === context.params.owner) standings.push("owner");
  const role = context.state.get("member", account)?.role;
  if (role !== undefined && isRole(role)) standings.push(role);
  return standings;
}

export function requireRight(context: MessageContext, account: string, right: Right): Failure | undefined {
  const standings = standingsOf(context, account);
  // Few rights are a validator's: what every transfer asks for need not look.
  if (hasRight("validator", right) && context.state.get("bridgeSigner", account) !== undefined)
    standings.push("validator");
  if (standings.some((standing) => hasRight(standing, right))) return undefined;
  return fail("ROLE_FORBIDDEN", `${right} is not for ${standings.length === 0 ? "strangers" : standings.join(", ")}`);
}

/**
 * Whether the account has the right as a member or as what it is to the meter. A certificate that is revoked, here or on Ethereum
 * where that counts, makes the device's standing void, and no other.
 */
export function requireMeterRight(
  context: MessageContext,
  account: string,
  right: Right,
  { meterId, meter }: { readonly meterId: string; readonly meter: Meter },
): Failure | undefined {
  const standings = standingsOf(context, account);
  if (context.state.get("member", account) !== undefined) {
    if (account === meter.owner) standings.push("meterOwner");
    if (account === administratorOf(meter)) standings.push("administrator");
  }
  if (standings.some((standing) => hasRight(standing, right))) return undefined;
  if (account === meter.deviceAccount) {
    if (hasRight("device", right))
      return meter.revoked ? fail("METER_REVOKED", "as its device") : revokedOnEthereum(context.state, meterId);
    standings.push("device");
  }
  return fail("ROLE_FORBIDDEN", `${right} is not for ${standings.length === 0 ? "strangers" : standings.join(", ")}`);
}

/** Who configures the meter's device. */
export function administratorOf(meter: Meter): string {
  return meter.administrator === "" ? meter.owner : meter.administrator;
}

/** Unix ms of the block for records; 0 in a CheckTx without a clock, whose records nobody keeps. */
export function recordTimeMs(context: MessageContext): bigint {
  return BigInt(context.timeMs ?? 0);
}

/** Gives the account its number, for good: removing a member keeps it, so that no sequence is ever used twice. */
export function ensureAccount(state: WorkingState, account: string): void {
  if (state.get("account", account) !== undefined) return;
  const counters = state.get("counters", SINGLE) ?? newRecord("counters", {});
  state.put("account", account, newRecord("account", { number: counters.nextAccountNumber }));
  state.put("counters", SINGLE, { ...counters, nextAccountNumber: counters.nextAccountNumber + 1n });
}
