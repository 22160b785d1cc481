import type { EthereumEvent } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { keccak256 } from "#storage/types/ethereum.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { recordTimeMs } from "./messageContext.ts";
import type { RecordOf } from "./stateRecords.ts";
import { newRecord, registryId, SINGLE } from "./stateRecords.ts";
import type { WorkingState } from "./workingState.ts";

/**
 * What Ethereum's registry of devices (contracts/src/DeviceRegistry.sol) tells the ledger, where the ledger's owner has said that it counts
 * (MsgConfigureBridge). Total: a payload that is none, a number too large, a certificate older than the known one change nothing.
 */

const MAX_NUMBER = 2n ** 64n;
const WORD_BYTES = 32;

/** A word of the contract's ABI: a number below 2^64, undefined where it is larger; and the 32 bytes as they are. */
interface Word {
  readonly number: bigint | undefined;
  readonly bytes: Uint8Array;
}

interface Told {
  readonly state: WorkingState;
  readonly since: bigint;
  readonly eventNonce: bigint;
  readonly timeMs: bigint;
}

/** What was done, for the block's event; undefined where nothing was. */
type Done = { readonly device?: string; readonly issuer?: string; readonly action: string } | undefined;

/** By what the contract calls it: how many words its payload has, and what they change. */
const KINDS: Readonly<Record<string, { readonly words: number; readonly note: (told: Told, words: Word[]) => Done }>> =
  {
    "DeviceRegistry.IssuerAppointed": { words: 2, note: issuerAppointed },
    "DeviceRegistry.IssuerRevoked": { words: 2, note: issuerRevoked },
    "DeviceRegistry.DeviceCertified": { words: 5, note: deviceCertified },
    "DeviceRegistry.CertificateRevoked": { words: 2, note: certificateRevoked },
    "DeviceRegistry.ConfigurationSet": { words: 4, note: configurationSet },
  };

/** The same by their hashes, made when the first event comes. */
let byHash: ReadonlyMap<string, (typeof KINDS)[string]> | undefined;

/** Keeps what an event that took effect says of issuers and devices; nothing for another contract's. */
export function noteRegistryEvent(context: MessageContext, told: EthereumEvent, eventNonce: bigint): void {
  const { state } = context;
  const bridge = state.get("bridge", SINGLE);
  if (bridge === undefined || bridge.deviceRegistry.length === 0) return;
  if (Buffer.compare(told.emitter, bridge.deviceRegistry) !== 0) return;
  byHash ??= new Map(Object.entries(KINDS).map(([name, kind]) => [hexOf(keccak256(Buffer.from(name))), kind]));
  const kind = byHash.get(hexOf(told.kind));
  if (kind === undefined || told.payload.length !== kind.words * WORD_BYTES) return;
  const words = Array.from({ length: kind.words }, (_, i) => wordAt(told.payload, i));
  const timeMs = recordTimeMs(context);
  const done = kind.note({ state, since: bridge.deviceRegistrySince, eventNonce, timeMs }, words);
  if (done !== undefined) context.events.push(event("registry", { device: "", issuer: "", ...done }));
}

/** issuerId, parentId; numbers go up, so that no issuer is above itself. */
function issuerAppointed({ state, since }: Told, [issuer, parent]: Word[]): Done {
  const [id, parentId] = [issuer?.number, parent?.number];
  if (id === undefined || parentId === undefined || parentId >= id) return undefined;
  const key = registryId(since, id.toString());
  const before = state.get("registryIssuer", key) ?? newRecord("registryIssuer", {});
  state.put("registryIssuer", key, { ...before, parentId });
  return { issuer: id.toString(), action: "appointed" };
}

/** issuerId, account */
function issuerRevoked({ state, since }: Told, [issuer]: Word[]): Done {
  const id = issuer?.number;
  if (id === undefined) return undefined;
  const key = registryId(since, id.toString());
  const before = state.get("registryIssuer", key) ?? newRecord("registryIssuer", {});
  state.put("registryIssuer", key, { ...before, revoked: true });
  return { issuer: id.toString(), action: "revoked" };
}

/** deviceId, certificateId, issuerId, notBefore, notAfter */
function deviceCertified(told: Told, [device, certificate, issuer, from, until]: Word[]): Done {
  const { key, id, before } = deviceOf(told, device);
  const [certificateId, issuerId, notBefore, notAfter] = [certificate, issuer, from, until].map((word) => word?.number);
  if (certificateId === undefined || issuerId === undefined || notBefore === undefined || notAfter === undefined)
    return undefined;
  if (certificateId <= before.certificateId) return undefined;
  const fields = { certificateId, issuerId, notBefore, notAfter, revoked: false };
  told.state.put("registryDevice", key, { ...before, ...fields });
  return { device: id, issuer: issuerId.toString(), action: "certified" };
}

/** certificateId, deviceId: zero for an administrator's certificate, which is no matter here. */
function certificateRevoked(told: Told, [certificate, device]: Word[]): Done {
  const { key, id, before } = deviceOf(told, device);
  const certificateId = certificate?.number;
  if (certificateId === undefined || /^0+$/.test(id)) return undefined;
  // Not the end of a certificate that another one has replaced.
  if (before.certificateId !== 0n && before.certificateId !== certificateId) return undefined;
  told.state.put("registryDevice", key, { ...before, certificateId, revoked: true });
  return { device: id, action: "revoked" };
}

/** deviceId, version, configHash, level */
function configurationSet(told: Told, [device, version, hash, level]: Word[]): Done {
  const { key, id, before } = deviceOf(told, device);
  const number = version?.number;
  if (number === undefined || number >= 2n ** 32n || hash === undefined) return undefined;
  const { eventNonce, timeMs } = told;
  const urgency = level?.number === 1n ? 1 : 0;
  const fields = { version: Number(number), configHash: hash.bytes, level: urgency, eventNonce, timeMs };
  told.state.put("registryDevice", key, { ...before, ...fields });
  return { device: id, action: "configured" };
}

function deviceOf({ state, since }: Told, device: Word | undefined) {
  const id = hexOf(device?.bytes ?? new Uint8Array(WORD_BYTES));
  const key = registryId(since, id);
  const before: RecordOf<"registryDevice"> = state.get("registryDevice", key) ?? newRecord("registryDevice", {});
  return { id, key, before };
}

/** Copies: state lives longer than the block whose bytes the payload is a view of. */
function wordAt(payload: Uint8Array, index: number): Word {
  const bytes = new Uint8Array(payload.subarray(index * WORD_BYTES, (index + 1) * WORD_BYTES));
  const value = BigInt(`0x${hexOf(bytes)}`);
  return { bytes, number: value < MAX_NUMBER ? value : undefined };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
