import { queryRecord } from "./ledgerQueries.ts";
import type { ApiPorts } from "./ports.ts";

/** Issuers above one another, as the ledger looks at them. */
const MAX_ISSUERS_ABOVE = 4;

/**
 * What Ethereum's registry of devices has told the ledger of a meter's device; times in RFC 3339. Undefined where no registry counts.
 * status: as the ledger judges it, revoked and issuerRevoked being what refuses the device's messages.
 */
export async function deviceOnEthereum(
  stateQuery: NonNullable<ApiPorts["stateQuery"]>,
  meterId: string,
): Promise<object | undefined> {
  const bridge = await queryRecord(stateQuery, "/edream/bridge", "");
  const registry = String(bridge?.deviceRegistry ?? "");
  if (bridge === undefined || registry === "") return undefined;
  const since = String(bridge.deviceRegistrySince);
  const head = { meterId, registry: `0x${registry}` };
  const device = await queryRecord(stateQuery, "/edream/registry-device", `${since} ${meterId}`);
  if (device === undefined) return { ...head, status: "unknown", certificate: null, configuration: null };
  const { certificateId, issuerId, notBefore, notAfter, revoked, version, configHash, level, timeMs } = device;
  const revokedIssuer = await revokedIssuerOf(stateQuery, since, String(issuerId));
  const certificate = {
    ...{ certificateId, issuerId, isRevoked: revoked === true, revokedIssuer: revokedIssuer ?? null },
    ...{ validFrom: timeOf(notBefore), validUntil: timeOf(notAfter) },
  };
  const configuration = { version, configHash: `0x${configHash}`, priority: level === 1 ? "urgent" : "normal" };
  return {
    ...head,
    status: revoked === true ? "revoked" : revokedIssuer === undefined ? "valid" : "issuerRevoked",
    certificate: certificateId === "0" ? null : certificate,
    configuration: version === 0 ? null : { ...configuration, toldAt: new Date(Number(timeMs)).toISOString() },
  };
}

/** The nearest one that is revoked, going up. */
async function revokedIssuerOf(stateQuery: NonNullable<ApiPorts["stateQuery"]>, since: string, issuerId: string) {
  let id = issuerId;
  for (let above = 0; above < MAX_ISSUERS_ABOVE && id !== "0"; above++) {
    const issuer = await queryRecord(stateQuery, "/edream/registry-issuer", `${since} ${id}`);
    if (issuer?.revoked === true) return id;
    id = String(issuer?.parentId ?? "0");
  }
  return undefined;
}

function timeOf(seconds: unknown): string | null {
  const ms = Number(seconds) * 1000;
  return ms > 0 && ms <= 8.64e15 ? new Date(ms).toISOString() : null;
}
