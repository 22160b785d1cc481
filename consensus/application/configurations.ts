import { sha256 } from "#storage/crypto/hash.ts";
import { verifySignature } from "#storage/crypto/keys.ts";
import { MAX_CONFIGURATION_BYTES, MAX_KEPT_CONFIGURATIONS, MAX_TX_ATTESTATIONS } from "#storage/limits.ts";
import type { Meter } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type {
  MsgAcknowledgeDeviceConfiguration,
  MsgSetDeviceConfiguration,
} from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { attestationBytes } from "#storage/types/configurationAttestation.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { recordTimeMs, requireRight, signerAccount } from "./messageContext.ts";
import { checkNotFuture, countsOf, meterFor } from "./meterRecords.ts";
import { isLabel, isValidFor, publicKeyOfDevice } from "./meters.ts";
import { revokedOnEthereum } from "./registryStanding.ts";
import { newRecord, numberedId } from "./stateRecords.ts";

export const CONFIGURATION_PRIORITIES = ["normal", "urgent"] as const;
export type ConfigurationPriority = (typeof CONFIGURATION_PRIORITIES)[number];

/**
 * A device's next configuration (seed 001). Checks in this order:
 *   a) the meter exists (METER_UNKNOWN), the signer administers its device (ROLE_FORBIDDEN), whose certificate is not revoked
 *      (METER_REVOKED, METER_REVOKED_ON_ETHEREUM) and holds at block time (METER_NOT_VALID)
 *   b) payload, hash, schema and priority are within their limits (CONFIGURATION_INVALID)
 *   c) the version is the next one (CONFIGURATION_VERSION_MISMATCH)
 *   d) somebody else, with the right to, has attested the plaintext's syntax (ATTESTATION_INVALID, ROLE_FORBIDDEN); at most
 *      MAX_TX_ATTESTATIONS in one transaction (TX_LIMIT_EXCEEDED)
 */
export function setDeviceConfiguration(
  context: MessageContext,
  message: MsgSetDeviceConfiguration,
): Failure | undefined {
  const { state } = context;
  const { meterId, version, payload, plaintextHash, schemaId, schemaVersion, priority } = message;
  const meter = meterFor(context, { meterId, signer: message.administrator, right: "setConfiguration" });
  if ("code" in meter) return meter;
  if (meter.revoked) return fail("METER_REVOKED", meterId);
  const revoked = revokedOnEthereum(state, meterId);
  if (revoked !== undefined) return revoked;
  if (context.timeMs !== undefined && !isValidFor(meter, context.timeMs, context.timeMs))
    return fail("METER_NOT_VALID", `at ${context.timeMs}`);
  if (payload.length === 0 || payload.length > MAX_CONFIGURATION_BYTES)
    return fail("CONFIGURATION_INVALID", `payload of ${payload.length} bytes, 1 to ${MAX_CONFIGURATION_BYTES} allowed`);
  if (plaintextHash.length !== 32) return fail("CONFIGURATION_INVALID", "plaintext hash");
  if (!isLabel(schemaId) || schemaVersion === 0) return fail("CONFIGURATION_INVALID", "schema");
  if (!(CONFIGURATION_PRIORITIES as readonly string[]).includes(priority))
    return fail("CONFIGURATION_INVALID", "priority");
  const counts = countsOf(context, meterId);
  const next = counts.configurationVersion + 1n;
  if (version !== next) return fail("CONFIGURATION_VERSION_MISMATCH", `version ${version}, next is ${next}`);
  const administrator = signerAccount(message.administrator);
  const checker = checkAttestation(context, message, administrator);
  if (typeof checker !== "string") return checker;

  state.put(
    "configuration",
    numberedId(meterId, version),
    newRecord("configuration", {
      payloadHash: sha256(payload),
      payloadBytes: payload.length,
      plaintextHash: new Uint8Array(plaintextHash),
      schemaId,
      schemaVersion,
      priority,
      administrator,
      checker,
      setMs: recordTimeMs(context),
    }),
  );
  state.put("payload", numberedId(meterId, version), newRecord("payload", { ciphertext: new Uint8Array(payload) }));
  const retired = version - BigInt(MAX_KEPT_CONFIGURATIONS);
  if (retired > 0n) state.remove("payload", numberedId(meterId, retired));
  state.put("counts", meterId, { ...counts, configurationVersion: version });
  context.events.push(configurationEvent(meterId, meter, version, priority, "set"));
  return undefined;
}

