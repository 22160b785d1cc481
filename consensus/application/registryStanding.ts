import { keccak256 } from "#storage/types/ethereum.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { registryId, SINGLE } from "./stateRecords.ts";
import type { StateReader } from "./workingState.ts";

/** Issuers above one another, as the contract bounds them: 4 below the owner. */
const MAX_ISSUERS_ABOVE = 4;

/**
 * METER_REVOKED_ON_ETHEREUM where the registry counts here and has revoked the certificate of the meter's device, its issuer, or one above. Until it
 * certifies the device anew. A device that it has not told of is none of its.
 */
export function revokedOnEthereum(state: StateReader, meterId: string): Failure | undefined {
  const bridge = state.get("bridge", SINGLE);
  if (bridge === undefined || bridge.deviceRegistry.length === 0) return undefined;
  const since = bridge.deviceRegistrySince;
  const device = state.get("registryDevice", registryId(since, registryDeviceId(meterId)));
  if (device === undefined) return undefined;
  if (device.revoked) return fail("METER_REVOKED_ON_ETHEREUM", `certificate ${device.certificateId}`);
  let issuerId = device.issuerId;
  for (let above = 0; above < MAX_ISSUERS_ABOVE && issuerId !== 0n; above++) {
    const issuer = state.get("registryIssuer", registryId(since, issuerId.toString()));
    if (issuer?.revoked === true) return fail("METER_REVOKED_ON_ETHEREUM", `issuer ${issuerId}`);
    issuerId = issuer?.parentId ?? 0n;
  }
  return undefined;
}

/** How the registry calls a meter's device: keccak256 of the meter's id, hex. */
export function registryDeviceId(meterId: string): string {
  return Buffer.from(keccak256(Buffer.from(meterId, "utf8"))).toString("hex");
}
