import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import type { MessageValue } from "#storage/types/transactionMessages.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { ensureAccount, requireRight, signerAccount } from "./messageContext.ts";
import type { Role } from "./roles.ts";
import { isRole } from "./roles.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import type { WorkingState } from "./workingState.ts";

/** All of them are counted at each vote for validators, and each keeps one vote in the state. */
export const MAX_REGULATORS = 64;

export function enrolMember(context: MessageContext, message: MessageValue<"MsgEnrolMember">): Failure | undefined {
  const { state } = context;
  const account = canonicalAccount(message.member);
  if (account === undefined) return fail("ACCOUNT_MALFORMED", "member");
  if (!isRole(message.role)) return fail("ROLE_UNKNOWN", JSON.stringify(message.role.slice(0, 32)));
  const forbidden = requireRight(context, signerAccount(message.authority), rightFor(message.role));
  if (forbidden !== undefined) return forbidden;
  if (state.get("member", account) !== undefined) return fail("MEMBER_EXISTS", account);
  if (message.role === "regulator" && !addRegulator(state, account))
    return fail("REGULATORS_FULL", `${MAX_REGULATORS}`);
  ensureAccount(state, account);
  state.put("member", account, newRecord("member", { role: message.role }));
  context.events.push(event("member", { account, role: message.role, action: "enrolled" }));
  return undefined;
}

export function removeMember(context: MessageContext, message: MessageValue<"MsgRemoveMember">): Failure | undefined {
  const { state } = context;
  const account = canonicalAccount(message.member);
  if (account === undefined) return fail("ACCOUNT_MALFORMED", "member");
  const role = state.get("member", account)?.role;
  const forbidden = requireRight(context, signerAccount(message.authority), rightFor(role));
  if (forbidden !== undefined) return forbidden;
  if (role === undefined) return fail("MEMBER_UNKNOWN", account);
  if (role === "regulator") removeRegulator(state, account);
  state.remove("member", account);
  context.events.push(event("member", { account, role, action: "removed" }));
  return undefined;
}

export function changeRole(context: MessageContext, message: MessageValue<"MsgChangeRole">): Failure | undefined {
  const { state } = context;
  const account = canonicalAccount(message.member);
  if (account === undefined) return fail("ACCOUNT_MALFORMED", "member");
  if (!isRole(message.role)) return fail("ROLE_UNKNOWN", JSON.stringify(message.role.slice(0, 32)));
  const before = state.get("member", account)?.role;
  const right = rightFor(before === "regulator" ? before : message.role);
  const forbidden = requireRight(context, signerAccount(message.authority), right);
  if (forbidden !== undefined) return forbidden;
  if (before === undefined) return fail("MEMBER_UNKNOWN", account);
  if (before === "regulator" && message.role !== "regulator") removeRegulator(state, account);
  if (before !== "regulator" && message.role === "regulator" && !addRegulator(state, account))
    return fail("REGULATORS_FULL", `${MAX_REGULATORS}`);
  state.put("member", account, newRecord("member", { role: message.role }));
  context.events.push(event("member", { account, role: message.role, action: "role changed" }));
  return undefined;
}

function rightFor(role: Role | string | undefined) {
  return role === "regulator" ? "appointRegulator" : "manageMember";
}

export function addRegulator(state: WorkingState, account: string): boolean {
  const accounts = state.get("regulators", SINGLE)?.accounts ?? [];
  if (accounts.length >= MAX_REGULATORS) return false;
  state.put("regulators", SINGLE, newRecord("regulators", { accounts: [...accounts, account] }));
  return true;
}

function removeRegulator(state: WorkingState, account: string): void {
  const accounts = state.get("regulators", SINGLE)?.accounts ?? [];
  const rest = accounts.filter((other) => other !== account);
  state.put("regulators", SINGLE, newRecord("regulators", { accounts: rest }));
  // A vote counts only while its sender is a regulator.
  state.remove("vote", account);
}