/**
 * The device's answer. Checks in this order:
 *   a) the meter exists (METER_UNKNOWN), the signer is its device (ROLE_FORBIDDEN), whose certificate is not revoked (METER_REVOKED)
 *   b) the outcome is known, and its code 0 exactly if it was applied; the time is one (CONFIGURATION_INVALID) and no future (INTERVAL_IN_FUTURE)
 *   c) the device was sent this version (CONFIGURATION_UNKNOWN) and has not answered yet (CONFIGURATION_ACKNOWLEDGED)
 */
export function acknowledgeDeviceConfiguration(
  context: MessageContext,
  message: MsgAcknowledgeDeviceConfiguration,
): Failure | undefined {
  const { state } = context;
  const { meterId, signer, version, outcome, code, appliedMs } = message;
  const meter = meterFor(context, { meterId, signer, right: "acknowledgeConfiguration" });
  if ("code" in meter) return meter;
  if (outcome !== "applied" && outcome !== "rejected") return fail("CONFIGURATION_INVALID", "outcome");
  if ((code === 0) !== (outcome === "applied")) return fail("CONFIGURATION_INVALID", `${outcome} with code ${code}`);
  if (appliedMs <= 0n) return fail("CONFIGURATION_INVALID", "time");
  const future = checkNotFuture(context, appliedMs);
  if (future !== undefined) return future;
  const id = numberedId(meterId, version);
  const configuration = state.get("configuration", id);
  if (configuration === undefined) return fail("CONFIGURATION_UNKNOWN", `version ${version}`);
  if (configuration.outcome !== "") return fail("CONFIGURATION_ACKNOWLEDGED", `version ${version}`);

  const acknowledgedMs = recordTimeMs(context);
  state.put("configuration", id, { ...configuration, outcome, code, appliedMs, acknowledgedMs });
  const counts = countsOf(context, meterId);
  if (outcome === "applied" && version > counts.appliedVersion)
    state.put("counts", meterId, { ...counts, appliedVersion: version });
  context.events.push(configurationEvent(meterId, meter, version, configuration.priority, outcome));
  return undefined;
}

/** The checker's account. */
function checkAttestation(
  context: MessageContext,
  message: MsgSetDeviceConfiguration,
  administrator: string,
): string | Failure {
  const { meterId, version, plaintextHash, schemaId, schemaVersion } = message;
  const key = publicKeyOfDevice(message.checkerKey);
  if (key === undefined) return fail("ATTESTATION_INVALID", "key");
  const checker = accountOfKey(key);
  if (checker === administrator) return fail("ATTESTATION_INVALID", "the administrator attests its own configuration");
  const forbidden = requireRight(context, checker, "attestConfiguration");
  if (forbidden !== undefined) return forbidden;
  context.attestations += 1;
  if (context.attestations > MAX_TX_ATTESTATIONS)
    return fail("TX_LIMIT_EXCEEDED", `more than ${MAX_TX_ATTESTATIONS} attestations in one transaction`);
  const ledgerId = context.chainId;
  const signed = attestationBytes({ ledgerId, meterId, version, plaintextHash, schemaId, schemaVersion });
  if (signed === undefined || !verifySignature(key, signed, message.attestation))
    return fail("ATTESTATION_INVALID", "signature");
  return checker;
}

function configurationEvent(meterId: string, meter: Meter, version: bigint, priority: string, action: string) {
  const device = meter.deviceAccount;
  return event("configuration", { meter: meterId, device, version: version.toString(), priority, action });
}
