import type { PublicKey } from "#storage/crypto/keys.ts";
import { MAX_LABEL_CHARS } from "#storage/limits.ts";
import type { Meter } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { DeviceKey, MsgEnrolMeter } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { isMeterId, MAX_READING_PERIOD_MS } from "#storage/types/reading.ts";
import { accountOfKey, canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { PUBLIC_KEY_TYPES } from "#storage/types/transactionKeys.ts";
import type { MessageValue } from "#storage/types/transactionMessages.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { ensureAccount, requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import type { WorkingState } from "./workingState.ts";

export const METER_QUANTITIES: readonly string[] = ["electricity", "gas", "water", "heat", "ev"];
export const METER_DIRECTIONS: readonly string[] = ["import", "export"];

/** Characters of the reason a meter is revoked for. */
export const MAX_REVOKE_REASON_CHARS = 128;

export type MeterCertificate = Omit<MsgEnrolMeter, "authority" | "$typeName" | "$unknown">;

export function enrolMeter(context: MessageContext, message: MessageValue<"MsgEnrolMeter">): Failure | undefined {
  const forbidden = requireRight(context, signerAccount(message.authority), "enrolMeter");
  if (forbidden !== undefined) return forbidden;
  const failure = putMeter(context.state, message);
  if (failure !== undefined) return failure;
  const meter = context.state.get("meter", message.meterId);
  const account = meter?.owner ?? "";
  const device = meter?.deviceAccount ?? "";
  context.events.push(event("meter", { meter: message.meterId, account, device, action: "enrolled" }));
  return undefined;
}

export function revokeMeter(context: MessageContext, message: MessageValue<"MsgRevokeMeter">): Failure | undefined {
  const { state } = context;
  const forbidden = requireRight(context, signerAccount(message.authority), "revokeMeter");
  if (forbidden !== undefined) return forbidden;
  const meter = state.get("meter", message.meterId);
  if (meter === undefined) return fail("METER_UNKNOWN", JSON.stringify(message.meterId.slice(0, 96)));
  if (meter.revoked) return fail("METER_REVOKED", message.meterId);
  if (message.reason.length > MAX_REVOKE_REASON_CHARS)
    return fail("METER_INVALID", `reason has more than ${MAX_REVOKE_REASON_CHARS} characters`);
  state.put("meter", message.meterId, { ...meter, revoked: true, revokeReason: message.reason });
  context.events.push(
    event("meter", {
      meter: message.meterId,
      account: meter.owner,
      device: meter.deviceAccount,
      action: "revoked",
    }),
  );
  return undefined;
}

/** Checks a certificate and writes the meter, its empty chain and its device's account. Genesis uses it as well. */
export function putMeter(state: WorkingState, certificate: MeterCertificate): Failure | undefined {
  const { meterId, quantity, direction, seedCommitment, intervalMs, model, firmwareHash } = certificate;
  if (!isMeterId(meterId)) return fail("METER_INVALID", "meter id");
  if (!METER_QUANTITIES.includes(quantity)) return fail("METER_INVALID", "quantity");
  if (!METER_DIRECTIONS.includes(direction)) return fail("METER_INVALID", "direction");
  if (seedCommitment.length !== 32) return fail("METER_INVALID", "seed commitment");
  // An interval length that divides the period makes every interval lie in one period.
  const periodMs = state.get("params", SINGLE)?.periodMs ?? 0n;
  if (intervalMs === 0n || intervalMs > BigInt(MAX_READING_PERIOD_MS) || periodMs % intervalMs !== 0n)
    return fail("METER_INVALID", `interval of ${intervalMs} ms in a period of ${periodMs} ms`);
  const deviceKey = publicKeyOfDevice(certificate.deviceKey);
  if (deviceKey === undefined) return fail("METER_INVALID", "device key");
  const owner = canonicalAccount(certificate.owner);
  if (owner === undefined) return fail("ACCOUNT_MALFORMED", "owner");
  if (state.get("member", owner) === undefined) return fail("MEMBER_UNKNOWN", owner);
  const administrator = certificate.administrator === "" ? "" : canonicalAccount(certificate.administrator);
  if (administrator === undefined) return fail("ACCOUNT_MALFORMED", "administrator");
  if (administrator !== "" && state.get("member", administrator) === undefined)
    return fail("MEMBER_UNKNOWN", administrator);
  if (model !== "" && !isLabel(model)) return fail("METER_INVALID", "model");
  if (firmwareHash.length !== 0 && firmwareHash.length !== 32) return fail("METER_INVALID", "firmware hash");
  const { validFromMs, validUntilMs } = certificate;
  if (validFromMs < 0n || validUntilMs < 0n || (validUntilMs !== 0n && validUntilMs <= validFromMs))
    return fail("METER_INVALID", "validity");
  if (state.get("meter", meterId) !== undefined) return fail("METER_EXISTS", meterId);

  const deviceAccount = accountOfKey(deviceKey);
  ensureAccount(state, deviceAccount);
  state.put(
    "meter",
    meterId,
    newRecord("meter", {
      deviceKey: deviceKeyOf(deviceKey),
      deviceAccount,
      owner,
      quantity,
      direction,
      seedCommitment: new Uint8Array(seedCommitment),
      intervalMs,
      administrator,
      model,
      firmwareHash: new Uint8Array(firmwareHash),
      validFromMs,
      validUntilMs,
    }),
  );
  state.put("chain", meterId, newRecord("chain", {}));
  return undefined;
}

/** A short text that means something to people and nothing to the rules: printable ASCII, 1 to MAX_LABEL_CHARS characters. */
export function isLabel(text: string): boolean {
  return text.length <= MAX_LABEL_CHARS && /^[\x20-\x7e]+$/.test(text);
}

/** Whether the certificate holds for all of (fromMs, untilMs]; revocation is another matter. */
export function isValidFor(meter: Meter, fromMs: number, untilMs: number): boolean {
  return fromMs >= Number(meter.validFromMs) && (meter.validUntilMs === 0n || untilMs <= Number(meter.validUntilMs));
}

export function publicKeyOfDevice(key: DeviceKey | undefined): PublicKey | undefined {
  if (key?.type !== "ed25519" && key?.type !== "secp256k1") return undefined;
  if (key.key.length !== PUBLIC_KEY_TYPES[key.type].bytes) return undefined;
  return { type: key.type, bytes: key.key };
}

/** A copy: state lives longer than the block whose bytes a decoded key is a view of. */
export function deviceKeyOf({ type, bytes }: PublicKey): { type: string; key: Uint8Array } {
  return { type, key: new Uint8Array(bytes) };
}
